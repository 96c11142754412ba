"""One life of a simulated house: a process that serves requests and may be killed in the middle.

``python -m tests.simulation.life DIRECTORY SEED FIRST COUNT EPOCH DIES_AT MUTANT`` says on stdout what
its clients saw, a line each: what is not said there was never seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path
from random import Random

from tests.simulation import mutants
from tests.simulation.upstream import Fate, Upstream
from tests.simulation.world import Asked, Used, World
from tokenhouse.access import Caller
from tokenhouse.app import House, build
from tokenhouse.clock import ManualClock
from tokenhouse.config import Config, load
from tokenhouse.errors import AccountError, TokenhouseError
from tokenhouse.ledger import Account
from tokenhouse.relay import Admission, Admitted, Closed, Keep, Kept, Receipt, Refused
from tokenhouse.wire import openai_chat

NOW = 1_795_305_600_000
LIFE_MS = 40 * 86_400_000
WORKERS = 24
PRICE_EVERY = 400


def tell(*words: object) -> None:
    """One line of what was seen, at once: the next instruction may be the last."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def settings(directory: Path, world: World, epoch: int) -> Config:
    """The house's settings after ``epoch`` price changes, written to its directory and read."""
    file = directory / "tokenhouse.toml"
    file.write_text(world.settings(epoch))
    return load(file, directory, default_data_dir=directory, environ={})


class ToldBook:
    """The store's book, telling when a note has become durable."""

    def __init__(self, house: House) -> None:
        self._store = house.store

    def admit(self, admission: Admission) -> Awaitable[Admitted | Refused]:
        return self._store.admit(admission)

    def close(
        self, receipt: Receipt, *, tokens: int, keep: Keep | None = None
    ) -> Awaitable[Closed]:
        return self._store.close(receipt, tokens=tokens, keep=keep)

    def note(self, hold: str, owed: int) -> Awaitable[None]:
        noted = self._store.note(hold, owed)
        noted.add_done_callback(lambda _: tell("noted", hold, owed))
        return noted

    def kept(self, account: str, name: str) -> Awaitable[Kept | None]:
        return self._store.kept(account, name)


class Life:
    """Serves requests ``first`` to ``first + count`` of a world; kills itself at step ``dies_at``."""

    def __init__(self, directory: Path, world: World, epoch: int, dies_at: int) -> None:
        self._directory = directory
        self._world = world
        self._epoch = epoch
        self._left = dies_at
        self._fates: dict[str, Fate] = {}
        self._accounts: list[Account] = []
        self.clock = ManualClock(NOW)
        self.house = build(settings(directory, world, epoch), clock=self.clock)
        for name in ("first", "second"):
            self.house.relay.providers[name] = Upstream(name, self._fates, self._stepped)
        self.house.relay.book = ToldBook(self.house)

    async def run(self, first: int, count: int) -> None:
        self.clock.advance(first / 1000)
        self._draw = Random(f"{self._world.seed} life {first}")
        await self.house.start()
        await self._open_accounts()
        numbers = iter(range(first, first + count))
        await asyncio.gather(*(self._work(numbers) for _ in range(WORKERS)))
        await self.house.stop()
        tell("ended")

    async def _open_accounts(self) -> None:
        billing = self.house.billing
        known = {account.name: account for account in await billing.accounts()}
        for number in range(self._world.accounts):
            name = f"account {number}"
            if name not in known:
                known[name] = await billing.create_account(name, self._world.plan(number))
            credit = self._world.credit(number)
            await billing.credit(known[name].id, credit, reason="sim", idempotency_key=name)
            self._accounts.append(known[name])

    async def _work(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            if number % PRICE_EVERY == 0:
                self._epoch += 1
                self.house.reload(settings(self._directory, self._world, self._epoch))
            asked = self._world.request(number)
            task = asyncio.create_task(self._request(asked))
            if asked.hurry is not None:
                leaving = asyncio.create_task(_leave(task, asked.hurry))
                await asyncio.wait({task, leaving})
            with contextlib.suppress(asyncio.CancelledError):  # gone before it had begun
                await task
            self.clock.advance(self._draw.choice((0.001, 0.01, 0.3, 3.0)))
            if self._draw.random() < 0.0005:
                self.clock.advance(self._draw.randint(1, 20) * 86_400.0)

    async def _request(self, asked: Asked) -> None:
        account = self._accounts[asked.account]
        caller = Caller("key_sim", account.id, account.name, "open", account.plan)
        request = openai_chat.parse(_body(asked))
        epoch = self._epoch
        fate = self._fates[asked.id] = Fate(asked, self._world.tariff(epoch, asked.model))
        answer = self.house.relay.answer(caller, request, asked.id)
        used: Used | None = None
        try:
            async with answer:
                assert answer.admitted is not None
                tell("admitted", asked.id, answer.admitted.free, epoch)
                try:
                    await answer.open()
                    while not answer.drained:
                        await answer.read()
                except (TokenhouseError, asyncio.CancelledError) as error:
                    # what is owed is settled now, whatever else happens on the way out
                    used = fate.owed(cancelled=isinstance(error, asyncio.CancelledError))
                    raise
                used = self._finished(fate)
                closed = await answer.settle()
                tell("sent", asked.id, closed.charged, closed.lost)
        except AccountError:
            tell("refused", asked.id)
            return
        except (TokenhouseError, asyncio.CancelledError):
            self._say_end(fate, Used() if answer.admitted is None else used)
            return
        self._say_end(fate, used)
        if asked.said_again and answer.receipt is not None:
            again = await self.house.store.close(answer.receipt, tokens=0)
            tell("again", asked.id, again.charged)

    def _finished(self, fate: Fate) -> Used:
        attempt = fate.asked.tries[min(fate.attempts - 1, 1)]
        if attempt.reported is not None:
            return attempt.reported
        return Used(input=fate.asked.prompt, output=fate.given)

    def _say_end(self, fate: Fate, used: Used | None) -> None:
        if used is None:
            tell("guessed", fate.asked.id)
        else:
            tell("ended", fate.asked.id, 0 if used == Used() else fate.tariff.cost(used))
        del self._fates[fate.asked.id]

    def _stepped(self, fate: Fate) -> None:
        """Before each step of an answer: a client that leaves, or a death."""
        asked = fate.asked
        fate.steps += 1
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if asked.leaves == fate.steps:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()


async def _leave(task: asyncio.Task[None], turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()


def _body(asked: Asked) -> bytes:
    words = "w" * asked.words
    most = "" if asked.max_tokens is None else f',"max_tokens":{asked.max_tokens}'
    return (
        f'{{"model":"sim/m{asked.model}","stream":{str(asked.stream).lower()}{most},'
        f'"messages":[{{"role":"user","content":"{words}"}}]}}'
    ).encode()


def main(words: list[str]) -> None:
    directory, seed, first, count, epoch, dies_at, mutant = words
    if mutant:
        mutants.MUTANTS[mutant]()
    life = Life(Path(directory), World(int(seed)), int(epoch), int(dies_at))
    asyncio.run(life.run(int(first), int(count)))


if __name__ == "__main__":
    main(sys.argv[1:])
