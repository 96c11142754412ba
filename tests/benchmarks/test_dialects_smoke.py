"""The dialects' benchmark: every lane answers rightly in a real house, and wrong answers show."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import gateways, messages
from benchmarks.dialects import LANES, PER_CHUNK, house, ratios, show
from benchmarks.gateways import Bench
from benchmarks.load import Asked, Job, Loader
from benchmarks.processes import free_port
from benchmarks.relay import Plan, Report
from benchmarks.table import Row

from tests.support import anthropic_answers as native
from tests.support.replies import Reply


def test_every_lane_answers_rightly_streamed_and_whole_and_the_books_are_in_order(
    tmp_path: Path,
) -> None:
    bench = Bench(free_port(), tmp_path, 5)
    with gateways.upstream(bench), house(bench) as lanes, Loader() as loader:
        assert [lane.name for lane in lanes] == [lane.name for lane in LANES]
        for lane in lanes:
            for asked in (lane.asked, gateways.with_stream(lane.asked)):
                outcome = loader.run(Job(asked, connections=2, seconds=0))
                assert (outcome.answers, outcome.wrong) == (2, 0), outcome.first_wrong
    assert gateways.ledger_errors(tmp_path / "house") == ""


def _body(reply: Reply) -> bytes:
    octets = b"".join(step for step in reply.steps if isinstance(step, bytes))
    return octets.partition(b"\r\n\r\n")[2]


def test_a_message_is_right_only_with_its_text_and_usage() -> None:
    asked = Asked(1, path=messages.PATH, chunks=2)
    said: list[native.Object] = [{"type": "text", "text": "token token"}]
    assert asked.fault(_body(native.whole(said, "end_turn", native.usage(5, 2)))) == ""
    assert asked.fault(_body(native.whole(said, "end_turn", native.usage(5, 3)))) == "another usage"
    other = _body(native.whole([], "end_turn", native.usage(5, 2)))
    assert "another text" in asked.fault(other)
    assert "not an answer" in asked.fault(b"<html>")


@pytest.mark.parametrize(
    ("pieces", "end", "fault"),
    [
        (("token", " token"), [native.ended(2), native.stopped()], ""),
        (("token token",), [native.ended(2), native.stopped()], "1 events with text"),
        (("token", " taken"), [native.ended(2), native.stopped()], "another text"),
        (("token", " token"), [native.ended(3), native.stopped()], "another usage"),
        (("token", " token"), [native.ended(2)], "no message_stop"),
        (("token",), [b"data: {\n\n"], "an event that is none"),
    ],
)
def test_a_stream_of_events_is_right_only_with_every_token_its_usage_and_its_end(
    pieces: tuple[str, ...], end: list[bytes], fault: str
) -> None:
    asked = Asked(1, path=messages.PATH, stream=True, chunks=2)
    told = asked.fault(b"".join([native.started(), *native.text(0, *pieces), *end]))
    assert fault in told
    assert bool(told) is bool(fault)


def test_a_lane_that_translates_is_compared_with_its_peer_on_the_same_upstream() -> None:
    report = Report()
    row = Row("s", PER_CHUNK)
    report.rows.append(row)
    for lane, samples in (("chat → chat", (10, 30)), ("messages → chat", (14, 42))):
        report.notes[lane] = ""
        for sample in samples:
            row.add(lane, sample)
    assert ratios(row)["messages → chat / chat → chat"] == 1.4
    text = show(report, Plan(2, 1.0))
    assert "1.40 ≤ 1.50 ok" in text
    assert "chat → messages / messages → messages" in text
