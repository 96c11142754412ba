"""The house that runs: what needs a look, live requests, routes and engines, settings, failures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tokenhouse.billing import DAY_MS, HOUR_MS, FailuresAsked, RouteFigures, RouteRow
from tokenhouse.catalogue import plan_parts, price_parts
from tokenhouse.money import usd_per_million
from tokenhouse.pages.admin.office import Acting, Given, Handler, Office, done, page, shown, told
from tokenhouse.pages.dashboard.clerk import Deed
from tokenhouse.pages.session import Form
from tokenhouse.pages.shown import Words

ROWS: Final = 50
REFUSALS: Final = 100


class RunningPages:
    """``/admin`` and the pages about what runs now."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._desk = office.desk

    def routes(self) -> dict[tuple[str, str], Handler]:
        office = self._office
        return {
            ("GET", "/admin"): shown(office, self.overview, "overview"),
            ("GET", "/admin/requests"): shown(office, self.live, "requests"),
            ("POST", "/admin/requests"): done(office, self.cancel, self.live_again, "requests"),
            ("GET", "/admin/health"): shown(office, self.health, "health"),
            ("POST", "/admin/health"): done(office, self.reset, self.health_again, "health"),
            ("GET", "/admin/settings"): shown(office, self.settings, "settings"),
            ("POST", "/admin/settings"): done(office, self.reload, self.settings_again, "settings"),
            ("GET", "/admin/prices"): shown(office, self.prices, "settings"),
            ("GET", "/admin/errors"): shown(office, self.errors, "errors"),
        }

    async def overview(self, acting: Acting) -> Given:
        desk, now_ms = self._desk, self._office.clock.now_ms()
        rows = await self._route_rows()
        failures = await desk.failures(FailuresAsked(since_ms=now_ms - HOUR_MS, limit=ROWS))
        day = await desk.billing.usage(since_ms=now_ms // DAY_MS * DAY_MS, by=())
        settings = await desk.house.settings()
        folding = await desk.folding()
        words: Words = {
            "process": desk.house.process(),
            "today": day[0] if day else None,
            "live": desk.house.live(),
            "resting": [row for row, _ in rows if row.breaker != "closed"],
            "silent": sorted({row.model for row, _ in rows if not row.ready} & self._wanted()),
            "failures": failures.rows,
            "more_failures": failures.next is not None,
            "settings": settings,
            "unfolded": folding.last - folding.folded,
            "verified": desk.verified,
        }
        return page("overview", words)

    def _wanted(self) -> set[str]:
        """The operator's own models: of those that ship, nobody said that they are to answer."""
        return {model.id for model in self._office.catalogue().models if not model.shipped}

    async def live(self, acting: Acting) -> Given:
        return await self.live_again(acting, Deed())

    async def live_again(self, acting: Acting, deed: Deed) -> Given:
        return page("requests", {"live": self._desk.house.live()}, deed)

    async def cancel(self, acting: Acting, form: Form) -> str:
        await self._desk.cancel(acting.actor, form.get("request"), form.get("reason"))
        return told("/admin/requests", "cancelled")

    async def health(self, acting: Acting) -> Given:
        return await self.health_again(acting, Deed())

    async def health_again(self, acting: Acting, deed: Deed) -> Given:
        words: Words = {
            "routes": await self._route_rows(),
            "engines": self._desk.house.engines(),
        }
        return page("health", words, deed)

    async def reset(self, acting: Acting, form: Form) -> str:
        await self._desk.reset_route(acting.actor, form.get("provider"), form.get("model"))
        return told("/admin/health", "reset")

    async def settings(self, acting: Acting) -> Given:
        return await self.settings_again(acting, Deed())

    async def settings_again(self, acting: Acting, deed: Deed) -> Given:
        catalogue = self._office.catalogue()
        words: Words = {
            "found": await self._desk.house.settings(),
            "models": catalogue.models,
            "plans": catalogue.plans.values(),
            "plan_parts": plan_parts,
            "price_parts": price_parts,
            "rate": usd_per_million,
            "ready": self._office.ready,
        }
        return page("settings", words, deed)

    async def reload(self, acting: Acting, form: Form) -> str:
        found = await self._desk.reload(acting.actor, form.get("reason"))
        return told("/admin/settings", "taken") if found.taken else "/admin/settings?done=refused"

    async def prices(self, acting: Acting) -> Given:
        model = acting.asked("model")
        rows = await self._office.prices.history(model or None)
        words: Words = {
            "rows": tuple(reversed(rows)),
            "models": [each.id for each in self._office.catalogue().models],
            "price_parts": price_parts,
            "rate": usd_per_million,
        }
        return page("prices", words)

    async def errors(self, acting: Acting) -> Given:
        asked = FailuresAsked(
            text=acting.asked("q"), after=acting.asked("after") or None, limit=ROWS
        )
        found = await self._desk.failures(asked)
        wanted = acting.asked("q").lower()
        refusals = [
            row
            for row in self._desk.house.refusals()
            if wanted in f"{row.id} {row.status} {row.code} {row.message}".lower()
        ]
        words: Words = {
            "found": found,
            "names": await self._office.account_names(row.account for row in found.rows),
            "refusals": refusals[:REFUSALS],
        }
        return page("errors", words)

    async def _route_rows(self) -> Iterable[tuple[RouteRow, RouteFigures | None]]:
        since_ms = self._office.clock.now_ms() - DAY_MS
        figures = await self._desk.route_figures(since_ms=since_ms)
        return [
            (row, figures.get((row.provider, row.upstream_model)))
            for row in self._desk.house.routes()
        ]
