from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Cli, process_environ
from tokenhouse.cli import root


def every_verb(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from every_verb(command, (*path, name))


VERBS = list(every_verb(root))


def test_words_that_are_no_text_are_wrong_usage_and_leave_no_traceback(cli: Cli) -> None:
    bad = b"\xff".decode(errors="surrogateescape")
    for words in (["accounts", "create", bad], ["credit", "ada", "1", "--reason", f"x{bad}"]):
        assert "is not UTF-8 text" in cli(*words, code=2).err
    assert "UTF-8" in cli("keys", "create", bad, "--json", code=2).error["message"]
    assert cli("accounts", "create", "Åsa 漢字 🦊", "--json").json["name"] == "Åsa 漢字 🦊"


def test_the_verbs_are_those_that_are_promised() -> None:
    assert {verb for verb in VERBS if len(verb) == 1} == {
        *(("serve",), ("init",), ("check",), ("accounts",), ("keys",), ("credit",), ("usage",)),
        *(("ledger",), ("models",), ("pull",), ("chat",), ("count",), ("backup",)),
        *(("plans",), ("prices",), ("vouchers",), ("receipts",), ("audit",), ("people",)),
        ("tokens",),
    }
    assert {verb for verb in VERBS if len(verb) == 2} == {
        *(("accounts", "create"), ("accounts", "list"), ("keys", "create"), ("keys", "list")),
        *(("keys", "change"), ("keys", "rotate")),
        *(("keys", "revoke"), ("ledger", "verify"), ("ledger", "reverse"), ("ledger", "postings")),
        *(("accounts", "plan"), ("accounts", "state"), ("vouchers", "create")),
        *(("vouchers", "list"), ("vouchers", "revoke"), ("vouchers", "redeem")),
        *(("people", "invite"), ("people", "list"), ("people", "suspend"), ("people", "open")),
        *(("people", "operator"), ("tokens", "create"), ("tokens", "list"), ("tokens", "revoke")),
    }


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help_with_an_example_and_the_shared_options(
    cli: Cli, verb: tuple[str, ...]
) -> None:
    said = cli(*verb, "--help").out
    for option in ("--json", "--config FILE", "--data DIR"):
        assert option in said
    if isinstance(_command(verb), click.Group):
        return
    assert "Examples:" in said
    assert f"tokenhouse {' '.join(verb)}" in said


def test_the_exit_codes_are_told_in_the_help(cli: Cli) -> None:
    said = cli("--help").out
    for code in ("0", "1", "2", "3", "4", "5", "6", "10"):
        assert f"\n    {code:>2}  " in said


def test_shared_options_are_taken_before_and_behind_the_verb(tmp_path: Path, cli: Cli) -> None:
    other = str(tmp_path / "other")
    for words in (
        ["--json", "accounts", "list", "--data", other],
        ["accounts", "--json", "list", "--data", other],
        ["accounts", "--data", other, "list", "--json"],
    ):
        error = cli(*words, code=5).error
        assert other in error["message"]


def test_an_error_is_one_line_that_names_the_mend(cli: Cli) -> None:
    said = cli("accounts", "list", code=5)
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "`tokenhouse serve` makes one" in said.err


def test_wrong_usage_is_told_with_the_way_to_the_help(cli: Cli) -> None:
    said = cli("credit", "ada", code=2)
    assert said.err.count("\n") == 1
    assert "AMOUNT" in said.err
    assert "tokenhouse credit --help" in said.err
    assert cli("--json", "no-such-verb", code=2).error["code"] == "usage"


@pytest.mark.parametrize("amount", ["1,50", "0", "0.00", "1e3", "NaN", "-5", "0.0000000001", "ten"])
def test_an_amount_is_exact_dollars_above_zero(cli: Cli, amount: str) -> None:
    assert cli("credit", "ada", amount, code=2).err


@pytest.mark.parametrize("option", ["--port=99999", "--workers=0"])
def test_a_wrong_option_of_serve_is_wrong_usage_and_names_the_option(cli: Cli, option: str) -> None:
    assert option.partition("=")[0] in cli("serve", option, code=2).err


def test_a_model_that_is_not_here_is_looked_up_by_a_verb(cli: Cli) -> None:
    said = cli("pull", "nix", "--dry-run", code=5).err
    assert "`tokenhouse models` lists them" in said
    assert "GET" not in said


def test_mistakes_in_the_settings_are_told_without_a_traceback(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[server]\nport = 'x'\nhots = 1\n")
    said = cli("models", "--config", str(file), code=1)
    assert said.err.count("\n") == 1
    assert "server." in said.err
    assert "1 more" in said.err
    assert cli("--json", "models", "--config", str(file), code=1).error["code"] == "config"


def test_a_reader_that_has_seen_enough_is_no_error(cli: Cli) -> None:
    command = [sys.executable, "-m", "tokenhouse", "--data", str(cli.data), "models", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=process_environ()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_help_comes_without_the_heavy_rooms() -> None:
    heavy = ("rich", "uvicorn", "starlette", "tokenhouse.app", "tokenhouse.store", "tiktoken")
    script = (
        "import sys, tokenhouse.cli as c\n"
        "try: c.root.main(['--help'])\n"
        f"except SystemExit: sys.stderr.write(str([n for n in {heavy!r} if n in sys.modules]))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=process_environ()
    )
    assert ast.literal_eval(done.stderr) == []


def _command(verb: tuple[str, ...]) -> click.Command:
    command: click.Command = root
    for name in verb:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command
