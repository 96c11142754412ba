"""Requests that carry an Idempotency-Key: an answer that outlives its client, and is given again.

Such a request runs in a task of its own, which sends into a recording. Clients follow the recording:
the first, whoever asks again while it runs (they get what was sent, and then what comes), and, from
the database, whoever asks again within a day.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from tokenhouse.api.fronts import Encoder
from tokenhouse.api.http import (
    DIRECT,
    JSON,
    ON_LEAVE,
    Handler,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    header,
)
from tokenhouse.api.recording import Follower, Later, Recording, Stored
from tokenhouse.api.routes import PREFIXES
from tokenhouse.errors import CallerError, HouseError, TokenhouseError
from tokenhouse.relay import Answer, Kept, KeyAsked

RECORDING = "tokenhouse.recording"
"""In the scope of a request that runs for its followers: its recording."""

HEADER = b"idempotency-key"
KEPT_MAX = 4 * 2**20

_PARAM = "Idempotency-Key"
_LONGEST = 255
_ASKING = (b"anthropic-version", b"anthropic-beta")
"""Headers that change what is asked."""
_RUNNING_RETRY_S = 2.0


def key_asked(headers: Headers, path: str, body: bytes) -> KeyAsked:
    """The request's Idempotency-Key, which it must carry. CallerError for one that can't be taken.

    The same bytes (and version headers) to another spelling of the same route are the same request.
    """
    name = idempotency_name(headers)
    route = next((path[len(prefix) :] for prefix in PREFIXES if path.startswith(prefix)), path)
    digest = hashlib.sha256(route.encode() + b"\0")
    for asking in _ASKING:
        digest.update(b"%b\0" % (header(headers, asking) or b""))
    digest.update(body)
    return KeyAsked(name, digest.digest())


def idempotency_name(headers: Headers) -> str:
    """The Idempotency-Key that the headers must carry. CallerError 400 for one that can't be taken."""
    name = header(headers, HEADER)
    assert name is not None
    if any(found == HEADER and value != name for found, value in headers):
        raise _refused(400, "two different Idempotency-Key headers were sent; send one")
    if not 1 <= len(name) <= _LONGEST or not all(0x21 <= octet <= 0x7E for octet in name):
        raise _refused(
            400,
            f"the Idempotency-Key header must be 1 to {_LONGEST} visible ASCII characters, "
            "without spaces",
        )
    return name.decode("ascii")


class KeyedAnswers:
    """The answers that run under an Idempotency-Key in this process. Start it, and stop it."""

    def __init__(self, *, kept_max: int = KEPT_MAX, later: Later | None = None) -> None:
        self.later = later
        self._kept_max = kept_max
        self.running: dict[tuple[str, str], tuple[Recording, asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def start(self) -> None:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()

    async def stop(self) -> None:
        """Cancel what still runs, as a house that shuts down does, and wait for its end. Idempotent."""
        group, self._group = self._group, None
        if group is None:
            return
        for _, task in self.running.values():
            task.cancel()
        await group.__aexit__(None, None, None)

    def follow(
        self, account: str, asked: KeyAsked, send: Send, run: Callable[[Recording], Awaitable[None]]
    ) -> Follower:
        """A follower of the account's answer under this key; ``run`` answers, if nobody has begun to.

        CallerError 409 for a key of another request, or of an answer too long to be given twice.
        """
        place = (account, asked.name)
        running = self.running.get(place)
        if running is not None:
            recording = running[0]
            if recording.asked.digest != asked.digest:
                raise _other_request()
            if recording.too_large:
                raise _too_large()
            if recording.left:
                raise _in_use("is ending because its client left")
            return Follower(recording, send, replayed=True)
        if self._group is None:
            raise stopping()
        later = asyncio.get_running_loop().call_later if self.later is None else self.later
        recording = Recording(asked, later, self._kept_max)
        task = self._group.create_task(self._run(place, recording, run))
        self.running[place] = (recording, task)
        return Follower(recording, send, replayed=False)

    def stop_one(self, account: str, asked: KeyAsked) -> None:
        """The server wants this request to end: its followers are told so."""
        running = self.running.get((account, asked.name))
        if running is not None:
            running[1].cancel()

    async def _run(
        self,
        place: tuple[str, str],
        recording: Recording,
        run: Callable[[Recording], Awaitable[None]],
    ) -> None:
        failure: TokenhouseError | None = stopping()
        try:
            await run(recording)
            failure = None
        finally:
            del self.running[place]
            recording.end(failure)


async def answer_kept(recording: Recording, kept: Kept) -> None:
    """Tell the followers what became of the request that took their key before.

    CallerError 409 where there is no answer to give, or not yet.
    """
    if kept.digest != recording.asked.digest:
        raise _other_request()
    match kept.state:
        case "running":
            raise _in_use("is still running in another process of this house")
        case "too_large":
            raise _too_large()
        case "cut":
            raise _refused(
                409,
                f"The answer to the request with this Idempotency-Key ({kept.request}) was cut short "
                "and is not kept; its receipt says what was charged. To ask again, send another key.",
                code="idempotency_answer_lost",
            )
        case "kept":
            await _give(recording, kept)


async def _give(recording: Recording, kept: Kept) -> None:
    try:
        stored = msgspec.msgpack.decode(kept.answer or b"", type=Stored)
    except msgspec.MsgspecError as error:
        raise HouseError(f"the answer kept for {kept.request} can't be read") from error
    headers = [pair for pair in stored.headers if pair[0] != b"content-length"]
    if JSON in headers:  # a stream says no length, this time neither
        headers.append((b"content-length", b"%d" % len(stored.body)))
    recording.replayed = True
    await recording.send(
        {"type": "http.response.start", "status": stored.status, "headers": headers}
    )
    await recording.send({"type": "http.response.body", "body": stored.body})


async def run_into(handler: Handler, scope: Scope, body: bytes, recording: Recording) -> None:
    """Run ``handler`` for the recording's followers, with the body that was read already."""
    own = {**scope, RECORDING: recording, ON_LEAVE: recording.on_leave}
    own.pop(DIRECT, None)
    await handler(own, _once(body), recording.send)


class LastFrames:
    """The last frames of a stream: what came last, and the closing that says what was charged.

    An encoder closes once. Under an Idempotency-Key that happens in the operation that ends the hold,
    and what the client is sent is what was kept.
    """

    __slots__ = ("_answer", "_charged", "_closed", "_encoder", "_frames")

    def __init__(self, encoder: Encoder, answer: Answer, frames: bytes) -> None:
        self._encoder = encoder
        self._answer = answer
        self._frames = frames
        self._closed: bytes | None = None
        self._charged = 0

    def __call__(self, charged: int) -> bytes | None:
        """None where the operation was undone and comes to another charge now: it can't be kept."""
        frames = self.frames(charged)
        return frames if charged == self._charged else None

    def frames(self, charged: int) -> bytes:
        if self._closed is None:
            self._charged = charged
            self._closed = self._encoder.closing(self._answer.usage, charged)
        return self._frames + self._closed


def stopping() -> HouseError:
    """What a request is told that can't go on because the house stops."""
    return HouseError(
        "This house is shutting down; try again in a moment.",
        status=503,
        code="shutting_down",
        retry_after_s=5,
    )


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _other_request() -> CallerError:
    return _refused(
        409,
        "This Idempotency-Key was sent before with another request; send another key.",
        code="idempotency_key_reused",
    )


def _in_use(why: str) -> CallerError:
    return _refused(
        409,
        f"The request with this Idempotency-Key {why}; ask again in a moment.",
        code="idempotency_key_in_use",
        retry_after_s=_RUNNING_RETRY_S,
    )


def _too_large() -> CallerError:
    return _refused(
        409,
        "The answer under this Idempotency-Key is longer than this house keeps, so it can't be given "
        "again. It was charged once. To ask again, send another key.",
        code="idempotency_answer_too_large",
    )


def _refused(
    status: int,
    message: str,
    *,
    code: str = "invalid_idempotency_key",
    retry_after_s: float | None = None,
) -> CallerError:
    return CallerError(
        message[0].upper() + message[1:] + ("" if message.endswith(".") else "."),
        status=status,
        code=code,
        param=_PARAM,
        retry_after_s=retry_after_s,
    )
