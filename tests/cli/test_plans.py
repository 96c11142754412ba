from __future__ import annotations

import asyncio
from pathlib import Path

import click

from tests.cli.conftest import Cli
from tests.snippets import snippets
from tokenhouse.app import build
from tokenhouse.cli import root
from tokenhouse.config import load

ROWS = """
[[models]]
id = "acme/echo"
context_length = 500000
price = { input = "0.30", output = "0.50", cache_read = "0.03", image = "0.001", \
tiers = [ { above = 200000, input = "0.60", output = "1.00" } ] }
routes = [ { provider = "local" } ]

[[models]]
id = "acme/echo:free"
free = true
routes = [ { provider = "local" } ]

[plans.pro]
monthly_grant = "25.00"
requests_per_minute = 600

[plans.trial]
free_requests_per_day = 50
"""
BESIDE = "cache read $0.03, image $0.001 each, above 200000 tokens: $0.60 in, $1.00 out"


def settings(tmp_path: Path, rows: str = ROWS) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(rows)
    return file


def test_models_and_check_show_all_that_a_price_says(cli: Cli, tmp_path: Path) -> None:
    config = ("--config", str(settings(tmp_path)))
    head, *lines = cli("models", *config).out.splitlines()
    assert head.split()[-5:] == ["runs", "at", "here", "fits", "state"]
    assert BESIDE in lines[0]
    assert lines[1].split()[:4] == ["acme/echo:free", "8192", "free", "free"]
    row = cli("models", *config, "--json").json[0]
    assert row["pricing_tiers"][0]["above"] == 200000
    assert row["pricing_tiers"][0]["prompt"] == "0.0000006"
    assert f"price of acme/echo, beside input and output: {BESIDE}" in cli("check", *config).out
    checked = cli("check", *config, "--json").json
    assert ", ".join(checked["prices"]["acme/echo"]) == BESIDE
    assert checked["plans"]["pro"] == ["$25.00 granted each month", "600 requests per minute"]


def test_plans_are_listed_with_what_they_give_and_limit(cli: Cli, tmp_path: Path) -> None:
    config = ("--config", str(settings(tmp_path)))
    assert "50 requests to free variants per day" in cli("plans", *config).out
    listed = {plan["name"]: plan for plan in cli("plans", *config, "--json").json}
    assert listed["pro"]["monthly_grant"] == 25 * 10**9
    assert listed["trial"]["free_requests_per_day"] == 50
    assert listed["trial"]["requests_per_minute"] is None


def test_an_account_is_put_on_another_plan(cli: Cli, tmp_path: Path) -> None:
    config = ("--config", str(settings(tmp_path)))
    made = cli("accounts", "create", "ada", *config, "--json").json
    said = cli("accounts", "plan", "ada", "pro", "--reason", "paid", *config)
    assert said.out == f"{made['id']}  ada, plan pro (was free)\n"
    again = cli("accounts", "plan", made["id"], "trial", *config, "--json").json
    assert again == made | {"plan": "trial"}
    assert "pro, trial" in cli("accounts", "plan", "ada", "gold", *config, code=2).err
    assert cli("accounts", "plan", "bob", "pro", *config, code=5).err


def test_prices_that_were_in_force_are_told_by_model_and_by_version(
    cli: Cli, tmp_path: Path
) -> None:
    dear = ROWS.replace('"0.30"', '"0.40"')
    for rows in (ROWS, dear):
        asyncio.run(_serve_once(settings(tmp_path, rows), cli.data))
    config = ("--config", str(settings(tmp_path)))
    old, new = cli("prices", "acme/echo", *config, "--json").json
    assert (old["input"], new["input"]) == (300_000, 400_000)
    assert old["cache_write"] == 300_000
    assert old["tiers"][0]["above"] == 200000
    shown = cli("prices", "acme-echo", *config).out.splitlines()
    assert len(shown) == 3
    assert BESIDE in shown[1]
    one = cli("prices", "--version", old["version"], *config, "--json").json
    assert one == [old]
    assert cli("prices", "--version", "prc_nobody", *config, code=5).err
    free = cli("prices", "acme/echo:free", *config, "--json").json[0]
    assert free["free"] is True


async def _serve_once(file: Path, data: Path) -> None:
    house = build(load(file, data, default_data_dir=data, environ={}))
    await house.start()
    await house.stop()


def test_what_the_how_to_says_is_taken_and_its_commands_are_there(cli: Cli, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "howto" / "prices-and-plans.md"
    found = snippets(page)
    provider = '[providers.upstream1]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
    rows = provider + "\n".join(s.text for s in found if s.language == "toml")
    config = ("--config", str(settings(tmp_path, rows)))
    checked = cli("check", *config, "--json").json
    assert (checked["ok"], checked["problems"]) == (True, [])
    assert {"free", "payg", "team"} <= set(checked["plans"])
    verbs = [line.split() for s in found if s.language == "sh" for line in s.text.splitlines()]
    for words in verbs:
        path = [word for word in words[1:] if word.isalpha()]
        command: click.Command | None = root
        while isinstance(command, click.Group):
            command = command.commands.get(path.pop(0))
        assert command is not None, words
