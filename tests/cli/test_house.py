from __future__ import annotations

import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_init_writes_settings_that_check_accepts_and_never_over_others(cli: Cli) -> None:
    file = cli.data / "tokenhouse.toml"
    assert cli("init", "--json").json == {"path": str(file)}
    tomllib.loads(file.read_text())
    file.write_text("[server]\nport = 9999\n")
    assert "--force" in cli("init", code=1).err
    assert "9999" in file.read_text()
    cli("init", "--force")
    checked = cli("check", "--json").json
    assert (checked["ok"], checked["config"], checked["problems"]) == (True, str(file), [])
    assert "tokenhouse/starter" in checked["models"]


def test_init_goes_where_config_says(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "mine.toml"
    cli("init", "--config", str(file))
    assert file.stat().st_mode & 0o777 == 0o600


def test_check_lists_every_mistake_and_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[server]\nport = 'x'\nhots = 1\n[[models]]\nid = 'no-slash'\n")
    said = cli("check", "--config", str(file), code=1)
    assert said.err.count("wrong: ") >= 2
    problems = cli("check", "--config", str(file), "--json", code=1).json
    assert not problems["ok"]
    assert any("port" in problem for problem in problems["problems"])
    assert not cli.data.exists()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[site]\nvisitor_cap = "x"', "site.visitor_cap: "),
        ('[site]\nvisitor_cap = "0.05"', "[plans.visitors]"),
        ('[site]\nsupport_url = "javascript:1"', "site.support_url: "),
        ('[mail]\nurl = "smtps://m"\nsender = "me"', "mail.sender: "),
        ('[providers.a]\nkind = "openai"\nservice = "nix"', "providers.a.service: "),
        ('[server]\ndefault_model = "a/b"', "server.default_model: "),
    ],
)
def test_check_finds_what_serve_would_refuse(cli: Cli, tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text + "\n")
    told = cli("check", "--config", str(file), "--json", code=1).json
    assert len(told["problems"]) == 1
    assert key in told["problems"][0]
    assert "ok" not in cli("check", "--config", str(file), code=1).out.splitlines()


def test_check_notes_what_may_surprise(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text(
        "[[models]]\nid = 'me/mine'\nname = 'Mine'\n"
        "[providers.mine]\nkind = 'engine'\nllama_server_binary = 'gone'\n"
        "[providers.fast]\nkind = 'openai'\nservice = 'groq'\n"
        "[providers.here]\nkind = 'openai'\nservice = 'vllm'\n"
    )
    said = cli("check", "--config", str(file)).out
    assert "note: me/mine has no price" in said
    assert "note: me/mine has no routes" in said
    assert "note: no house yet" in said
    assert f"llama_server_binary: there is no file {cli.data / 'gone'}" in said
    assert f"put its weights at {cli.data}/weights/" in said
    assert "note: providers.fast.api_key: Groq asks for a key" in said
    assert "providers.here.api_key" not in said


def test_a_backup_is_a_whole_new_file(cli: Cli, tmp_path: Path) -> None:
    cli("accounts", "create", "ada")
    target = tmp_path / "copy.db"
    told = cli("backup", str(target), "--json").json
    assert told == {"path": str(target), "bytes": target.stat().st_size}
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert "already" in cli("backup", str(target), code=1).err


def test_a_backup_of_nothing_is_not_found(cli: Cli, tmp_path: Path) -> None:
    cli("backup", str(tmp_path / "copy.db"), code=5)
    assert not (tmp_path / "copy.db").exists()
