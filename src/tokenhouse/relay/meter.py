"""The meter: counts usage as events pass, and is asked once what is owed.

What the upstream reports wins. Where it reports nothing (a cut stream, a silent provider) the answer
is counted by the model's tokenizer when the house has one, else estimated, and the buckets say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    Opened,
    Passed,
    ReasoningDelta,
    RedactedThought,
    RefusalDelta,
    Request,
    Source,
    TextDelta,
    Usage,
    UsageSoFar,
    Whole,
    estimate_tokens,
)
from tokenhouse.relay.prompt import prompt_text

TokenCounter = Callable[[str], int]


class Meter:
    """One attempt's usage. A new attempt gets a new meter: the customer pays one.

    ``answer_tokens_max``: what the caller may get in all choices together; a stream that goes beyond
    is ``exceeded``.
    """

    __slots__ = (
        "_count",
        "_deltas",
        "_deltas_max",
        "_opened",
        "_pieces",
        "_prompt_guess",
        "_reported",
        "_request",
        "_so_far",
        "_so_far_deltas",
        "_told",
        "_untold",
        "accepted",
        "answer_tokens_max",
        "delivered",
        "finish_reason",
        "finished",
        "upstream_id",
    )

    def __init__(
        self, request: Request, answer_tokens_max: int, count: TokenCounter | None = None
    ) -> None:
        self._request = request
        self._count = count
        self._pieces: list[str] = []
        self._deltas = 0
        self._told = 0
        self._untold = False
        self._opened = Opened()
        self._prompt_guess: tuple[int, Source] | None = None
        self._reported: Usage | None = None
        self._so_far: Usage | None = None
        self._so_far_deltas = 0
        self.answer_tokens_max = answer_tokens_max
        self._deltas_max = answer_tokens_max + 4 * request.n
        self.accepted = False
        self.delivered = False
        self.finished = False
        self.finish_reason: str | None = None
        self.upstream_id: str | None = None

    def see(self, events: Sequence[Event]) -> bool:
        """Count what passes; True when any of it carries content, a call or an end."""
        content = False
        for event in events:
            kind = type(event)
            if kind is Passed:
                assert isinstance(event, Passed)
                if event.content:
                    content = True
                    self._delta(event.text, event.tokens)
                    if event.finish_reason is not None:
                        self.finish_reason = event.finish_reason
            elif kind is TextDelta:
                assert isinstance(event, TextDelta)
                content = True
                self._delta(event.text, event.tokens)
            elif kind is UsageSoFar:
                assert isinstance(event, UsageSoFar)
                self._so_far = event.usage
                self._so_far_deltas = self._deltas
            else:
                content = self._see_rare(event) or content
        if content:
            self.delivered = True
        return content

    def see_passed(self, passed: Passed) -> bool:
        """``see`` for one frame of nothing but text; True when more has come than was allowed."""
        if passed.text:
            self._deltas += 1
            self._untold = True
            self._pieces.append(passed.text)
            self.delivered = True
        return self._deltas > self._deltas_max

    def _see_rare(self, event: Event) -> bool:
        match event:  # the three that every whole answer is made of come first
            case Opened():
                self.accepted = True
                if event.prompt_tokens is not None:
                    self._opened = event
                if event.upstream_id is not None:
                    self.upstream_id = event.upstream_id
                return False
            case Whole():
                self._delta(event.text, None)
                self.finish_reason = event.finish_reason
            case Finished():
                self._reported = event.usage
                self.finished = True
            case CallDelta():
                self._delta(event.arguments, event.tokens)
            case CallStarted():
                self._delta(event.name, None)
            case ReasoningDelta() | RefusalDelta():
                self._delta(event.text, None)
            case ChoiceEnded():
                self.finish_reason = event.reason
            case TextDelta() | Passed() | RedactedThought() | UsageSoFar():
                pass  # what is sealed can't be counted: the provider's report has it
        return True

    def _delta(self, text: str, tokens: int | None) -> None:
        if not text and not tokens:
            return  # an end, an empty delta: no token was drawn for it that anyone was given
        self._deltas += 1
        if tokens is None:
            self._untold = True
        else:
            self._told += tokens
        self._pieces.append(text)

    @property
    def exceeded(self) -> bool:
        """More deltas have come than tokens were allowed: each delta is a token at least."""
        return self._deltas > self._deltas_max

    def usage(self) -> Usage:
        """The best knowledge now; reported numbers win, but never exceed what can be, nor are none of
        what was there."""
        if self._reported is not None:
            return self._as_reported(self._reported)
        if self._so_far is not None:
            return self._told_so_far(self._so_far)
        prompt, prompt_source = self.prompt()
        answer, answer_source = self._answer()
        cache_read, cache_write = self._opened.cache_read, self._opened.cache_write
        return Usage(
            input=prompt - cache_read - cache_write,
            cache_read=cache_read,
            cache_write=cache_write,
            output=min(answer, self.answer_tokens_max),
            images=self._request.sizes.images,
            prompt_source=prompt_source,
            answer_source=answer_source,
        )

    def _as_reported(self, told: Usage) -> Usage:
        """What the upstream reports. No tokens of a prompt, or of an answer that was delivered, can't be:
        that bucket is counted here."""
        images = self._request.sizes.images
        if images:
            told = structs.replace(told, images=images)
        if not told.prompt_tokens:
            prompt, source = self.prompt()
            told = structs.replace(told, input=prompt, prompt_source=source)
        if not told.answer_tokens and self._pieces:
            answer, source = self._answer()
            output = min(answer, self.answer_tokens_max)
            told = structs.replace(told, output=output, answer_source=source)
        return told

    def usage_so_far(self) -> Usage:
        """Cheap, and never more than was delivered: for the notes of a running stream."""
        if self._so_far is not None:
            return self._told_so_far(self._so_far)
        prompt, prompt_source = self.prompt()
        tokens = max(self._told, self._deltas)
        cache_read, cache_write = self._opened.cache_read, self._opened.cache_write
        return Usage(
            input=prompt - cache_read - cache_write,
            cache_read=cache_read,
            cache_write=cache_write,
            output=min(tokens, self.answer_tokens_max),
            prompt_source=prompt_source,
            answer_source="estimated" if self._untold else "counted",
        )

    def _told_so_far(self, told: Usage) -> Usage:
        """What the upstream last said, and a token for each delta that came after that."""
        since = self._deltas - self._so_far_deltas
        output = min(told.output + since, max(0, self.answer_tokens_max - told.reasoning))
        return structs.replace(
            told,
            output=output,
            images=self._request.sizes.images,
            answer_source="estimated" if since else "reported",
        )

    def prompt(self) -> tuple[int, Source]:
        """The prompt's tokens before anything is reported: as the provider counted it when it opened,
        else by the model's tokenizer, else estimated."""
        if self._so_far is not None:
            return self._so_far.prompt_tokens, "reported"
        if self._opened.prompt_tokens is not None:
            return self._opened.prompt_tokens, "counted"
        if self._prompt_guess is None:
            text = prompt_text(self._request.conversation())
            if self._count is not None:
                self._prompt_guess = self._count(text), "counted"
            else:
                self._prompt_guess = estimate_tokens(text), "estimated"
        return self._prompt_guess

    def _answer(self) -> tuple[int, Source]:
        if not self._untold:
            return self._told, "counted"
        text = "".join(self._pieces)
        if self._count is not None:
            return self._count(text), "counted"
        return max(self._deltas, estimate_tokens(text)), "estimated"
