from __future__ import annotations

import itertools

from tokenhouse.engine import (
    AnswerForm,
    ArgumentsDelta,
    CallEnd,
    CallEvent,
    CallStart,
    Malformed,
    Piece,
    TaggedCallReader,
    TextDelta,
    ToolCallReader,
    call_reader,
)

CALLS, ARGS, CALL_ID = 9, 32, 33


def read(*pieces: tuple[int | None, str], call_id: int | None = CALL_ID) -> list[CallEvent]:
    """The events of pieces: a control token or None, and text."""
    numbers = itertools.count()
    reader = TaggedCallReader(lambda: f"id{next(numbers)}", ARGS, call_id)
    events: list[CallEvent] = []
    for token, text in pieces:
        events += reader.feed(Piece(text, () if token is None else (token,), 1))
    events += reader.finish()
    return events


def test_calls_come_one_behind_the_other_their_own_ids_read_over() -> None:
    assert read(
        (None, "Well."), (CALLS, ""), (None, "f"), (CALL_ID, ""), (None, "abcdefghi"), (ARGS, ""),
        (None, '{"a"'), (None, ": 1}"), (CALLS, ""), (None, "g"), (ARGS, "{}"),
    ) == [
        TextDelta("Well."),
        CallStart(0, "id0", "f"),
        ArgumentsDelta(0, '{"a"'),
        ArgumentsDelta(0, ": 1}"),
        CallEnd(0, True),
        CallStart(1, "id1", "g"),
        ArgumentsDelta(1, "{}"),
        CallEnd(1, True),
    ]  # fmt: skip


def test_what_is_no_call_is_reported() -> None:
    assert read((CALLS, "f")) == [Malformed("a call has no arguments", "f")]
    assert read((CALLS, "f"), (ARGS, "[1]"), call_id=None)[-1] == CallEnd(0, False)
    assert read((None, "a"), (ARGS, "b")) == [TextDelta("a"), TextDelta("b")]


def test_the_form_says_which_reader_it_wants() -> None:
    assert isinstance(call_reader(str, None), ToolCallReader)
    assert isinstance(call_reader(str, AnswerForm(args=ARGS)), TaggedCallReader)
