"""APIs that are reached over HTTP, whatever dialect they speak: what asking one of them is made of.

A dialect's provider says how a request is written, which words are priced, and how an answer is read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Final, Protocol

from tokenhouse.chat import Dialect, Event, Opened, Passed, Sampling
from tokenhouse.errors import TokenhouseError, UpstreamError
from tokenhouse.providers.base import Call, PassedSink, Sink
from tokenhouse.providers.failures import transport_failure
from tokenhouse.providers.services import UNKNOWN, Service
from tokenhouse.transport import Answer, Client, HeaderBlock, Limits, Origin, TransportError
from tokenhouse.wire import NOTHING_ASKED, Asked

ERROR_BYTES_MAX: Final = 64 * 1024
"""What is read of a refusal's body."""

_MODELS_MOST: Final = 1000
"""Models remembered for what they refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """``base_url`` with or without its closing ``/v1``. ``priced_words``: further request fields that
    are refused because they can change the price. ``service``: which API it is, where that is known."""

    base_url: str
    api_key: str | None = None
    priced_words: tuple[str, ...] = ()
    limits: Limits | None = None
    service: Service = UNKNOWN


class ErrorReader(Protocol):
    """A dialect's ``upstream_error``."""

    def __call__(
        self,
        status: int,
        body: bytes,
        *,
        retry_after_s: float | None,
        upstream_model: str,
        public_model: str,
    ) -> TokenhouseError: ...


class Upstream:
    """What the providers of every dialect share. Raises ValueError for a base URL that can't be used.

    ``path`` and ``error_of`` are the dialect's.
    """

    counts_here = False
    leaves: frozenset[str] = frozenset()
    speaks: Dialect | None
    path: ClassVar[bytes]
    error_of: ClassVar[ErrorReader]

    def __init__(self, name: str, settings: UpstreamSettings, *, client: Client) -> None:
        self._name = name
        self._client = client
        self._origin, base = Origin.parse(settings.base_url)
        self._base = base.removesuffix("/v1").encode()
        self._path = self._base + self.path
        self._service = settings.service
        self._limits = settings.limits
        self._priced = frozenset((*settings.priced_words, *settings.service.priced_words))

    @property
    def name(self) -> str:
        return self._name

    def ready(self, upstream_model: str) -> bool:
        """Nobody knows before it is asked; health learns from failures."""
        del upstream_model
        return True

    def why_not(self, upstream_model: str) -> str | None:
        del upstream_model
        return None

    async def examine(self, call: Call) -> None:
        """Schemas are the provider's own to refuse."""

    async def aclose(self) -> None:
        """The client is shared; whoever made it closes it."""

    def _also_priced(self, *names: Collection[str]) -> str | None:
        """The first of a request's ``names`` that the settings call priced."""
        found = (word for word in self._priced if any(word in each for each in names))
        return min(found, default=None)

    async def _answer(self, call: Call, headers: HeaderBlock, body: bytes) -> Answer:
        """The provider's answer of status 200; any other is raised."""
        answer = await self._send(call, self._path, headers, body)
        if answer.status == 200:
            return answer
        try:
            raise await self._refusal(answer, call)
        finally:
            await answer.aclose()

    async def _send(self, call: Call, path: bytes, headers: HeaderBlock, body: bytes) -> Answer:
        try:
            return await self._client.send(
                self._origin, b"POST", path, headers=headers, body=body, limits=self._limits
            )
        except TransportError as error:
            raise transport_failure(error, call.public_model) from error

    async def _refusal(self, answer: Answer, call: Call) -> TokenhouseError:
        """The error behind an answer that is not 200."""
        try:
            body = await answer.read_all(ERROR_BYTES_MAX)
        except TransportError:
            body = b""
        return type(self).error_of(
            answer.status,
            body,
            retry_after_s=_retry_after_s(answer),
            upstream_model=call.upstream_model,
            public_model=call.public_model,
        )


class Reader(Protocol):
    """Bytes of a stream → events; see ``wire``'s dialects."""

    def feed(self, data: bytes) -> Sequence[Event]: ...

    def plain(self, data: bytes) -> Passed | None: ...

    def check(self) -> None: ...

    def closed(self) -> Sequence[Event]: ...


class Passing:
    """A running answer, in either lane, streamed or whole; a dialect says how it is read."""

    __slots__ = ("_answer", "_asked", "_call", "_lossless", "_opened", "_reader", "_streamed")

    id_header: ClassVar[bytes]

    def __init__(self, answer: Answer, call: Call, asked: Asked | None) -> None:
        self._answer = answer
        self._call = call
        self._lossless = lossless = asked is None
        self._asked = NOTHING_ASKED if asked is None else asked
        self._opened = False
        kind = answer.header(b"content-type") or b"text/event-stream"
        # A provider that does not stream answers a streamed request with JSON: take it whole.
        wanted = call.request.stream or not lossless
        self._streamed = wanted and not kind.startswith(b"application/json")
        self._reader = self._new_reader() if self._streamed else None

    async def read(self) -> Sequence[Event]:
        events: list[Event] = []
        if not self._opened:
            self._opened = True
            upstream_id = self._answer.header(self.id_header)
            name = None if upstream_id is None else upstream_id.decode("latin-1")[:128]
            events.append(Opened(name))
        try:
            if self._reader is None:
                events += self._whole(await self._answer.read_all())
                return events
            self._reader.check()
            while True:
                data = await self._answer.read()
                found = self._reader.feed(data) if data else self._reader.closed()
                if found:
                    events += found
                    return events
                if not data:
                    raise UpstreamError("The provider's answer was empty.", code="upstream_cut")
        except TransportError as error:
            raise transport_failure(error, self._call.public_model) from error

    async def pump(self, sink: Sink, passed: PassedSink) -> None:
        reader = self._reader
        if reader is None or not self._opened:
            return
        reader.check()
        plain = reader.plain

        def take(data: bytes) -> bool:
            frame = plain(data)
            if frame is not None:
                return passed(frame)
            events = reader.feed(data)
            more = not events or sink(events)
            reader.check()
            return more

        await self._answer.pump(take)

    async def aclose(self) -> None:
        await self._answer.aclose()

    def _whole(self, body: bytes) -> Sequence[Event]:
        """A whole answer's events, passed or translated."""
        raise NotImplementedError

    def _new_reader(self) -> Reader:
        """What reads this answer's stream, passed or translated."""
        raise NotImplementedError


def remember(models: set[str], model: str) -> None:
    """Keep the name of a model that refused something; there is an end to how many."""
    if len(models) < _MODELS_MOST:
        models.add(model)


def default_fields(sampling: Sampling) -> dict[str, float] | None:
    """A model's own sampling values by name; None where it has none."""
    if sampling == _NOTHING:
        return None
    found = {
        field.name: getattr(sampling, field.name)
        for field in fields(sampling)
        if field.name not in ("stop", "logit_bias", "logprobs", "top_logprobs")
    }
    return {name: value for name, value in found.items() if value is not None}


_NOTHING = Sampling()


def _retry_after_s(answer: Answer) -> float | None:
    """The seconds of a Retry-After header, None where there is none."""
    value = answer.header(b"retry-after")
    if value is not None and value.isdigit():
        return float(value[:9])
    return None
