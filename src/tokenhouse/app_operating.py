"""The running house as operators see and steer it: live requests, routes, engines, settings."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from tokenhouse import __version__, starter
from tokenhouse.app_settings import differences
from tokenhouse.billing import (
    EngineRow,
    LiveRow,
    ProcessRow,
    Refusal,
    RouteRow,
    SettingsRow,
)
from tokenhouse.catalogue import Catalogue, Model, Route
from tokenhouse.config import Config, ConfigError
from tokenhouse.errors import HouseError
from tokenhouse.ledger import Account
from tokenhouse.providers import EngineProvider
from tokenhouse.relay import Live, account_not_open, stopped_by_operator

if TYPE_CHECKING:
    from tokenhouse.app import House

log = logging.getLogger("tokenhouse")


class LiveAccounts:
    """``billing.Patrol``'s view of the relay's live requests."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def accounts(self) -> Collection[str]:
        return self._live.accounts()

    def stop_account(self, account: Account) -> int:
        error = account_not_open(account.name, account.state)
        return len(self._live.stop_account(account.id, error))


class Operating:
    """``billing.RunningHouse`` of ``house``."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._started_ms = house.clock.now_ms()
        self._reloading = asyncio.Lock()
        self._reload_asked = asyncio.Event()

    def ask_reload(self) -> None:
        """Take the settings soon: SIGHUP. It stands in the audit log, as when an operator says it."""
        self._reload_asked.set()

    async def run(self) -> None:
        """Take the settings whenever that is asked; goes on until it is cancelled."""
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            try:
                await self._house.desk.reload("signal:SIGHUP")
            except HouseError as error:
                log.error("that the settings were read again is not written down: %s", error)

    def live(self, account: str | None = None) -> tuple[LiveRow, ...]:
        live = self._house.relay.live.listed(account)
        return tuple(LiveRow(**dataclasses.asdict(each)) for each in live)

    async def cancel(self, id: str, reason: str) -> bool:
        over = self._house.relay.live.stop(id, stopped_by_operator(reason))
        if over is None:
            return False
        await over.wait()
        return True

    async def stop_account(self, account: Account) -> int:
        self._house.access.look_again()
        error = account_not_open(account.name, account.state)
        ending = self._house.relay.live.stop_account(account.id, error)
        for over in ending:
            await over.wait()
        return len(ending)

    def routes(self) -> tuple[RouteRow, ...]:
        return tuple(
            self._route(model, route)
            for model in self._house.relay.catalogue.models
            for route in model.routes
        )

    def reset(self, provider: str, upstream_model: str) -> bool:
        key = (provider, upstream_model)
        known = any(
            route.key == key
            for model in self._house.relay.catalogue.models
            for route in model.routes
        )
        if known:
            self._house.relay.health.reset(key)
        return known

    def engines(self) -> tuple[EngineRow, ...]:
        return tuple(
            EngineRow(
                model=name,
                provider=provider.name,
                state=engine.state,
                failure=None if engine.failure is None else str(engine.failure),
                restarts=engine.restarts,
                pid=engine.pid,
                context=engine.n_ctx,
                reserved=0 if engine.pool is None else engine.pool.reserved,
                queued=0 if engine.pool is None else engine.pool.queued,
            )
            for provider in self._house.relay.providers.values()
            if isinstance(provider, EngineProvider)
            for name, engine in provider.engines.items()
        )

    def refusals(self) -> tuple[Refusal, ...]:
        return tuple(
            Refusal(
                id=failed.id,
                at_ms=failed.at_ms,
                status=failed.status,
                code=failed.code,
                message=failed.message,
            )
            for failed in reversed(self._house.totals.last)
        )

    async def settings(self) -> SettingsRow:
        return (await asyncio.to_thread(self._read))[0]

    async def reload(self) -> SettingsRow:
        """Take the settings anew; a signal that comes meanwhile waits for its turn."""
        async with self._reloading:
            row, config = await asyncio.to_thread(self._read)
            if config is None:
                why = f"{row.path}: " + "; ".join(row.problems)
                log.error("settings not taken, the old ones stay: %s", why)
                return row
            self._house.reload(config)
            return dataclasses.replace(row, taken=True)

    def process(self) -> ProcessRow:
        house = self._house
        totals = house.relay.totals
        return ProcessRow(
            version=__version__,
            lease=house.store.lease,
            started_ms=self._started_ms,
            live=len(house.relay.live),
            waiting=len(house.relay.waiting),
            folded_ms=house.upkeep.folded_ms,
            fold_error=house.upkeep.error,
            totals={
                "begun": house.totals.begun,
                "admitted": totals.admitted,
                "refused": totals.refused,
                "retried": totals.retried,
                "clients_gone": house.totals.gone,
            },
        )

    def _route(self, model: Model, route: Route) -> RouteRow:
        relay = self._house.relay
        provider = relay.providers.get(route.provider)
        ready = provider is not None and provider.ready(route.model)
        why_not = "there is no such provider; it comes with a start anew"
        health = relay.health.of(route.key)
        return RouteRow(
            model=model.id,
            provider=route.provider,
            upstream_model=route.model,
            priority=route.priority,
            weight=route.weight,
            ready=ready,
            why_not=why_not if provider is None else provider.why_not(route.model),
            breaker=health.state,
            in_row=health.in_row,
            failed=health.failed,
            seen=health.seen,
            rests_s=health.rests_s,
        )

    def _read(self) -> tuple[SettingsRow, Config | None]:
        """The settings as they are written now, and what is other or wrong about them."""
        house = self._house
        path = None if house.config.path is None else str(house.config.path)
        if house.read_again is None:
            why = "this house was not started from settings that can be read again"
            return SettingsRow(path=path, problems=(why,)), None
        try:
            config = house.read_again()
            wanted = Catalogue.build(config, starter_prompt=starter.system_prompt_template())
        except ConfigError as error:
            return SettingsRow(path=error.source or path, problems=error.problems), None
        except HouseError as error:
            return SettingsRow(path=path, problems=(str(error),)), None
        found = differences(house.config, house.relay.catalogue, config, wanted)
        path = None if config.path is None else str(config.path)
        return SettingsRow(path=path, differences=found), config
