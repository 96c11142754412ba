"""Is a model what its makers say, on this machine? Serves it in a house of its own and asks.

``python -m scripts.verify_model [MODEL] [--data DIR] [--config FILE] [--context N] [--only NAME …]``

MODEL is an id or alias of the catalogue whose weights are here (``tokenhouse pull MODEL``); the default is
Mistral Small 3.1 24B. Two kinds of checks: what must hold for any weights (counts equal bills, streams
equal wholes, answers to a schema parse, the books are in order), and what only trained weights can do
(say a capital, keep to a system prompt, read digits off a picture, call a tool with the right words).
``--mechanics`` leaves the second kind out. The exit code is 0 when all that was asked holds.

The house's books lie in a temporary directory; DIR's are not touched, only its weights are read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import httpx
import platformdirs
from scripts.verify_checks import MECHANICS, SENSE, Asking, Failed

from tokenhouse.api import ServerSettings, listen, uvicorn_server
from tokenhouse.app import House, build
from tokenhouse.config import Config, ConfigError, load
from tokenhouse.errors import TokenhouseError

MODEL = "mistralai/mistral-small-3.1-24b-instruct"
PLAN = "verifying"
LOAD_S = 900.0
"""Weights of 14 GB from a slow disk."""


@dataclass(frozen=True, slots=True)
class Verdict:
    name: str
    problem: str
    seconds: float


async def verify(config: Config, model: str, given: argparse.Namespace) -> list[Verdict]:
    """Serve, run every check that is asked for one after the other, and stop."""
    verdicts: list[Verdict] = []
    async with _Serving(config) as serving:
        asking = Asking(serving.url, await serving.key(), serving.house.catalogue.resolve(model))
        print(f"{asking.model.id}: loading", flush=True)
        await _loaded(serving, asking)
        checks: dict[str, Callable[[Asking], Awaitable[None]]] = {**MECHANICS}
        if not given.mechanics:
            checks |= SENSE
        for name, check in checks.items():
            if given.only and name not in given.only:
                continue
            since = time.perf_counter()
            problem = ""
            try:
                await check(asking)
            except Failed as failed:
                problem = str(failed)
            except (httpx.HTTPError, KeyError, IndexError, ValueError, TimeoutError) as error:
                problem = f"{type(error).__name__}: {error}"
            verdict = Verdict(name, problem, time.perf_counter() - since)
            print(
                f"{'ok    ' if not problem else 'FAILED'} {name} ({verdict.seconds:.1f} s)",
                flush=True,
            )
            if problem:
                print(f"       {problem}", flush=True)
            verdicts.append(verdict)
        books = await serving.house.billing.verify()
        if books.errors or books.open_holds:
            told = "; ".join(books.errors) or f"{books.open_holds} holds are open"
            verdicts.append(Verdict("the ledger verifies", told, 0.0))
            print(f"FAILED the ledger verifies\n       {told}")
        await asking.aclose()
    return verdicts


class _Serving:
    """A house in this process, on a port that the system chooses."""

    def __init__(self, config: Config) -> None:
        self._bound = listen(ServerSettings(port=0))
        self.url = f"http://127.0.0.1:{self._bound.getsockname()[1]}"
        self.house: House = build(config)
        self._started = asyncio.Event()

    async def __aenter__(self) -> _Serving:
        async def say() -> None:
            self._started.set()

        self._server = uvicorn_server(self.house, ServerSettings(), started=say)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._bound]))
        waiting = asyncio.create_task(self._started.wait())
        await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.house.failure is not None:
            raise self.house.failure
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._task

    async def key(self) -> str:
        billing = self.house.billing
        account = await billing.create_account("verifier", PLAN)
        await billing.credit(account.id, 10**15, reason="to verify a model")
        return (await billing.create_key(account.id)).secret


async def _loaded(serving: _Serving, asking: Asking) -> None:
    """Ask for one token, waiting as long as weights may take; Failed says why it can't answer."""
    async with asyncio.timeout(LOAD_S):
        answer = await asking.chat("Hello", max_tokens=1)
    if answer.status_code != 200:
        raise Failed(f"{asking.model.id} does not answer: {answer.json()['error']['message']}")


def _config(given: argparse.Namespace, directory: Path) -> Config:
    """The operator's settings, with books elsewhere and a plan without limits."""
    default = Path(platformdirs.user_data_dir("tokenhouse", appauthor=False))
    config = load(given.config, given.data, default_data_dir=default)
    return replace(
        config,
        data_dir=directory,
        store=replace(config.store, url=f"sqlite:///{directory / 'books.db'}"),
        plans=MappingProxyType({**config.plans, PLAN: {}}),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.verify_model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="?", default=MODEL, help=f"default: {MODEL}")
    parser.add_argument("--data", type=Path, help="the data directory whose weights are read")
    parser.add_argument("--config", type=Path, help="its tokenhouse.toml, when it lies elsewhere")
    parser.add_argument("--mechanics", action="store_true", help="what holds for any weights only")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="these checks only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="th-verify-") as name:
        try:
            verdicts = asyncio.run(verify(_config(given, Path(name)), given.model, given))
        except (ConfigError, TokenhouseError, Failed) as error:
            print(error, file=sys.stderr)
            return 2
    failed = [verdict for verdict in verdicts if verdict.problem]
    if given.json is not None:
        rows = [{"check": v.name, "problem": v.problem, "seconds": v.seconds} for v in verdicts]
        given.json.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(verdicts) - len(failed)} of {len(verdicts)} hold")
    return 1 if failed or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
