"""Operators and the house that runs: live requests, routes, engines, settings, failures."""

from __future__ import annotations

from collections.abc import Callable

from tokenhouse.api.admin import gives, said, takes
from tokenhouse.api.admin.route import Act, Asking, Told
from tokenhouse.api.ranges import moment_asked
from tokenhouse.billing import DAY_MS, Desk, FailuresAsked, Prices
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock

FIGURES_MS = DAY_MS
"""How far back the figures of routes look."""


class RunningActs:
    """One method a route; ``acts`` by the route's name."""

    def __init__(
        self,
        desk: Desk,
        prices: Prices,
        catalogue: Callable[[], Catalogue],
        ready: Callable[[str], bool],
        *,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._prices = prices
        self._catalogue = catalogue
        self._ready = ready
        self._clock = clock

    def acts(self) -> dict[str, Act]:
        return {
            "live": self.live,
            "live_cancel": self.cancel,
            "routes": self.routes,
            "route_reset": self.reset,
            "engines": self.engines,
            "errors": self.errors,
            "refusals": self.refusals,
            "plans": self.plans,
            "models": self.models,
            "prices": self.prices,
            "settings": self.settings,
            "settings_reload": self.reload,
        }

    async def live(self, asking: Asking, given: takes.LiveQuery) -> Told:
        account = given.account
        if account is not None:
            account = (await self._desk.billing.account(account)).id
        return Told(list(self._desk.house.live(account)))

    async def cancel(self, asking: Asking, given: takes.MayBecause) -> Told:
        receipt = await self._desk.cancel(asking.actor, asking.id, given.reason)
        return Told(said.receipt(receipt))

    async def routes(self, asking: Asking, given: takes.Nothing) -> Told:
        figures = await self._desk.route_figures(since_ms=self._clock.now_ms() - FIGURES_MS)
        rows = self._desk.house.routes()
        return Told(
            [said.route(row, figures.get((row.provider, row.upstream_model))) for row in rows]
        )

    async def reset(self, asking: Asking, given: takes.RouteReset) -> Told:
        await self._desk.reset_route(asking.actor, given.provider, given.model, given.reason)
        return Told(gives.Reset(provider=given.provider, model=given.model))

    async def engines(self, asking: Asking, given: takes.Nothing) -> Told:
        return Told(list(self._desk.house.engines()))

    async def errors(self, asking: Asking, given: takes.ErrorsQuery) -> Told:
        since_ms = moment_asked({"since": given.since or ""}, "since", 0)
        page = await self._desk.failures(
            FailuresAsked(text=given.text, since_ms=since_ms, after=given.after, limit=given.limit)
        )
        return Told([said.receipt(row) for row in page.rows], page.next)

    async def refusals(self, asking: Asking, given: takes.Nothing) -> Told:
        return Told(list(self._desk.house.refusals()))

    async def plans(self, asking: Asking, given: takes.Nothing) -> Told:
        return Told([said.plan(row) for row in self._catalogue().plans.values()])

    async def models(self, asking: Asking, given: takes.Nothing) -> Told:
        rows = self._catalogue().models
        return Told([said.model(row, ready=self._ready(row.id)) for row in rows])

    async def prices(self, asking: Asking, given: takes.PricesQuery) -> Told:
        model = given.model
        if model is not None:
            model = self._catalogue().resolve(model).id
        rows = await self._prices.history(model)
        return Told([said.price(row.price, row.model, row.from_ms) for row in rows])

    async def settings(self, asking: Asking, given: takes.Nothing) -> Told:
        return Told(await self._desk.house.settings())

    async def reload(self, asking: Asking, given: takes.MayBecause) -> Told:
        return Told(await self._desk.reload(asking.actor, given.reason))
