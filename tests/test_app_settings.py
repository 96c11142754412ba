"""The settings on disk beside what runs."""

from __future__ import annotations

from pathlib import Path

from tests.support.house import Running, upstream_house
from tokenhouse.billing import Difference, SettingsRow
from tokenhouse.config import load


def rewritten(running: Running, *changes: tuple[str, str]) -> None:
    """Change the file; what runs may read it again."""
    file, data = running.data_dir / "tokenhouse.toml", running.data_dir
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    environ = {"UPSTREAM_KEY": "sk-upstream", "OTHER_KEY": "sk-other"}
    running.house.read_again = lambda: load(
        file, data, default_data_dir=data, environ=environ, server={"port": running.port}
    )


async def test_settings_that_were_not_changed_do_not_differ(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        rewritten(running)
        found = await running.house.operating.settings()
        assert found == SettingsRow(path=str(tmp_path / "tokenhouse.toml"))


async def test_each_row_that_differs_is_told_with_how_it_is_taken(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        rewritten(
            running,
            ('input = "0.35"', 'input = "0.45"'),
            ('model = "m" }', 'model = "m2", weight = 2 }'),
            ("requests_per_minute = 3", "requests_per_minute = 4"),
            ("env:UPSTREAM_KEY", "env:OTHER_KEY"),
            (
                "[catalogue]",
                '[site]\nname = "Mill"\n[mail]\nuser = "m"\n[images]\nfetch = false\n'
                "[plans.new]\n[catalogue]",
            ),
        )
        found = (await running.house.operating.settings()).differences
        rows = {(each.table, each.name, each.key): each for each in found}
        assert set(rows) == {
            ("models", "acme/echo", "routes"),
            ("models", "acme/echo", "price.input"),
            ("plans", "narrow", "requests_per_minute"),
            ("plans", "new", ""),
            ("providers", "up", "api_key"),
            ("site", "", "name"),
            ("mail", "", "user"),
            ("images", "", "fetch"),
        }
        assert rows["models", "acme/echo", "price.input"] == Difference(
            table="models",
            name="acme/echo",
            key="price.input",
            running="$0.35",
            written="$0.45",
            taken="reload",
        )
        secret = rows["providers", "up", "api_key"]
        assert (secret.running, secret.written) == ("env:UPSTREAM_KEY", "env:OTHER_KEY")
        assert secret.taken == "restart"
        assert "sk-" not in repr(found)
        assert rows["plans", "new", ""].running is None
        taken = await running.house.operating.reload()
        assert taken.taken
        left = {(each.table) for each in (await running.house.operating.settings()).differences}
        assert left == {"providers", "site", "mail", "images"}


async def test_a_bad_file_keeps_what_runs_and_says_which_key_is_wrong(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        before = running.house.catalogue
        rewritten(
            running, ('input = "0.35"', "input = 0.35"), ("[plans.free]", "[plans.free]\nx=1")
        )
        found = await running.house.desk.reload("person:p", "tried")
        assert not found.taken
        assert any("models[0].price.input" in problem for problem in found.problems), found
        assert any("plans.free.x" in problem for problem in found.problems)
        assert running.house.catalogue is before
        (row, *_) = await running.house.billing.audit()
        assert (row.actor, row.act, row.reason) == ("person:p", "settings reload", "tried")
        assert row.after is not None
        assert row.after["taken"] is False
        rewritten(running, ("[plans.free]\nx=1", "[plans.free"))
        found = await running.house.operating.settings()
        assert "not valid TOML" in found.problems[0]


async def test_a_house_without_settings_to_read_says_so(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        running.house.read_again = None
        found = await running.house.operating.reload()
        assert not found.taken
        assert "was not started from settings" in found.problems[0]
