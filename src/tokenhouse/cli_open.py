"""A verb's way into the house: its own process beside a running server, no lock, one event loop."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from tokenhouse.access import NewKey
from tokenhouse.catalogue import Catalogue
from tokenhouse.cli_frame import AUTH, Failure, not_found
from tokenhouse.clock import SystemClock
from tokenhouse.config import Config
from tokenhouse.starter import system_prompt_template

if TYPE_CHECKING:  # opened by the verbs that need them: --help comes at once
    from tokenhouse.billing import Billing
    from tokenhouse.store import SqliteStore

T = TypeVar("T")

SESSION_KEY_MS: Final = 24 * 3600 * 1000
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class House:
    """What a verb works with while it runs."""

    config: Config
    store: SqliteStore
    billing: Billing
    clock: SystemClock


def build_catalogue(config: Config) -> Catalogue:
    """The catalogue of these settings; ConfigError names every mistake."""
    return Catalogue.build(config, starter_prompt=system_prompt_template())


def store_path(config: Config) -> Path:
    """The database file of these settings."""
    if not config.store.url.startswith(_SQLITE):
        raise Failure("this version keeps its money in SQLite: store.url must be sqlite:///PATH")
    return Path(config.store.url.removeprefix(_SQLITE))


def house_exists(config: Config) -> bool:
    """Has a house been made with these settings?"""
    return store_path(config).exists()


def run(config: Config, act: Callable[[House], Awaitable[T]], *, make: bool = False) -> T:
    """Open the house, do it, close. ``make``: a house that is not there is made, not missed."""
    path = store_path(config)
    if make:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not path.exists():
        raise not_found(
            f"there is no house at {path}: `tokenhouse serve` makes one, --data names another",
            "no_house",
        )
    return asyncio.run(_opened(config, path, act))


@contextmanager
def session_key(config: Config) -> Generator[str, None, None]:
    """A key of the house's first open account, for as long as the block runs.

    Secrets of older keys are nowhere to be read: only their hashes are kept.
    """
    made = run(config, _new_session_key)

    async def revoke(house: House) -> None:
        await house.billing.revoke_key(made.key.id)

    try:
        yield made.secret
    finally:
        run(config, revoke)


async def _opened(config: Config, path: Path, act: Callable[[House], Awaitable[T]]) -> T:
    from tokenhouse.billing import Billing
    from tokenhouse.store import SqliteStore

    clock = SystemClock()
    store = SqliteStore(path, clock=clock, durability=config.store.durability)
    await store.start(serve=False)
    try:
        billing = Billing(store, store, store, clock, actor=f"cli:{login()}")
        return await act(House(config, store, billing, clock))
    finally:
        await store.stop()


def login() -> str:
    """Who runs this process, by the system's own list: a variable could say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


async def _new_session_key(house: House) -> NewKey:
    accounts = [account for account in await house.billing.accounts() if account.state == "open"]
    if not accounts:
        raise Failure(
            "no account can pay: `tokenhouse accounts create NAME` makes one",
            code="missing_api_key",
            exit_code=AUTH,
        )
    first = min(accounts, key=lambda account: account.created_ms)
    expires_ms = house.clock.now_ms() + SESSION_KEY_MS
    return await house.billing.create_key(first.id, "chat", expires_ms=expires_ms)
