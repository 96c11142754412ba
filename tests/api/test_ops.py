"""CORS, readiness, metrics: what browsers, load balancers and Prometheus see."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.asking import HELLO
from tests.api.asgi import PATH, Client, ask, get, scope
from tests.support import answers, replies
from tests.support.house import Running, serving, upstream_house

LISTED = """
[server]
cors_origins = ["https://one.example", "https://two.example"]
"""
NOTHING_READY = """
[catalogue]
shipped = false

[providers.local]
kind = "engine"

[[models]]
id = "tiny/absent"
weights = "absent.gguf"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "local" } ]
"""


async def test_every_origin_may_call_when_nothing_else_is_said(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up):
        got = await ask(running, HELLO, origin="https://any.example")
        assert got.header("access-control-allow-origin") == "*"
        assert "x-request-id" in (got.header("access-control-expose-headers") or "")
        assert got.header("access-control-allow-credentials") is None
        up.script(replies.error(500))
        failed = await ask(running, HELLO, origin="https://any.example")
        assert failed.status == 502
        assert failed.header("access-control-allow-origin") == "*"
        assert (await ask(running, HELLO)).header("access-control-allow-origin") is None


async def test_only_listed_origins_may_call_when_there_is_a_list(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, LISTED) as (running, _):
        got = await ask(running, HELLO, origin="https://two.example")
        assert got.header("access-control-allow-origin") == "https://two.example"
        assert got.header("vary") == "Origin"
        for origin in ("https://three.example", "https://one.example.evil.example", "null"):
            refused = await ask(running, HELLO, origin=origin)
            assert refused.header("access-control-allow-origin") is None


async def test_a_browser_may_ask_before_it_asks(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, LISTED) as (running, _):
        asked = {
            "origin": "https://one.example",
            "access_control_request_method": "POST",
            "access_control_request_headers": "authorization,content-type",
        }
        for path in (PATH, "/api/v1/chat/completions", "/v1/models/acme/echo"):
            got = await get(running, path, "OPTIONS", **asked)
            assert got.status == 204
            assert got.header("access-control-allow-origin") == "https://one.example"
            assert "POST" in (got.header("access-control-allow-methods") or "")
            assert got.header("access-control-allow-headers") == "authorization,content-type"
        closed = await get(running, "/metrics", "OPTIONS", **asked)
        assert closed.header("access-control-allow-origin") is None
        stranger = await get(running, PATH, "OPTIONS", **{**asked, "origin": "https://x.example"})
        assert stranger.header("access-control-allow-origin") is None


async def test_a_house_whose_models_cannot_answer_is_healthy_and_not_ready(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, NOTHING_READY) as running:
        assert (await get(running, "/health")).status == 200
        waiting = await get(running, "/ready")
        assert waiting.status == 503
        told = json.loads(waiting.text)
        assert told["status"] == "waiting"
        assert told["parts"]["store"] is None
        assert "model" in told["parts"]["models"]
        refused = await ask(running, {**HELLO, "model": "tiny/absent"})
        assert refused.status == 503
        assert int(refused.header("retry-after") or "0") >= 1
        await running.clean()


async def test_a_house_with_a_model_is_ready(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        got = await get(running, "/ready")
        assert got.status == 200
        assert json.loads(got.text)["parts"] == {"store": None, "models": None}


async def test_metrics_are_what_prometheus_reads_and_count_what_happened(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up):
        before = await _metrics(running)
        await ask(running, HELLO)
        up.script(replies.error(500))
        await ask(running, HELLO)
        await ask(running, {"model": "echo"})
        after = await _metrics(running)
        grown = {name: after[name] - before.get(name, 0) for name in after}
        assert grown["tokenhouse_requests_total"] == 3
        assert grown["tokenhouse_requests_failed_total status=502"] == 1
        assert grown["tokenhouse_requests_failed_total status=400"] == 1
        assert grown["tokenhouse_requests_admitted_total"] == 2
        assert after["tokenhouse_models_ready"] == 1


async def test_metrics_say_of_each_model_what_its_receipts_say(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up):
        await ask(running, HELLO)
        up.script(replies.error(500))
        await ask(running, HELLO)
        told = await _metrics(running)
        spent = await running.house.billing.receipts(running.account.id)
        of = " model=acme/echo"
        assert told[f"tokenhouse_requests_ended_total{of} outcome=finished"] == 1
        assert told[f"tokenhouse_requests_ended_total{of} outcome=failed"] == 1
        for bucket in ("input", "output"):
            billed = sum(getattr(receipt, bucket) for receipt in spent)
            assert told[f"tokenhouse_tokens_total bucket={bucket}{of}"] == billed > 0
        assert told[f"tokenhouse_owed_nanodollars_total{of}"] == sum(r.cost for r in spent) > 0
        assert told[f"tokenhouse_lost_nanodollars_total{of}"] == 0
        assert told[f"tokenhouse_first_content_seconds_bucket le=+Inf{of}"] == 1
        assert told[f"tokenhouse_request_seconds_count{of}"] == 2


async def test_metrics_show_holds_the_writer_the_lease_and_routes_at_rest(tmp_path: Path) -> None:
    eager = "[routing]\nfailures_to_open = 1\n"
    async with upstream_house(tmp_path, eager) as (running, up):
        more = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), more, answers.end()]))
        client = Client(json.dumps({**HELLO, "stream": True}).encode())
        asking = asyncio.create_task(running.house(scope(running), client.receive, client.send))
        await client.until_sent(b"one")
        during = await _metrics(running)
        assert during["tokenhouse_holds_open"] == 1
        assert during["tokenhouse_oldest_hold_seconds"] >= 0
        more.set()
        await asking
        up.script(replies.error(500))
        await ask(running, HELLO)
        after = await _metrics(running)
        assert after["tokenhouse_holds_open"] == 0
        assert after["tokenhouse_route_resting provider=up upstream_model=m"] == 1
        assert after["tokenhouse_store_readable"] == 1
        assert after["tokenhouse_writer_unwritten"] == 0
        for name in ("batches", "operations"):  # two requests begin and end
            assert after[f"tokenhouse_writer_{name}_total"] >= 4
        assert after["process_resident_memory_bytes"] > 0


async def test_metrics_come_when_the_database_does_not_answer(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        await running.house.store.stop()
        told = await _metrics(running)
        assert told["tokenhouse_store_readable"] == 0
        assert "tokenhouse_holds_open" not in told
        assert told["tokenhouse_requests_total"] == 0


async def _metrics(running: Running) -> dict[str, float]:
    got = await get(running, "/metrics")
    assert got.status == 200
    assert (got.header("content-type") or "").startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(got.text.decode()):
        for sample in family.samples:
            labels = "".join(f" {name}={value}" for name, value in sorted(sample.labels.items()))
            found[sample.name + labels] = sample.value
    return found
