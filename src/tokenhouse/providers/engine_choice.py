"""One choice of a running answer: the engine's pieces → events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    FinishReason,
    LogProbs,
    TextDelta,
)
from tokenhouse.engine import (
    AnswerForm,
    ArgumentsDelta,
    CallEnd,
    CallEvent,
    CallStart,
    Constraint,
    Done,
    EngineFault,
    Logprob,
    Malformed,
    Piece,
    StopScanner,
    call_reader,
)
from tokenhouse.engine import TextDelta as EngineText
from tokenhouse.providers.engine_words import logprobs_of

_LEFT: Final = "the engine's answer left the form that was asked for"


@dataclass(frozen=True, slots=True)
class Shape:
    """How an answer is read: its form and constraint, the client's stop strings, and tools' names as the
    model was given them → the client's own."""

    form: AnswerForm | None
    constraint: Constraint | None
    stops: tuple[str, ...]
    names: Mapping[str, str]

    @property
    def may_call(self) -> bool:
        return self.form is not None and bool(self.form.calls)

    @property
    def engine_stops(self) -> tuple[str, ...]:
        """Those that the engine looks for. It would find them in calls and in JSON as well, which a stop
        string never ends: where those may come, text is watched here."""
        return self.stops if self.form is None else ()

    @property
    def own_stops(self) -> tuple[str, ...]:
        form = self.form
        return () if form is None or form.schema or form.must_call else self.stops


class Choice:
    """``stopped``: a stop string was met here, so the engine has to be told to end."""

    def __init__(self, index: int, shape: Shape, new_id: Callable[[int], str]) -> None:
        self._index = index
        self._names = shape.names
        self._reader = call_reader(lambda: new_id(self._reader.calls), shape.form)
        self._witness = None if shape.constraint is None else shape.constraint.witness()
        self._stops = StopScanner(shape.own_stops) if shape.own_stops else None
        self._untold = 0
        self._probs: tuple[LogProbs, ...] = ()
        self.produced = 0
        self.stopped: str | None = None

    def take(self, piece: Piece, events: list[Event]) -> None:
        """Append the events of a piece. EngineFault for one that leaves the form asked for."""
        witness = self._witness
        if witness is not None and not witness.saw(piece.tokens, piece.text):
            raise EngineFault(_LEFT)
        self._tell(self._reader.feed(piece), piece.produced, piece.logprobs, events)

    def end(self, done: Done, events: list[Event]) -> None:
        """Append the last events. EngineFault for an end before the form is complete."""
        witness = self._witness
        if witness is not None and not (
            witness.saw((), done.text) and (done.stop_type == "limit" or witness.complete)
        ):
            raise EngineFault(_LEFT)
        said = [*self._reader.feed_text(done.text), *self._reader.finish()]
        if done.stop_type == "limit":  # the beginning of a call that has no name yet says nothing
            said = [event for event in said if not isinstance(event, Malformed)]
        self._tell(said, done.tokens_predicted, done.logprobs, events)
        self._tell_held(events)
        if self.stopped is None:
            stop = done.stopping_word if done.stop_type == "word" else None
            events.append(ChoiceEnded(self._reason(done), self._index, stop))

    def _reason(self, done: Done) -> FinishReason:
        if done.stop_type == "limit":
            return "length"
        if self._reader.calls:
            return "tool_calls"
        return "stop_sequence" if done.stop_type == "word" else "stop"

    def _tell(
        self,
        said: Sequence[CallEvent],
        produced: int,
        logprobs: Sequence[Logprob],
        events: list[Event],
    ) -> None:
        """The engine's events as ours; the tokens drawn since are told with the first of them."""
        if self.stopped is not None:
            return
        self._untold += produced - self.produced
        self.produced = produced
        self._probs += tuple(map(logprobs_of, logprobs))
        for event in said:
            match event:
                case EngineText():
                    self._text(event.text, events)
                case CallStart():
                    self._tell_held(events)
                    name = self._names.get(event.name, event.name)
                    events.append(CallStarted(event.index, event.id, name, self._index))
                case ArgumentsDelta():
                    count = self._count()
                    events.append(CallDelta(event.index, event.text, self._index, count))
                case Malformed():
                    if event.text:
                        self._text(event.text, events)
                case CallEnd():
                    pass

    def _text(self, text: str, events: list[Event]) -> None:
        stop = None
        if self._stops is not None:
            text, stop = self._stops.feed(text)
        if text:
            probs, self._probs = self._probs, ()
            events.append(TextDelta(text, self._index, self._count(), probs))
        if stop is not None:
            self.stopped = stop
            events.append(ChoiceEnded("stop_sequence", self._index, stop))

    def _tell_held(self, events: list[Event]) -> None:
        if self._stops is not None and (text := self._stops.rest()):
            events.append(TextDelta(text, self._index, self._count()))

    def _count(self) -> int:
        count, self._untold = self._untold, 0
        return count
