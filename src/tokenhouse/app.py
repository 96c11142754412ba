"""The composition root: a house from its settings. The only place where rooms are built.

``build(config)`` composes and starts nothing; the ASGI lifespan (or ``start`` and ``stop``) does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tokenhouse import __version__, starter
from tokenhouse.access import Access, SignInCodes
from tokenhouse.api import (
    ADMIN,
    CONTROL,
    Account,
    Budget,
    ChatFront,
    CompletionsFront,
    ControlSettings,
    Cors,
    Counted,
    CountTokens,
    Front,
    Handler,
    Inference,
    KeyedAnswers,
    Limits,
    MessagesFront,
    Models,
    Name,
    OpenApi,
    Receive,
    Router,
    Scope,
    Send,
    SignIn,
    Status,
    Totals,
    Visit,
    admin,
    by_path,
    control,
)
from tokenhouse.app_metrics import readings
from tokenhouse.app_operating import LiveAccounts, Operating
from tokenhouse.app_people import make_people, make_visitors
from tokenhouse.app_providers import Providing, make_providers, model_states, why_nothing_answers
from tokenhouse.billing import Billing, Desk, Keep, Patrol, Prices, PriceVersion, Upkeep
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock, SystemClock
from tokenhouse.config import Config
from tokenhouse.errors import HouseError
from tokenhouse.pages import AdminPages, Clerk, Dashboard, Office, Pages, Site
from tokenhouse.relay import Relay
from tokenhouse.routing import Health
from tokenhouse.store import SqliteStore

log = logging.getLogger("tokenhouse")


def build(config: Config, *, clock: Clock | None = None) -> House:
    """A house, ready to be started. ConfigError and HouseError name what is wrong with it."""
    return House(config, SystemClock() if clock is None else clock)


class House:
    """One process's house: an ASGI application with everything behind it."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.catalogue = make_catalogue(config)
        self.providing: Providing = make_providers(config, self.catalogue)
        self.store = open_store(config, clock)
        self.billing = Billing(self.store, self.store, self.store, clock)
        self.visitors = make_visitors(config, self.billing, clock)
        self.prices = Prices(self.store, clock)
        self.access = Access(
            self.store, clock=clock, failed_keys_per_minute=config.server.failed_keys_per_minute
        )
        self.upkeep = Upkeep(self.store, clock, keep_of(config))
        self.sign_in_codes = SignInCodes(
            clock, failed_per_minute=config.server.failed_keys_per_minute
        )
        self.people = make_people(config, self.store, clock, plan=self._default_plan)
        self.totals = Totals()
        self.keyed = KeyedAnswers()
        self.relay = Relay(
            self.catalogue,
            self.providing.providers,
            self.store,
            clock=clock,
            health=Health(
                clock,
                failures_to_open=config.routing.failures_to_open,
                probe_after_s=config.routing.probe_after_s,
            ),
            counters=self.providing.counters,
        )
        self.patrol = Patrol(self.store, LiveAccounts(self.relay.live), self.store.epoch)
        self.read_again: Callable[[], Config] | None = None
        """Reads the settings anew, where they can be."""
        self.operating = Operating(self)
        self.desk = Desk(self.billing, self.store, self.operating, clock=clock)
        self.started = False
        self.failure: HouseError | None = None
        self._router = self._routes()

    async def start(self) -> None:
        """Open the store (expiring what a dead process held) and begin to load the starter."""
        private_directory(self.config.data_dir)
        await self.store.start(serve=True)
        await self.prices.record(self.catalogue)
        await self.keyed.start()
        for engine in self.providing.eager:
            engine.begin()
        self.started = True

    async def stop(self) -> None:
        """Stop engines, close connections, finish what was said to the store. Idempotent."""
        if self.started:
            await self.people.errands.finish()
        self.started = False
        await self.keyed.stop()
        for provider in self.providing.providers.values():
            await provider.aclose()
        for client in self.providing.clients:
            await client.aclose()
        await self.store.stop()

    def reload(self, config: Config) -> None:
        """Take catalogue, plans and limits from ``config``; requests under way keep what they have.

        A new price is queued to be written before any hold can name it.
        """
        catalogue = make_catalogue(config)
        self.prices.record(catalogue).add_done_callback(_log_prices)
        self.relay.catalogue = catalogue
        self.catalogue = catalogue
        log.info("settings read again: %d models", len(catalogue.models))

    def silent_models(self) -> Mapping[str, str]:
        """Model id → why it can't answer now."""
        return why_nothing_answers(self.providing, self.catalogue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._router(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except HouseError as error:
            self.failure = error
            await self.stop()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        async with asyncio.TaskGroup() as group:
            keeping = (
                group.create_task(self.upkeep.run(), name="tokenhouse-upkeep"),
                group.create_task(self.patrol.run(), name="tokenhouse-patrol"),
                group.create_task(self.operating.run(), name="tokenhouse-operating"),
                group.create_task(self.people.errands.run(), name="tokenhouse-errands"),
            )
            await receive()
            for task in keeping:
                task.cancel()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _routes(self) -> Router:
        server = self.config.server
        models = Models(lambda: self.catalogue, self._can_answer, self.access, clock=self.clock)
        account = Account(
            self.billing,
            self.access,
            lambda: self.catalogue,
            clock=self.clock,
            failed_codes_per_minute=server.failed_keys_per_minute,
        )
        counted = Counted(self.totals, self.relay.totals, partial(readings, self))
        status = Status(counted, readiness=self._readiness, models=self._model_states)
        openapi = OpenApi(self.config.site.name, server.public_url, __version__)
        exact, prefixes = by_path(
            {
                **self._inference(),
                "models": models.listing,
                "model": models.one,
                "generation": account.generation,
                "generations": account.generations,
                "activity": account.activity,
                "key": account.key,
                "credits": account.credits,
                "redeem": account.redeem,
                "sign_in": SignIn(
                    self.sign_in_codes,
                    self.people,
                    clock=self.clock,
                    secure_site=server.public_url.startswith("https:"),
                ),
                "visit": Visit(self.visitors, clock=self.clock),
                "postings": account.postings,
                "health": status.health,
                "ready": status.ready,
                "metrics": status.metrics,
                "openapi": openapi,
                "control_openapi": openapi,
            }
        )
        pages = self._pages(openapi, frozenset(path for _, path in exact))
        cors = Cors(server.cors_origins)
        sections: dict[str, Handler] = {
            ADMIN: admin(
                self.desk,
                self.people,
                self.prices,
                lambda: self.catalogue,
                ready=self._can_answer,
                clock=self.clock,
            ),
            CONTROL: self._control(),
        }
        return Router(exact, prefixes, clock=self.clock, cors=cors, sections=sections, pages=pages)

    def _control(self) -> Handler:
        server = self.config.server
        return control(
            self.people,
            self.billing,
            lambda: self.catalogue,
            ready=self._can_answer,
            clock=self.clock,
            settings=ControlSettings(
                url=server.public_url,
                support_url=self.config.site.support_url,
                failed_codes_per_minute=server.failed_keys_per_minute,
                budget=Budget(
                    general=server.control_per_minute,
                    auth=server.control_sign_ins_per_minute,
                    money=server.control_money_per_minute,
                ),
            ),
        )

    def _pages(self, openapi: OpenApi, served: frozenset[str]) -> Pages:
        settings = self.config.site
        site = Site(
            name=settings.name,
            url=self.config.server.public_url,
            support_url=settings.support_url,
            sign_up=settings.sign_up,
            visitor_cap=self.visitors.cap,
            served=served,
            version=__version__,
        )
        pages = Pages(
            site,
            catalogue=lambda: self.catalogue,
            ready=self._can_answer,
            billing=self.billing,
            openapi=openapi.document,
            clock=self.clock,
        )
        self.private = pages.with_people(self.people)
        self.private.add(self._dashboard(site).routes())
        self.private.add(self._admin_pages(site).routes())
        return pages

    def _admin_pages(self, site: Site) -> AdminPages:
        return AdminPages(
            Office(
                desk=self.desk,
                people=self.people,
                prices=self.prices,
                catalogue=lambda: self.catalogue,
                ready=self._can_answer,
                site=site,
                clock=self.clock,
            )
        )

    def _dashboard(self, site: Site) -> Dashboard:
        clerk = Clerk(
            billing=self.billing,
            prices=self.prices,
            catalogue=lambda: self.catalogue,
            ready=self._can_answer,
            site=site,
            clock=self.clock,
            changed=self.access.look_again,
            codes=self.sign_in_codes,
        )
        per_minute = self.config.server.failed_keys_per_minute
        return Dashboard(clerk, failed_codes_per_minute=per_minute)

    def _default_plan(self) -> str:
        plan = self.catalogue.default_plan
        return "" if plan is None else plan.name

    def _inference(self) -> dict[Name, Handler]:
        """The routes that take a prompt, one for each dialect and the one that only counts."""
        server = self.config.server
        limits = Limits(
            body_max=server.max_body,
            keyless_body_max=server.max_keyless_body,
            deadline_s=server.request_deadline_s,
            keep_alive_s=server.keepalive_s,
        )

        def inference(front: Front) -> Inference:
            return Inference(
                front,
                self.relay,
                self.access,
                limits=limits,
                totals=self.totals,
                keyed=self.keyed,
            )

        return {
            "chat": inference(ChatFront()),
            "completions": inference(CompletionsFront()),
            "messages": inference(MessagesFront()),
            "count_tokens": CountTokens(
                self.relay,
                self.access,
                clock=self.clock,
                limits=limits,
                per_minute=server.counts_per_minute,
                totals=self.totals,
            ),
        }

    def _can_answer(self, model_id: str) -> bool:
        return self.relay.can_answer(self.catalogue.resolve(model_id))

    def _model_states(self) -> Mapping[str, str]:
        return model_states(self.providing, self.catalogue)

    def _readiness(self) -> Mapping[str, str | None]:
        offered = (model for model in self.catalogue.models if model.price is not None)
        answers = any(map(self.relay.can_answer, offered))
        return {
            "store": None if self.started else "the store is not open",
            "models": None if answers else "no model can answer now",
        }


def _log_prices(recorded: asyncio.Future[tuple[PriceVersion, ...]]) -> None:
    error = None if recorded.cancelled() else recorded.exception()
    if error is not None:
        log.error("new prices are not written yet: %s", error)
        return
    for new in () if recorded.cancelled() else recorded.result():
        log.info("%s costs by price %s now", new.model, new.version)


def make_catalogue(config: Config) -> Catalogue:
    """The catalogue of ``config``; ConfigError names every mistake."""
    return Catalogue.build(config, starter_prompt=starter.system_prompt_template())


def keep_of(config: Config) -> Keep:
    """How long receipts and hourly rollups stay."""
    return Keep(config.store.keep_receipts_days, config.store.keep_hours_days)


def open_store(config: Config, clock: Clock) -> SqliteStore:
    """The store of ``config``, not yet started. HouseError for one that this version can't open."""
    url = config.store.url
    if not url.startswith("sqlite:///"):
        raise HouseError(
            "store.url: this version keeps its books in SQLite; write sqlite:///PATH.",
            code="config_invalid",
        )
    path = Path(url.removeprefix("sqlite:///"))
    return SqliteStore(path, clock=clock, durability=config.store.durability)


def private_directory(path: Path) -> None:
    """Make the data directory, readable by its owner alone (0700)."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
