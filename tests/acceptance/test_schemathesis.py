"""Schemathesis against the running house: it makes requests from ``/openapi.json``, right ones and wrong
ones, and holds every answer against what is said there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.api.control.members import OPEN, ROOMY, Town, Voice, town
from tokenhouse.access import Role

ENDING = "logout|refresh|switch|revoke-others"
"""Routes that end the access token that asks: they come last."""
SAME = "^/api/v7/llm/|^/api/v1/(chat|completions|messages|models)"
"""Other spellings of paths."""
NO_SCHEMA_SAYS = (
    "^/(v1|api/v7/llm|api/v1|api/admin/v1)/",
    "^/api/agents/v1/(wallet/(fund|confirm-checkout|auto-funding|withdraw)|subscriptions|billing/)",
    "^/api/agents/v1/(auth/(signup|reset-password)|me/password|api-keys)",
)
"""Routes with rules beside the shape of what they take, so that a request of the right shape may be wrong:
a password that is guessed first, an end that lies behind, what no card house would refuse."""


async def find_nothing(it: Town, voice: Voice, folder: Path, *words: str) -> None:
    """Run it; whatever it finds is in the failure's message."""
    rules = "".join(
        f'[[operations]]\ninclude-path-regex = "{paths}"\n'
        "checks.positive_data_acceptance.enabled = false\n"
        for paths in NO_SCHEMA_SAYS
    )
    key, token = it.running.key, voice.token
    (folder / "schemathesis.toml").write_text(
        f'[auth.openapi.bearer]\nbearer = "{key}"\n'
        f'[auth.openapi.xApiKey]\napi_key = "{key}"\n'
        f'[auth.openapi.keyHeader]\napi_key = "{key}"\n'
        f'[auth.openapi.accessToken]\nbearer = "{token}"\n{rules}'
    )
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{it.running.url}/openapi.json",
        *("--no-color", "--generation-database", "none", "--suppress-health-check", "all", *words),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def search(folder: Path, *words: str, exclude: str) -> None:
    async with town(folder / "house", OPEN + ROOMY) as it:
        voice = await it.join(it.running.account.id, Role.OWNER)
        people = it.running.house.people
        await people.set_operator(voice.signed.person.id, True, "test")
        await find_nothing(it, voice, folder, *words, "--exclude-path-regex", exclude)
        await find_nothing(it, voice, folder, *words, "--include-path-regex", ENDING)
        await it.running.until_no_hold()


@pytest.mark.timeout(900)
async def test_a_few_requests_of_every_kind_are_answered_as_described(tmp_path: Path) -> None:
    few = ("--phases", "examples,fuzzing", "--max-examples", "3", "--seed", "7")
    await search(tmp_path, *few, exclude=f"{ENDING}|{SAME}")


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_many_requests_of_every_kind_are_answered_as_described(tmp_path: Path) -> None:
    await search(tmp_path, "--max-examples", "30", exclude=ENDING)
