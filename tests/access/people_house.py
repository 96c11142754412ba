"""People over a store, with a clock that is told to move and a mailer that keeps what it was given."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tokenhouse.access import Mail, People, PeopleSettings, SignedIn
from tokenhouse.clock import ManualClock
from tokenhouse.store import SqliteStore

WORDS = "correct horse battery"
OTHER_WORDS = "seven quiet lanterns"


@dataclass(slots=True)
class KeptMail:
    """Every mail that was sent."""

    mails: list[Mail] = field(default_factory=list[Mail])

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


@dataclass(slots=True)
class Hall:
    """People, and what a test needs beside them."""

    people: People
    store: SqliteStore
    clock: ManualClock
    post: KeptMail

    async def mail(self) -> Mail:
        """Do the errands; the last mail."""
        await self.people.errands.finish()
        return self.post.mails[-1]

    async def code(self) -> str:
        """The code in the last mail's link."""
        return code_of((await self.mail()).text)

    async def joined(self, email: str, name: str) -> tuple[str, SignedIn]:
        """Somebody who has signed up and confirmed; their password is ``WORDS``."""
        await self.people.sign_up(email, WORDS, name)
        return await self.people.verify(await self.code(), WORDS)

    async def acts(self) -> list[tuple[str, str, str]]:
        """(actor, act, subject) of the audit log, oldest first."""
        rows = await self.store.audit(None, before=2**62, limit=100)
        return [(row.actor, row.act, row.subject) for row in reversed(rows)]


def code_of(text: str) -> str:
    """The code in a letter's link."""
    found = re.search(r"[?&]code=(\S+)", text)
    assert found is not None, text
    return found[1]


@asynccontextmanager
async def hall(
    tmp_path: Path, *, sign_up: Literal["open", "closed"] = "open", failed_per_minute: int = 30
) -> AsyncGenerator[Hall]:
    clock, post = ManualClock(), KeptMail()
    store = SqliteStore(tmp_path / "house.db", clock=clock)
    await store.start(serve=False)
    settings = PeopleSettings(
        site="Guild",
        url="https://house.example",
        sign_up=sign_up,
        plan=lambda: "free",
        failed_per_minute=failed_per_minute,
    )
    people = People(store, clock, settings=settings, mailer=post)
    yield Hall(people, store, clock, post)
    await store.stop()
