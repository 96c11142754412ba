"""What an answer must look like: text, JSON of a schema, calls of tools; as one llguidance grammar.

llama.cpp runs on *without* a constraint that it cannot compile, or that outgrows it on the way, and
says nothing. So every grammar is compiled here first, the very text that compiled is what is sent, and
a witness follows each answer along it.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .errors import EngineMissing, SchemaRefused
from .forms import AnswerForm, CallForm, arguments_schema, grammar, lone_grammar, schema_of
from .schema import Schema, culprit, prepared, without

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

GRAMMAR_LIMIT: Final = 128 * 1024
"""Bytes of a grammar; what adds nothing to it (descriptions, …) does not count. One of this length
compiles in half a second, here and in the engine."""

KEPT: Final = 64
"""Compiled grammars that are kept for the next answer of the same form."""

INLINE_BYTES: Final = 2048
"""Schemas longer than this are compiled in a thread: 10 kB take 10 ms and more."""

MENDED_MOST: Final = 16
"""Keywords of a tool's schema that are left out one by one, before all of it is."""

_SPECIAL: Final = 1000
"""Control tokens, whose ids come first, as in every Tekken; behind them here a token per byte."""
_EOS: Final = 2
_ENDLESS: Final = "it demands itself inside itself, or allows too much at once"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A grammar in llguidance's Lark, known to compile."""

    grammar: str
    matcher: LLMatcher | None = field(default=None, repr=False, compare=False)

    def witness(self) -> Witness | None:
        """Someone to follow one answer; None for a grammar that nobody compiled."""
        return None if self.matcher is None else Witness(self.matcher)


class Witness:
    """Follows one answer along its grammar."""

    __slots__ = ("_matcher",)

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher.deep_copy()

    def saw(self, tokens: Sequence[int], text: str) -> bool:
        """Take the next piece in; False when it leaves the grammar."""
        read = [token for token in tokens if token < _SPECIAL and token != _EOS]
        read += [_SPECIAL + byte for byte in text.encode()]
        return not read or self._matcher.consume_tokens(read)

    @property
    def complete(self) -> bool:
        """May the answer end here?"""
        return self._matcher.is_accepting()


class Grammars:
    """Forms of answers → constraints. Keeps those that were asked for last.

    `strict` tools, calls that are asked for and answers that have a schema are held to it or refused;
    arguments of other calls are held to as much of their schema as can be.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[AnswerForm, Constraint] = OrderedDict()
        self._tokenizer: LLTokenizer | None = None

    async def of(self, form: AnswerForm) -> Constraint:
        """Raises SchemaRefused naming the keyword, its place and its tool; EngineMissing."""
        kept = self._kept.get(form)
        if kept is not None:
            self._kept.move_to_end(form)
            return kept
        if form.bytes <= INLINE_BYTES:
            made = self._plainly(form)
            if made is None:
                made = await asyncio.to_thread(self._mended, form)
        else:
            made = await asyncio.to_thread(self.compile, form)
        self._kept[form] = made
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return made

    def compile(self, form: AnswerForm) -> Constraint:
        """As `of`, here and now, and not kept."""
        made = self._plainly(form)
        return self._mended(form) if made is None else made

    def _plainly(self, form: AnswerForm) -> Constraint | None:
        """The constraint of schemas as they are; None when something has to be found out."""
        try:
            answer = None if form.schema is None else prepared(schema_of(form.schema))
            calls = [arguments_schema(call, form.exact(call)) for call in form.calls]
        except SchemaRefused:
            return None
        if any(self._endless(schema) for schema in (answer, *calls) if schema is not None):
            return None
        made, why = self._compiled(grammar(form, answer, calls))
        return None if why else made

    def _mended(self, form: AnswerForm) -> Constraint:
        answer: Schema | None = None
        if form.schema is not None:
            answer = prepared(schema_of(form.schema))
            self._prove(answer, None)
        calls = [self._proven(call, exact=form.exact(call)) for call in form.calls]
        made, why = self._compiled(grammar(form, answer, calls))
        if why:  # each by itself compiles
            bare: Schema = {"type": "object"}
            calls = [
                schema if form.exact(call) else bare
                for call, schema in zip(form.calls, calls, strict=True)
            ]
            made, why = self._compiled(grammar(form, answer, calls))
        if why:
            raise SchemaRefused(f"the schemas are too much together ({why})")
        return made

    def _proven(self, call: CallForm, *, exact: bool) -> Schema:
        """The arguments' schema, known to compile; of one that need not be exact, what does."""
        bare: Schema = {"type": "object"}
        try:
            schema = arguments_schema(call, exact)
        except SchemaRefused:
            if exact:
                raise
            return bare
        for _ in range(MENDED_MOST):
            try:
                self._prove(schema, call.name)
            except SchemaRefused as refused:
                if exact:
                    raise
                if refused.keyword in (None, "type", "properties"):
                    return bare
                schema = without(schema, refused.place)
            else:
                return schema
        return bare

    def _prove(self, schema: Schema, tool: str | None) -> None:
        why = self._why_not(schema)
        if not why:
            return
        place, keyword = culprit(schema, lambda part: bool(self._why_not(part)))
        raise SchemaRefused(_reason(why, keyword), keyword, place=place, tool=tool)

    def _why_not(self, schema: Schema) -> str:
        """Why answers cannot be held to this schema; "" when they can."""
        made, why = self._compiled(lone_grammar(schema))
        if why:
            return why
        return _ENDLESS if made.matcher is not None and _is_endless(made.matcher) else ""

    def _endless(self, schema: Schema) -> bool:
        """Only schemas that refer to themselves, and very long ones, can be: the rest is not tried."""
        text = json.dumps(schema)
        return ("$ref" in text or len(text) > INLINE_BYTES) and bool(self._why_not(schema))

    def _compiled(self, text: str) -> tuple[Constraint, str]:
        if len(text) > GRAMMAR_LIMIT:
            return Constraint(text), f"longer than {GRAMMAR_LIMIT} bytes"
        try:
            from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
        except ImportError as error:
            raise EngineMissing("llguidance") from error
        if self._tokenizer is None:
            self._tokenizer = LLTokenizer(TokenizerWrapper(_Bytes()), slices=[])
        matcher = LLMatcher(self._tokenizer, text, log_level=0)
        why = matcher.get_error().strip() if matcher.is_error() else ""
        return Constraint(text, matcher), why.splitlines()[0] if why else ""


class _Bytes:
    """A vocabulary of control tokens and single bytes: a witness sees text, not its tokens."""

    eos_token_id = _EOS
    bos_token_id = 1

    def __init__(self) -> None:
        self.special_token_ids = list(range(_SPECIAL))
        self.tokens = [b"\xff<%d>" % i for i in range(_SPECIAL)]
        self.tokens += [bytes([i]) for i in range(256)]

    def __call__(self, text: bytes | str) -> list[int]:
        return [_SPECIAL + byte for byte in (text.encode() if isinstance(text, str) else text)]


def _is_endless(matcher: LLMatcher) -> bool:
    """Does it allow nothing, or force more and more? (A schema can demand itself inside itself.)"""
    probe = matcher.deep_copy()
    probe.compute_bitmask()
    if probe.is_stopped() and not probe.is_accepting():
        return True
    forced = probe.compute_ff_tokens()
    if forced:
        probe.consume_tokens(forced[:1])
    return probe.is_error()


def _reason(why: str, keyword: str | None) -> str:
    """llguidance's words as ours."""
    why = why.rpartition("failed to compile JSON schema: ")[2]
    if "recursion limit" in why:
        return "the schema is nested too deeply"
    if "Unimplemented keys" in why and keyword is not None:
        return f"{keyword!r} cannot be enforced"
    if keyword == "oneOf" and "oneOf constraints" in why:
        return "'oneOf' cannot be enforced where its schemas overlap; say 'anyOf'"
    name = "" if keyword is None else f" ({keyword})"
    return f"the schema cannot be enforced{name}: {why.rstrip(':')}"
