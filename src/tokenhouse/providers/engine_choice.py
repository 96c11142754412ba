"""One choice of a running answer: the engine's pieces → events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

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
    TOOL_CALLS,
    AnswerForm,
    ArgumentsDelta,
    CallEnd,
    CallEvent,
    CallStart,
    Constraint,
    Done,
    Drawn,
    EngineFault,
    Logprob,
    LoopGuard,
    Malformed,
    Piece,
    StopScanner,
    Tekken,
    call_reader,
)
from tokenhouse.engine import TextDelta as EngineText
from tokenhouse.providers.engine_words import logprobs_of

_LEFT: Final = "the engine's answer left the form that was asked for"


@dataclass(frozen=True, slots=True)
class Shape:
    """How an answer is read: its form and constraint, the client's stop strings, and tools' names as the
    model was given them → the client's own. ``alternatives`` per token are told with its probability.

    ``echo`` is said before anything. ``loop_guard``: see the engine's ``LoopGuard``. ``tokens_tell``:
    control tokens are those of Mistral's formats, and mean what they mean there.
    """

    form: AnswerForm | None
    constraint: Constraint | None
    stops: tuple[str, ...]
    names: Mapping[str, str]
    alternatives: int = 0
    echo: str = ""
    loop_guard: int = 0
    tokens_tell: bool = True
    vocabulary: Tekken | None = None

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Tokens that are not drawn: the one that begins a call, where none may be made."""
        may_call = self.form is not None and bool(self.form.calls)
        return (TOOL_CALLS,) if self.tokens_tell and not may_call else ()

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
    """``ended``: a stop string was met here, or the answer only repeats itself: the engine has to be told
    to end."""

    def __init__(self, index: int, shape: Shape, new_id: Callable[[int], str]) -> None:
        self._index = index
        self._names = shape.names
        self._reader = call_reader(lambda: new_id(self._reader.calls), shape.form)
        self._witness = None if shape.constraint is None else shape.constraint.witness()
        self._stops = StopScanner(shape.own_stops) if shape.own_stops else None
        self._guard = LoopGuard(shape.loop_guard)
        self._tokens_tell = shape.tokens_tell
        self._echo = shape.echo
        self._untold = 0
        self._alternatives = shape.alternatives
        self._owed = 0  # bytes of text that were told before their token was
        self.drawn = Drawn(shape.vocabulary)
        self._probs: list[LogProbs] = []
        self.produced = 0
        self.ended = False

    def take(self, piece: Piece, events: list[Event]) -> None:
        """Append the events of a piece. EngineFault for one that leaves the form asked for."""
        witness = self._witness
        repeats = self._guard.feed(piece.tokens)
        if not self._tokens_tell:
            piece = replace(piece, tokens=())
        if witness is not None and not witness.saw(piece.tokens, piece.text):
            raise EngineFault(_LEFT)
        self._tell(self._reader.feed(piece), piece.produced, piece.logprobs, events)
        if repeats and not self.ended:
            self._tell_held(events)
            self._tell_rest(events)
            self._over("length", None, events)

    def know(self, probs: Sequence[Logprob]) -> None:
        """Tokens' log-probabilities, in order; they are told with the next text, or the end."""
        self._probs += [logprobs_of(prob, self._alternatives) for prob in probs]

    def finish(self, done: Done, events: list[Event]) -> None:
        """Append the last texts. EngineFault for an end before the form is complete."""
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

    def end(self, done: Done, events: list[Event]) -> None:
        """Append the end, and what is known by now of tokens that the stream had left out."""
        if self.ended:
            return
        self._tell_rest(events)
        stop = done.stopping_word if done.stop_type == "word" else None
        self._over(self._reason(done), stop, events)

    def _tell_rest(self, events: list[Event]) -> None:
        """The log-probabilities that came behind a token which the stream had left out."""
        self.know(self.drawn.rest())
        if self._probs and not self._reader.calls:
            probs, self._probs = tuple(self._probs), []
            events.append(TextDelta("", self._index, 0, probs))

    def _over(self, reason: FinishReason, stop: str | None, events: list[Event]) -> None:
        self.ended = True
        events.append(ChoiceEnded(reason, self._index, stop))

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
        if self.ended:
            return
        if self._echo and produced:
            events.append(TextDelta(self._echo, self._index, 0))
            self._echo = ""
        self._untold += produced - self.produced
        self.produced = produced
        if logprobs:
            self.know(self.drawn.feed(produced, logprobs))
        for event in said:
            match event:
                case EngineText():
                    self._text(event.text, events)
                case CallStart():
                    self._tell_held(events)
                    self._probs.clear()  # those of text are told: a call's are nobody's
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
        if stop is not None:
            self.know(self.drawn.rest())
        if text:
            probs = self._probs_of(text, last=stop is not None)
            events.append(TextDelta(text, self._index, self._count(), probs))
        elif stop is not None and (probs := self._probs_of("", last=True)):
            events.append(TextDelta("", self._index, 0, probs))
        if stop is not None:
            self._over("stop_sequence", stop, events)

    def _tell_held(self, events: list[Event]) -> None:
        if self._stops is not None and (text := self._stops.rest()):
            probs = self._probs_of(text, last=True)
            events.append(TextDelta(text, self._index, self._count(), probs))

    def _probs_of(self, text: str, *, last: bool) -> tuple[LogProbs, ...]:
        """Those of the tokens that ``text`` is. A text that may stop is told later than its tokens come:
        a token waits for the rest of its text, and is cut where that never comes."""
        if self._stops is None:
            waiting, self._probs = tuple(self._probs), []
            return waiting
        told: list[LogProbs] = []
        room = self._owed + len(text.encode("utf-8", "replace"))
        while self._probs and (size := len(self._probs[0].raw or b"")) <= room:
            room -= size
            told.append(self._probs.pop(0))
        if last and room and self._probs:
            cut = self._probs[0]
            told.append(structs.replace(cut, raw=(cut.raw or b"")[:room]))
        self._owed = room
        return tuple(told)

    def _count(self) -> int:
        count, self._untold = self._untold, 0
        return count
