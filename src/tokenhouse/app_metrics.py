"""What the rooms can say of themselves, as numbers for ``/metrics``; read when they are asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from tokenhouse.api import Reading
from tokenhouse.engine import Engine
from tokenhouse.errors import TokenhouseError
from tokenhouse.providers import EngineProvider
from tokenhouse.routing import Health

if TYPE_CHECKING:
    from tokenhouse.app import House

log = logging.getLogger("tokenhouse")

READ_WITHIN_S: Final = 1.0
"""A database that answers no sooner is told as unreadable: metrics must come all the more then."""


async def readings(house: House) -> Iterable[Reading]:
    """Everything that is not counted request by request."""
    return (
        *(Reading(name, name.replace("_", " "), value, {}) for name, value in _plain(house)),
        *_resting(house.relay.health),
        *_engines(house),
        *_counted_otherwise(house),
        *_writer(house),
        *await _holds(house),
    )


def _plain(house: House) -> Iterator[tuple[str, float]]:
    relay = house.relay
    yield "tokenhouse_requests_waiting", len(relay.waiting)
    yield "tokenhouse_models_ready", sum(map(relay.can_answer, house.catalogue.models))
    yield (
        "tokenhouse_models_offered",
        sum(model.price is not None for model in relay.catalogue.models),
    )
    yield "tokenhouse_attempts_retried_total", relay.totals.retried


def _resting(health: Health) -> Iterator[Reading]:
    for provider, upstream_model in health.snapshot():
        yield Reading(
            "tokenhouse_route_resting",
            "A route that has failed and is not tried now",
            1,
            {"provider": provider, "upstream_model": upstream_model},
        )


def _engines(house: House) -> Iterator[Reading]:
    budget = house.providing.budget
    counts = budget.counts
    plain: Mapping[str, tuple[str, float]] = {
        "tokenhouse_engine_memory_taken_bytes": (
            "Memory that loaded models are counted with",
            budget.taken,
        ),
        "tokenhouse_engine_loads_total": ("Models loaded", counts.loads),
        "tokenhouse_engine_unloads_total": ("Models unloaded: idle, or for others", counts.unloads),
        "tokenhouse_engine_crashes_total": ("Engine processes that ended alone", counts.crashes),
    }
    for name, (words, value) in plain.items():
        yield Reading(name, words, value, {})
    if budget.limit is not None:
        words = "Memory that loaded models may take together"
        yield Reading("tokenhouse_engine_memory_limit_bytes", words, budget.limit, {})
    for provider in house.relay.providers.values():
        if isinstance(provider, EngineProvider):
            for name, engine in provider.engines.items():
                yield from _engine(engine, {"provider": provider.name, "upstream_model": name})


def _engine(engine: Engine, labels: Mapping[str, str]) -> Iterator[Reading]:
    pool = engine.pool
    said: Mapping[str, tuple[str, float]] = {
        "tokenhouse_engine_loaded": ("1 while it answers", engine.state == "ready"),
        "tokenhouse_engine_resident_bytes": (
            "Memory of its process, mapped weights left out",
            engine.resident,
        ),
        "tokenhouse_engine_running": ("Requests it works on", 0 if pool is None else pool.running),
        "tokenhouse_engine_queue": ("Requests that wait", 0 if pool is None else pool.queued),
    }
    for name, (words, value) in said.items():
        yield Reading(name, words, value, labels)


def _counted_otherwise(house: House) -> Iterator[Reading]:
    for name, provider in house.providing.providers.items():
        if isinstance(provider, EngineProvider):
            where, found = {"provider": name}, provider.differences
            words = "Prompts that the engine counted otherwise than the house, which bills its own"
            yield Reading("tokenhouse_prompts_counted_otherwise_total", words, found.prompts, where)
            words = "Tokens between the two counts, without their sign"
            yield Reading("tokenhouse_prompt_tokens_apart_total", words, found.tokens, where)


def _writer(house: House) -> Iterator[Reading]:
    pulse = house.store.pulse
    if pulse is None:
        return
    said: Mapping[str, tuple[str, float]] = {
        "tokenhouse_writer_batches_total": ("Transactions committed", pulse.batches),
        "tokenhouse_writer_operations_total": ("Operations in them", pulse.operations),
        "tokenhouse_writer_queue": ("Operations that wait for their turn", pulse.queued),
        "tokenhouse_writer_unwritten": (
            "Ends of holds that could not be written yet",
            pulse.unwritten,
        ),
    }
    for name, (words, value) in said.items():
        yield Reading(name, words, value, {})
    if pulse.beaten is not None:
        age = house.clock.monotonic() - pulse.beaten
        words = "Since this process last showed in the database that it lives"
        yield Reading("tokenhouse_lease_age_seconds", words, age, {})


async def _holds(house: House) -> Iterable[Reading]:
    name, said = "tokenhouse_store_readable", "1 when the database answers"
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            count, earliest = await house.store.holds_open()
    except (TimeoutError, TokenhouseError) as error:
        log.warning("the database does not answer to be measured: %r", error)
        return (Reading(name, said, 0, {}),)
    age_s = 0.0 if earliest is None else (house.clock.now_ms() - earliest) / 1000
    return (
        Reading(name, said, 1, {}),
        Reading("tokenhouse_holds_open", "Holds that have not ended", count, {}),
        Reading("tokenhouse_oldest_hold_seconds", "Age of the oldest of them", age_s, {}),
    )
