"""The load: closed-loop clients in a process of their own, each answer checked in full.

``python -m benchmarks.load`` reads jobs from stdin and writes outcomes to stdout, a JSON line each;
``Loader`` is that process. A connection asks, reads the whole answer, checks it and asks again.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any, cast

import httptools
import msgspec

from benchmarks import messages
from benchmarks.processes import ROOT, python_environ

QUESTION = "What does a traders' token buy at the tokenhouse, and who keeps its books?"
SYSTEM = "You answer in plain words. Say what you know, and say so when you do not know it."


class Outcome(msgspec.Struct, frozen=True):
    """What one run of the load saw. Latencies are seconds: of a stream, to its end."""

    answers: int
    chunks: int
    wrong: int
    seconds: float
    p50: float
    p99: float
    first_wrong: str = ""


class Asked(msgspec.Struct, frozen=True):
    """What is asked, of whom, and the answer that is right."""

    port: int
    path: str = "/v1/chat/completions"
    key: str = "none"
    model: str = "m"
    stream: bool = False
    chunks: int = 50

    def request(self) -> bytes:
        """The whole request as bytes."""
        most, version = self.chunks + 14, ""
        if self.is_messages:
            body, version = messages.question(self.model, SYSTEM, QUESTION, most), messages.VERSION
        else:
            body: dict[str, Any] = {
                "model": self.model,
                "messages": [
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": QUESTION},
                ],
                "max_tokens": most,
                "temperature": 0.3,
            }
        if self.stream:
            body["stream"] = True
        octets = msgspec.json.encode(body)
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Accept: */*\r\n{version}Content-Length: {len(octets)}\r\n\r\n"
        ).encode() + octets

    @property
    def is_messages(self) -> bool:
        return self.path == messages.PATH

    def fault(self, body: bytes) -> str:
        """Why this is not the right answer; empty when it is."""
        if self.is_messages:
            check = messages.fault_of_events if self.stream else messages.fault_of_message
            return check(body, self.text(), self.chunks)
        return fault_of_stream(body, self) if self.stream else fault_of_whole(body, self)

    def text(self) -> str:
        """The text that the upstream says."""
        return " ".join(["token"] * self.chunks)


class Loader:
    """The load's process, in use as ``with Loader() as loader``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=python_environ(),
        )

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self, job: Job) -> None:
        """Start a job; ``outcome`` waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        self._process.stdin.flush()

    def outcome(self) -> Outcome:
        """What the job that was begun saw. ChildProcessError when the process broke."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"the load ended with exit code {self._process.wait()}")
        return msgspec.json.decode(line, type=Outcome)

    def run(self, job: Job) -> Outcome:
        """Do the job and say what it saw."""
        self.begin(job)
        return self.outcome()


class _Delta(msgspec.Struct):
    content: str | None = None


class _Usage(msgspec.Struct):
    completion_tokens: int


class _Choice(msgspec.Struct):
    message: _Delta | None = None
    delta: _Delta | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_decode = msgspec.json.Decoder(_Body).decode


def fault_of_whole(body: bytes, asked: Asked) -> str:
    """Why this is not the right non-streamed answer; empty when it is."""
    try:
        answer = _decode(body)
    except msgspec.DecodeError as error:
        return f"not an answer ({error}): {body[:200]!r}"
    message = answer.choices[0].message if answer.choices else None
    if message is None or message.content != asked.text():
        return f"another text: {body[:200]!r}"
    if answer.usage is None or answer.usage.completion_tokens != asked.chunks:
        return "another usage"
    return ""


def fault_of_stream(body: bytes, asked: Asked) -> str:
    """Why this is not the right stream; empty when it is. Each token in a chunk of its own."""
    frames = [frame for frame in body.split(b"\n\n") if frame.startswith(b"data:")]
    if not frames or frames[-1][5:].strip() != b"[DONE]":
        return f"no [DONE]: {body[-200:]!r}"
    said: list[str] = []
    try:
        for frame in frames[:-1]:
            for choice in _decode(frame[5:]).choices:
                if choice.delta is not None and choice.delta.content:
                    said.append(choice.delta.content)
    except msgspec.DecodeError as error:
        return f"a frame that is no chunk ({error})"
    if len(said) != asked.chunks:
        return f"{len(said)} chunks with text, not {asked.chunks}"
    return "" if "".join(said) == asked.text() else "another text"


class Connection(asyncio.Protocol):
    """One keep-alive connection that asks until the deadline."""

    def __init__(self, asked: Asked, tally: Tally) -> None:
        self._asked = asked
        self._tally = tally
        self._request = asked.request()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._since = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one by its shape, not by its class
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._finish(f"not HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._finish("the connection was closed")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        status = self._parser.get_status_code()
        if status != 200:
            fault = f"status {status}: {body[:200]!r}"
        else:
            fault = self._asked.fault(body)
        self._tally.count(time.perf_counter() - self._since, fault)
        if fault or time.perf_counter() >= self._tally.deadline:
            self._finish("")
        else:
            asyncio.get_running_loop().call_soon(self._ask)

    def _ask(self) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        # a gateway that closes after each answer would need more; none of those measured does
        self._parser = httptools.HttpResponseParser(self)
        self._since = time.perf_counter()
        self._transport.write(self._request)

    def _finish(self, fault: str) -> None:
        if fault:
            self._tally.count(0.0, fault)
        if not self.done.done():
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.abort()


class Tally:
    """What all connections of a run saw together."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.latencies: list[float] = []
        self.wrong = 0
        self.first_wrong = ""

    def count(self, seconds: float, fault: str) -> None:
        if not fault:
            self.latencies.append(seconds)
            return
        self.wrong += 1
        self.first_wrong = self.first_wrong or fault

    def outcome(self, seconds: float, chunks_each: int) -> Outcome:
        ordered = sorted(self.latencies)
        answers = len(ordered)
        return Outcome(
            answers=answers,
            chunks=answers * chunks_each,
            wrong=self.wrong,
            seconds=seconds,
            p50=quantile(ordered, 0.5),
            p99=quantile(ordered, 0.99),
            first_wrong=self.first_wrong,
        )


def quantile(ordered: list[float], share: float) -> float:
    """Of sorted numbers, the nearest rank; 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Job(msgspec.Struct, frozen=True):
    """Ask over ``connections`` for ``seconds``; their starts are spread over ``spread_s``.

    An answer that was begun is read to its end, for ``patience_s`` more at most.
    """

    asked: Asked
    connections: int = 1
    seconds: float = 1.0
    spread_s: float = 0.0
    patience_s: float = 30.0


async def load(job: Job) -> Outcome:
    """Do the job."""
    asked, connections, seconds, spread_s = job.asked, job.connections, job.seconds, job.spread_s
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    tally = Tally(begin + seconds)

    async def one(number: int) -> None:
        await asyncio.sleep(spread_s * number / connections)
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(asked, tally), "127.0.0.1", asked.port
            )
        except OSError as error:
            tally.count(0.0, f"cannot connect: {error}")
            return
        await connection.done

    try:
        async with asyncio.timeout(seconds + spread_s + job.patience_s):
            await asyncio.gather(*(one(number) for number in range(connections)))
    except TimeoutError:
        tally.count(0.0, f"no answer within {job.patience_s:g} s")
    return tally.outcome(time.perf_counter() - begin, asked.chunks)


def main() -> None:
    """Jobs come in as JSON lines and outcomes go out; the end of stdin is the end."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        for line in sys.stdin.buffer:
            outcome = runner.run(load(msgspec.json.decode(line, type=Job)))
            sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
            sys.stdout.buffer.flush()


def _loop_factory() -> Any:
    """The cheaper the client, the less it disturbs what it measures."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
