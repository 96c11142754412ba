"""What Prometheus scrapes: plain counters of the rooms, read and named at scrape time.

Requests pay for no metric: rooms count in integers, and this turns them into families when asked.
Names and units follow Prometheus' conventions (base units, ``_total`` on counters).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tokenhouse.api.totals import Totals
from tokenhouse.relay import BUCKETS, ModelTotals, RelayTotals, Times


@dataclass(frozen=True, slots=True)
class Reading:
    """One number as it is now; those of one name have the same names of labels.

    ``name`` ends in ``_total`` where it only rises; ``said`` is one line for whoever reads it.
    """

    name: str
    said: str
    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """Where the numbers are: of the API, of the relay, and whatever else the house can read."""

    api: Totals
    relay: RelayTotals
    readings: Callable[[], Awaitable[Iterable[Reading]]]


class HouseCollector(Collector):
    """Everything of one house; what has to be waited for is read beforehand."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted
        self._readings: Iterable[Reading] = ()

    async def read(self) -> None:
        self._readings = await self._counted.readings()

    def collect(self) -> Iterable[Metric]:
        api, relay = self._counted.api, self._counted.relay
        yield _counter("tokenhouse_requests", "Inference requests begun", api.begun)
        yield _counter("tokenhouse_clients_gone", "Clients that left before the end", api.gone)
        yield _counters(
            "tokenhouse_requests_failed", "Requests answered with an error", "status", api.by_status
        )
        yield _counter("tokenhouse_requests_admitted", "Requests with a hold", relay.admitted)
        yield _counter("tokenhouse_requests_refused", "Limits or balance said no", relay.refused)
        yield _counters(
            "tokenhouse_attempts_failed",
            "Tries at a route that failed by its own fault",
            "provider",
            relay.failed_attempts,
        )
        yield from _of_models(relay.models)
        yield from _read(self._readings)


def _of_models(models: Mapping[str, ModelTotals]) -> Iterable[Metric]:
    ended = CounterMetricFamily(
        "tokenhouse_requests_ended", "Requests with a receipt", labels=["model", "outcome"]
    )
    tokens = CounterMetricFamily(
        "tokenhouse_tokens", "Tokens billed (images: images)", labels=["model", "bucket"]
    )
    owed = CounterMetricFamily(
        "tokenhouse_owed_nanodollars", "What usage came to, in nanodollars", labels=["model"]
    )
    lost = CounterMetricFamily(
        "tokenhouse_lost_nanodollars", "Owed and not charged: the house's loss", labels=["model"]
    )
    first = HistogramMetricFamily(
        "tokenhouse_first_content_seconds", "From arrival to the first content", labels=["model"]
    )
    whole = HistogramMetricFamily(
        "tokenhouse_request_seconds", "From arrival to the end", labels=["model"]
    )
    for model, totals in sorted(models.items()):
        for outcome, count in sorted(totals.outcomes.items()):
            ended.add_metric([model, outcome], count)
        for bucket, count in zip(BUCKETS, totals.tokens, strict=True):
            tokens.add_metric([model, bucket], count)
        owed.add_metric([model], totals.owed)
        lost.add_metric([model], totals.lost)
        first.add_metric(
            [model], _buckets(totals.first_content), totals.first_content.sum_ms / 1000
        )
        whole.add_metric([model], _buckets(totals.whole), totals.whole.sum_ms / 1000)
    return ended, tokens, owed, lost, first, whole


def _buckets(times: Times) -> Sequence[tuple[str, float]]:
    bounds = [str(ms / 1000) for ms in times.bounds]
    return list(zip([*bounds, "+Inf"], accumulate(times.counts), strict=True))


def _read(readings: Iterable[Reading]) -> Iterable[Metric]:
    families: dict[str, Metric] = {}
    for reading in readings:
        family = families.get(reading.name)
        if family is None:
            family = families[reading.name] = _family(reading)
        family.add_sample(reading.name, dict(reading.labels), reading.value)
    return families.values()


def _family(reading: Reading) -> Metric:
    if reading.name.endswith("_total"):
        return CounterMetricFamily(reading.name.removesuffix("_total"), reading.said)
    return GaugeMetricFamily(reading.name, reading.said)


def _counter(name: str, said: str, value: float) -> Metric:
    return CounterMetricFamily(name, said, value=value)


def _counters(name: str, said: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, said, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
