"""Health, readiness and metrics: for load balancers and Prometheus, without a key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenhouse.api.http import Receive, Respond, Scope, Send
from tokenhouse.api.totals import Totals

Gauges = Callable[[], Mapping[str, float]]


class Status:
    """``readiness`` tells, per part, None when it is ready, else what it waits for."""

    def __init__(
        self, totals: Totals, *, readiness: Callable[[], Mapping[str, str | None]], gauges: Gauges
    ) -> None:
        self._readiness = readiness
        self._registry = CollectorRegistry()
        self._registry.register(_HouseCollector(totals, gauges))

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 as long as this process answers at all."""
        del scope, receive
        await Respond(send, []).json(200, b'{"status":"ok"}')

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 when requests can be served and paid, else 503 naming what is missing."""
        del scope, receive
        parts = self._readiness()
        waiting = {name: reason for name, reason in parts.items() if reason is not None}
        state = {"status": "waiting" if waiting else "ready", "parts": {**parts}}
        await Respond(send, []).json(503 if waiting else 200, msgspec.json.encode(state))

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Prometheus text format 0.0.4."""
        del scope, receive
        body = generate_latest(self._registry)
        headers = [
            (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _HouseCollector(Collector):
    """Reads the house's plain counters at scrape time, so that requests pay nothing for metrics."""

    def __init__(self, totals: Totals, gauges: Gauges) -> None:
        self._totals = totals
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        totals = self._totals
        yield _counter("tokenhouse_requests", "Inference requests begun", totals.begun)
        yield _counter("tokenhouse_clients_gone", "Clients that left before the end", totals.gone)
        failed = CounterMetricFamily(
            "tokenhouse_requests_failed", "Requests answered with an error", labels=["status"]
        )
        for status, count in sorted(totals.by_status.items()):
            failed.add_metric([str(status)], count)
        yield failed
        for name, value in self._gauges().items():
            if name.endswith("_total"):
                yield _counter(name.removesuffix("_total"), name.replace("_", " "), value)
            else:
                yield GaugeMetricFamily(name, name.replace("_", " "), value=value)


def _counter(name: str, said: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, said, value=value)
