from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenhouse.engine import (
    ArgumentsDelta,
    CallEnd,
    CallEvent,
    CallStart,
    Malformed,
    Piece,
    TextDelta,
    ToolCallReader,
)

CONTROL = Piece("", (9,), 1)


def new_ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"id{next(numbers)}"


def read(texts: Sequence[str], before: str = "") -> list[CallEvent]:
    reader = ToolCallReader(new_ids())
    events: list[CallEvent] = []
    if before:
        events += reader.feed(Piece(before, (2000,), 1))
    events += reader.feed(CONTROL)
    for text in texts:
        events += reader.feed(Piece(text, (2000,), 1))
    events += reader.finish()
    return events


def calls_of(events: Sequence[CallEvent]) -> list[tuple[str, str, str, bool]]:
    """(id, name, arguments, valid) of each call."""
    calls: list[tuple[str, str, str, bool]] = []
    for start in (e for e in events if isinstance(e, CallStart)):
        arguments = "".join(
            e.text for e in events if isinstance(e, ArgumentsDelta) and e.index == start.index
        )
        [end] = [e for e in events if isinstance(e, CallEnd) and e.index == start.index]
        calls.append((start.id, start.name, arguments, end.valid))
    return calls


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(
        ['"', "\\", '}]"', "]", "{", '\\"', "é\n\t", ", "]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
CALLS = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=8), st.dictionaries(st.text(max_size=6), VALUES, max_size=4)
    ),
    min_size=1,
    max_size=4,
)
STYLES = st.sampled_from([(", ", ": ", None), (",", ":", None), (" , ", " :\n", 2)])


@settings(max_examples=300, deadline=None)
@given(calls=CALLS, style=STYLES, with_ids=st.booleans(), ascii=st.booleans(), data=st.data())
def test_any_list_of_calls_cut_anywhere_comes_out_whole(
    calls: list[tuple[str, dict[str, object]]],
    style: tuple[str, str, int | None],
    with_ids: bool,
    ascii: bool,
    data: st.DataObject,
) -> None:
    listed = [
        {"name": name, "arguments": arguments, **({"id": "abcdefghi"} if with_ids else {})}
        for name, arguments in calls
    ]
    text = json.dumps(listed, separators=style[:2], indent=style[2], ensure_ascii=ascii)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    edges = [0, *cuts, len(text)]
    events = read([text[a:b] for a, b in itertools.pairwise(edges)], before="Let me see.")
    assert events[0] == TextDelta("Let me see.")
    read_calls = calls_of(events)
    assert [(name, json.loads(arguments)) for _, name, arguments, _ in read_calls] == calls
    assert [i for i, *_ in read_calls] == [f"id{n}" for n in range(len(calls))]
    assert all(valid for *_, valid in read_calls)
    assert not [e for e in events if isinstance(e, Malformed)]


def test_arguments_are_told_while_they_are_written() -> None:
    reader = ToolCallReader(new_ids())
    reader.feed(CONTROL)
    assert reader.feed(Piece('[{"name": "get', (), 2)) == []
    assert reader.feed(Piece('_weather", "arguments": {"ci', (), 3)) == [
        CallStart(0, "id0", "get_weather"),
        ArgumentsDelta(0, '{"ci'),
    ]
    assert reader.feed(Piece('ty": "Par', (), 4)) == [ArgumentsDelta(0, 'ty": "Par')]
    assert reader.feed(Piece('is"}}]', (), 5)) == [ArgumentsDelta(0, 'is"}'), CallEnd(0, True)]
    assert reader.finish() == ()


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('[{"arguments": {"a": 1}, "name": "f"}]', "f", '{"a": 1}'),
        ('{"name": "f", "arguments": {}}', "f", "{}"),
        ('[{"name": "f"}]', "f", "{}"),
        ('[{"name": "f", "arguments": "{\\"a\\": 1}"}]', "f", '{"a": 1}'),
        ('[{"x": [1, {"y": "}"}], "name": "f", "arguments": {}, "id": null}]', "f", "{}"),
        (' \n[ {"name" : "f" , "arguments" : {} } ] ', "f", "{}"),
    ],
)
def test_what_models_write_beside_the_rule_is_understood(
    text: str, name: str, arguments: str
) -> None:
    for texts in ([text], list(text)):
        assert calls_of(read(texts)) == [("id0", name, arguments, True)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I will now call it", "unexpected 'I'"),
        ("[1, 2]", "unexpected '1'"),
        ("[]", "unexpected ']'"),
        ('[{"name": 5}]', "name"),
        ('[{"arguments": {}}]', "no name"),
        ('[{"name": "f", "name": "g"}]', "name"),
        ('[{"name" "f"}]', "unexpected '\"'"),
        ('[{"name": "f"', "ended inside"),
        ("", "ended inside"),
    ],
)
def test_what_is_no_list_of_calls_is_reported_and_no_text_is_lost(text: str, reason: str) -> None:
    for texts in ([text], list(text)):
        events = read(texts)
        [malformed] = [e for e in events if isinstance(e, Malformed)]
        assert reason in malformed.reason
        told = "".join(e.text for e in events if isinstance(e, TextDelta | Malformed))
        assert told == text


def test_a_cut_inside_the_arguments_is_reported_after_what_was_told() -> None:
    events = read(['[{"name": "f", "arguments": {"a": "b'])
    assert events[:2] == [CallStart(0, "id0", "f"), ArgumentsDelta(0, '{"a": "b')]
    assert isinstance(events[2], Malformed)
    assert "ended inside" in events[2].reason


def test_arguments_that_are_no_json_are_told_as_such() -> None:
    events = read(['[{"name": "f", "arguments": {"a": tru}}]'])
    assert calls_of(events) == [("id0", "f", '{"a": tru}', False)]


def test_without_the_control_token_everything_is_text() -> None:
    reader = ToolCallReader(new_ids())
    text = '[TOOL_CALLS][{"name": "f", "arguments": {}}]'
    assert reader.feed(Piece(text, (2000,), 1)) == (TextDelta(text),)
    assert reader.finish() == ()
    assert reader.calls == 0
