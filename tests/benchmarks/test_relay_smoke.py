"""The pieces of the benchmarks: what they count, what they accept, what they print. Never a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest
from benchmarks.gateways import Gateway
from benchmarks.load import Asked, Job, Loader, Outcome, fault_of_stream, fault_of_whole, quantile
from benchmarks.money import Figures, Plan, Report, disk_of, measure, show
from benchmarks.processes import cpu_seconds, free_port, running, tree, until_listening
from benchmarks.table import Row, render, render_ratios

# a parent that starts a child which computes for at least 30 ms of CPU, then both wait
_FAMILY = """
import subprocess, sys, time
work = 'import time\\nwhile time.process_time() < 0.03: pass\\nprint("done", flush=True)\\ninput()'
child = subprocess.Popen([sys.executable, '-c', work], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
sys.stdin.read()
"""


def test_the_cpu_of_a_process_includes_what_its_children_used() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        family = tree(parent.pid)
        assert len(family) == 2
        own = psutil.Process(parent.pid).cpu_times()
        assert cpu_seconds(parent.pid) >= own.user + own.system + 0.01
        for process in reversed(family):
            process.kill()


def test_a_process_that_is_gone_used_nothing_and_has_no_tree() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert tree(process.pid) == []
    assert cpu_seconds(process.pid) == 0


def test_a_child_is_stopped_with_its_own_children_when_the_block_ends(tmp_path: Path) -> None:
    port = free_port()
    listen = (
        f"import socket\ns = socket.create_server(('127.0.0.1', {port}))\nwhile s.accept(): pass"
    )
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {listen!r}])"
    with running("x", [sys.executable, "-c", parent], log=tmp_path / "x.log") as child:
        until_listening(child, port)
        family = tree(child.pid)
    assert len(family) == 2
    assert not any(process.is_running() for process in family)


def test_a_child_that_ends_before_it_listens_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with (
        running("peer", command, log=tmp_path / "peer.log") as child,
        pytest.raises(ChildProcessError, match="peer ended: no such option"),
    ):
        until_listening(child, free_port())


def test_the_load_asks_the_scripted_upstream_and_finds_every_answer_right(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.support.upstream", "--port", str(port), "--chunks", "5"]
    with running("up", command, log=tmp_path / "up.log") as child, Loader() as loader:
        until_listening(child, port)
        whole = loader.run(Job(Asked(port, chunks=5), connections=2, seconds=0))
        streams = loader.run(Job(Asked(port, chunks=5, stream=True), connections=2, seconds=0))
        other = loader.run(Job(Asked(port, chunks=6), seconds=0))
    assert (whole.answers, whole.wrong) == (2, 0)
    assert (streams.answers, streams.chunks, streams.wrong) == (2, 10, 0)
    assert (other.answers, other.wrong) == (0, 1)
    assert "another text" in other.first_wrong


def _frames(*texts: str, done: bool = True) -> bytes:
    bodies = [msgspec.json.encode({"choices": [{"delta": {"content": text}}]}) for text in texts]
    lines = [b"data: " + body + b"\n\n" for body in bodies]
    return b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")


def test_a_stream_is_right_only_with_every_chunk_and_its_end() -> None:
    asked = Asked(1, stream=True, chunks=2)
    assert fault_of_stream(_frames("token", " token"), asked) == ""
    assert "no [DONE]" in fault_of_stream(_frames("token", " token", done=False), asked)
    assert "1 chunks" in fault_of_stream(_frames("token token"), asked)
    assert fault_of_stream(_frames("token", " taken"), asked) == "another text"
    assert "no chunk" in fault_of_stream(b"data: {\n\ndata: [DONE]\n\n", asked)


def test_a_whole_answer_is_right_only_with_its_text_and_usage() -> None:
    asked = Asked(1, chunks=2)
    right = {
        "choices": [{"message": {"content": "token token"}}],
        "usage": {"completion_tokens": 2},
    }
    assert fault_of_whole(msgspec.json.encode(right), asked) == ""
    assert fault_of_whole(msgspec.json.encode(right | {"usage": None}), asked) == "another usage"
    assert "another text" in fault_of_whole(msgspec.json.encode(right | {"choices": []}), asked)
    assert "not an answer" in fault_of_whole(b"<html>", asked)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    row = Row("s", "µs", targets={"smg": 1.6, "nginx": 1.0})
    for house, router in ((100, 100), (300, 200), (900, 450)):  # a machine that gets busier
        row.add("tokenhouse", house)
        row.add("smg", router)
    assert row.ratio("smg") == 1.5
    assert row.verdict("smg") == "1.50 ≤ 1.60 ok"
    assert row.verdict("nginx") == "–"
    row.targets["smg"] = 1.4
    assert row.verdict("smg") == "1.50 > 1.40 MISSED"


def test_a_gateway_that_failed_is_shown_so_and_has_no_figure() -> None:
    row = Row("streams", "µs")
    row.add("tokenhouse", 80.0)
    row.add("litellm", 9000.0)
    row.fail("litellm", "status 500")
    text = render([row], ["tokenhouse", "litellm"])
    assert "FAILS" in text
    assert "9000" not in text
    assert render_ratios([row], ["tokenhouse", "litellm"]).splitlines()[-1].endswith("–")


def test_a_quantile_of_nothing_is_zero() -> None:
    assert quantile([], 0.99) == 0.0
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0


def test_the_money_benchmark_keeps_the_books_of_both_durabilities(tmp_path: Path) -> None:
    report = Report(disk_of(tmp_path))
    plan = Plan(1, 0.01, (1, 3))
    measure(report, ["tokenhouse", "power"], plan, tmp_path)
    assert report.books == {"tokenhouse": "in order", "power": "in order"}
    assert [row.failed for row in report.rows()] == [{}] * 6
    rates = [figures.rate for figures in report.figures]
    assert all(row.ratio("power") is not None for row in rates)
    text = show(report, ["tokenhouse", "power"], plan)
    assert "(SQLite, power)" in text
    assert "ledger verify, power: in order" in text


def test_a_gateway_with_a_wrong_answer_has_no_figure_of_money() -> None:
    figures = Figures.at(16)
    gateway = Gateway("litellm", Asked(1), None)
    figures.add(gateway, Outcome(10, 500, 0, 2.0, 0.001, 0.002), 0.0)
    assert figures.rate.value("litellm") == 5.0
    assert figures.p99.value("litellm") == 2.0
    figures.add(gateway, Outcome(10, 500, 1, 2.0, 0.001, 0.002, "status 500"), 0.0)
    assert [row.value("litellm") for row in figures.rows()] == [None] * 3
    assert figures.cpu.failed == {"litellm": "status 500"}
