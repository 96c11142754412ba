"""``chat``: talk to a model in the terminal, through the public API, with a key like anyone else."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast
from urllib.parse import urlsplit

import click

from tokenhouse.cli_frame import (
    AUTH,
    UNREACHABLE,
    Failure,
    Settings,
    Verb,
    failure_of_status,
    settings_of,
)
from tokenhouse.cli_open import house_exists, session_key
from tokenhouse.config import Config
from tokenhouse.wire import sse

_Object: TypeAlias = Mapping[str, object]

TIMEOUT_S: Final = 600.0
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@click.command(
    cls=Verb,
    examples="""
    tokenhouse chat
    tokenhouse chat tokenhouse/starter --system "Answer in one sentence."
    echo "What is a hold?" | tokenhouse chat
    tokenhouse chat --json < question.txt
    """,
)
@click.argument("model", required=False)
@click.option("--system", metavar="TEXT", help="A system message to begin with.")
@click.option(
    "--url",
    envvar="TOKENHOUSE_URL",
    show_envvar=True,
    help="The server. Default: the host and port of the settings.",
)
@click.option(
    "--key",
    envvar="TOKENHOUSE_API_KEY",
    show_envvar=True,
    help="The key that pays. Default: one made for this chat, for the first account of the house.",
)
@settings_of
def chat(
    settings: Settings, model: str | None, system: str | None, url: str | None, key: str | None
) -> None:
    """Talk to a model in the terminal.

    MODEL is the server's default when it is left out. In a terminal the talk goes on until Ctrl-D,
    and Ctrl-C stops an answer; otherwise stdin is one question.
    """
    config = settings.load()
    talk = Talk(url or local_url(config), model)
    if system is not None:
        talk.messages.append({"role": "system", "content": system})
    with _paying(config, key) as secret:
        talk.key = secret
        if settings.as_json:
            print(talk.whole(_question()).decode())
        elif sys.stdin.isatty():
            _converse(talk)
        else:
            _say(talk, _question())


def local_url(config: Config) -> str:
    """Where this machine reaches the server of these settings."""
    host = _ANY.get(config.server.host, config.server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{config.server.port}"


@dataclass(slots=True)
class Talk:
    """One conversation with one server. ``messages`` grow by what was asked and answered."""

    url: str
    model: str | None
    key: str = ""
    messages: list[_Object] = field(default_factory=list[_Object])
    usage: _Object | None = None

    def whole(self, question: str) -> bytes:
        """Ask without streaming; → the answer's JSON as the server wrote it."""
        with closing(self._ask(question, stream=False)) as answered:
            return answered.response.read()

    def pieces(self, question: str) -> Generator[str, None, None]:
        """Ask, and give the text as it comes. Closing the generator stops the answer."""
        with closing(self._ask(question, stream=True)) as answered:
            reader = sse.Reader()
            while arrived := _read(answered.response):
                for _, data in reader.feed(arrived):
                    if data == b"[DONE]":
                        return
                    piece = self._text(_object(data))
                    if piece:
                        yield piece
        raise Failure("the answer broke off before its end; ask again", code="stream_cut")

    def said(self, question: str, answer: str) -> None:
        """Remember a question and what was answered, for the questions that follow."""
        self.messages.append({"role": "user", "content": question})
        self.messages.append({"role": "assistant", "content": answer})

    def _ask(self, question: str, *, stream: bool) -> _Answered:
        body: dict[str, object] = {"stream": stream}
        if self.model is not None:
            body["model"] = self.model
        if stream:
            body["stream_options"] = {"include_usage": True}
        body["messages"] = [*self.messages, {"role": "user", "content": question}]
        return _Answered(self.url, self.key, json.dumps(body).encode())

    def _text(self, chunk: _Object) -> str:
        if "error" in chunk:
            raise _failure(200, chunk)
        used = chunk.get("usage")
        if isinstance(used, Mapping):
            self.usage = cast(_Object, used)
        for choice in _objects(chunk.get("choices")):
            delta = choice.get("delta")
            content = cast(_Object, delta).get("content") if isinstance(delta, Mapping) else None
            if isinstance(content, str):
                return content
        return ""


class _Answered:
    """A request that was sent and answered with 200; Failure where it was not."""

    def __init__(self, url: str, key: str, body: bytes) -> None:
        self._connection = _connect(url)
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        path = urlsplit(url).path.rstrip("/").removesuffix("/v1") + "/v1/chat/completions"
        try:
            self._connection.request("POST", path, body, headers)
            self.response = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise _unreachable(url, error) from error
        if self.response.status != 200:
            with closing(self):
                raise _failure(self.response.status, _object(self.response.read()))

    def close(self) -> None:
        self.response.close()
        self._connection.close()


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(f"{url!r} is no address; write one like http://127.0.0.1:8080", code="usage")
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, port, timeout=TIMEOUT_S, context=context)
    return http.client.HTTPConnection(parts.hostname, port, timeout=TIMEOUT_S)


def _read(response: http.client.HTTPResponse) -> bytes:
    """What has arrived; empty at the end, proper or not: the frames tell which."""
    try:
        return response.read1(65536)
    except (OSError, http.client.HTTPException):
        return b""


def _converse(talk: Talk) -> None:
    print("Ctrl-D ends the chat, Ctrl-C stops an answer.", file=sys.stderr)
    while True:
        try:
            question = input("\n> ").strip()
        except EOFError:
            print()
            return
        if not question:
            continue
        try:
            _say(talk, question)
        except Failure as failure:
            if failure.exit_code == UNREACHABLE:
                raise
            print(f"tokenhouse: {failure}", file=sys.stderr)


def _say(talk: Talk, question: str) -> None:
    """Print the answer as it comes, then on a terminal what it cost."""
    talk.usage = None
    said: list[str] = []
    with closing(talk.pieces(question)) as pieces:
        try:
            for piece in pieces:
                said.append(piece)
                print(piece, end="", flush=True)
        except KeyboardInterrupt:
            if not sys.stdin.isatty():
                raise
    print()
    talk.said(question, "".join(said))
    if talk.usage is not None and sys.stderr.isatty():
        print(_toll(talk.usage), file=sys.stderr)


def _toll(usage: _Object) -> str:
    asked, answered = usage.get("prompt_tokens"), usage.get("completion_tokens")
    cost = usage.get("cost")
    price = "" if cost is None else f" · ${cost}"
    return f"{asked} tokens in · {answered} out{price}"


def _question() -> str:
    question = sys.stdin.read().strip()
    if not question:
        raise click.UsageError("nothing to ask: write the question to stdin")
    return question


def _paying(config: Config, key: str | None) -> AbstractContextManager[str]:
    if key is not None:
        return nullcontext(key)
    if not house_exists(config):
        raise Failure(
            "no key: set TOKENHOUSE_API_KEY, or start a house here with `tokenhouse serve`",
            code="missing_api_key",
            exit_code=AUTH,
        )
    return session_key(config)


def _failure(status: int, body: _Object) -> Failure:
    error = body.get("error")
    if isinstance(error, Mapping):
        told = cast(_Object, error)
        return failure_of_status(status, str(told.get("message")), str(told.get("code")))
    return failure_of_status(status, f"the server answered {status}", "server_error")


def _unreachable(url: str, error: Exception) -> Failure:
    return Failure(
        f"can't reach {url} ({error}): is `tokenhouse serve` running there?",
        code="unreachable",
        exit_code=UNREACHABLE,
    )


def _object(octets: bytes) -> _Object:
    try:
        value: object = json.loads(octets, parse_float=str)  # a cost stays exact
    except ValueError:
        return {}
    return cast(_Object, value) if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[_Object]:
    if not isinstance(value, list):
        return []
    items = cast("list[object]", value)
    return [cast(_Object, item) for item in items if isinstance(item, Mapping)]
