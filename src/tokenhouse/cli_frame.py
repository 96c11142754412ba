"""What every verb of the command line shares: three options, one way to fail, exit codes.

``--json``, ``--config`` and ``--data`` are taken before the verb and behind it. Errors are one line on
stderr that names the mend (with ``--json`` one JSON object on stdout), and never a traceback.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import platformdirs

from tokenhouse.config import Config, ConfigError, load
from tokenhouse.errors import TokenhouseError
from tokenhouse.ledger import LedgerError
from tokenhouse.money import MoneyError, amount_from_usd

OK: Final = 0
ERROR: Final = 1
USAGE: Final = 2
AUTH: Final = 3
RATE_LIMITED: Final = 4
NOT_FOUND: Final = 5
PAYMENT: Final = 6
UNREACHABLE: Final = 10
INTERRUPTED: Final = 130

EXIT_CODES: Final = """\b
Exit codes:
   0  done
   1  an error, told on stderr
   2  wrong usage
   3  no key, or a wrong one
   4  too many requests
   5  not found
   6  no credit
  10  the server can't be reached
"""

_EXIT_OF_STATUS: Final = {
    401: AUTH,
    402: PAYMENT,
    403: AUTH,
    404: NOT_FOUND,
    429: RATE_LIMITED,
}


class Failure(Exception):
    """A verb could not do it: a sentence that names the mend, a stable word, an exit code."""

    def __init__(self, message: str, *, code: str = "error", exit_code: int = ERROR) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code


@dataclass(slots=True)
class Settings:
    """What the shared options said; the last one said wins. One per run, in ``click``'s context."""

    as_json: bool = False
    config: Path | None = None
    data: Path | None = None

    def load(self, server: Mapping[str, object] | None = None) -> Config:
        """The settings of the house. ``server``: keys of [server] from the command line."""
        default = Path(platformdirs.user_data_dir("tokenhouse", appauthor=False))
        return load(self.config, self.data, default_data_dir=default, server=server)


settings_of = click.make_pass_decorator(Settings, ensure=True)
"""Gives a verb its Settings as first argument."""


class Verb(click.Command):
    """A command with the shared options and, when it is given, an ``examples`` part in its help."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options()
        self.epilog = _examples(examples) if examples else self.epilog


class Section(click.Group):
    """A group of verbs, with the shared options of its own."""

    command_class = Verb

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options()
        self.epilog = _examples(examples) if examples else self.epilog


class Root(Section):
    """The whole command line: runs a verb and turns whatever goes wrong into a line and a code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them."""
        return list(self.commands)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        given = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            _check_text(given)
            result: object = super().main(given, *rest, **extra)
            sys.stdout.flush()
        except click.exceptions.Exit as error:
            sys.exit(error.exit_code)
        except BrokenPipeError:
            # whoever read us has seen enough; the interpreter's own flush must not complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ERROR)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except _FAILURES as error:
            message, code, exit_code = _told(error)
            _complain(message, code, as_json="--json" in given)
            sys.exit(exit_code)
        sys.exit(result if isinstance(result, int) else OK)


def _check_text(words: Sequence[str]) -> None:
    """Bytes that are no UTF-8 come as lone surrogates, which nothing could store or print."""
    for word in words:
        if not word.isascii() and word.encode("utf-8", "replace") != word.encode(
            "utf-8", "surrogatepass"
        ):
            raise click.UsageError(f"{word!a} is not UTF-8 text")


def amount(context: click.Context, option: click.Parameter, value: str) -> int:
    """Dollars as exact decimals → nanodollars, more than 0; a callback of an argument."""
    try:
        found = amount_from_usd(value.removeprefix("$"))
    except MoneyError as error:
        raise click.BadParameter(str(error), context, option) from error
    if found == 0:
        raise click.BadParameter("the amount must be more than 0", context, option)
    return found


def not_found(message: str, code: str) -> Failure:
    """What was named is not there."""
    return Failure(message, code=code, exit_code=NOT_FOUND)


def failure_of_status(status: int, message: str, code: str) -> Failure:
    """An HTTP error answer as the failure of a verb."""
    return Failure(message, code=code, exit_code=_EXIT_OF_STATUS.get(status, ERROR))


_FAILURES: Final = (
    click.ClickException,
    Failure,
    TokenhouseError,
    LedgerError,
    ConfigError,
    MoneyError,
    OSError,
)


def _told(error: BaseException) -> tuple[str, str, int]:
    """→ (sentence, stable word, exit code)"""
    match error:
        case click.UsageError():
            path = error.ctx.command_path if error.ctx is not None else "tokenhouse"
            return f"{error.format_message()} (see `{path} --help`)", "usage", USAGE
        case click.ClickException():
            return error.format_message(), "error", ERROR
        case Failure():
            return str(error), error.code, error.exit_code
        case TokenhouseError():
            # what the house says to a caller over HTTP, said to somebody at a terminal
            message = error.message.replace("GET /v1/models lists", "`tokenhouse models` lists")
            return message, error.code, _EXIT_OF_STATUS.get(error.status, ERROR)
        case ConfigError():
            return _first_of(error), "config", ERROR
        case LedgerError():
            return str(error), "ledger", ERROR
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror or error}", "system", ERROR
        case _:
            return str(error), "error", ERROR


def _first_of(error: ConfigError) -> str:
    head = f"{error.source}: " if error.source else ""
    more = len(error.problems) - 1
    rest = f" (and {more} more: `tokenhouse check` lists them)" if more else ""
    return head + error.problems[0] + rest


def _complain(message: str, code: str, *, as_json: bool) -> None:
    line = " ".join(message.split())
    if as_json:
        print(json.dumps({"error": {"code": code, "message": line}}, ensure_ascii=False))
    else:
        print(f"tokenhouse: {line}", file=sys.stderr)


def _shared_options() -> list[click.Parameter]:
    path = click.Path(path_type=Path)
    return [
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            default=None,
            expose_value=False,
            callback=_remember,
            help="Print one JSON object; amounts are whole nanodollars.",
        ),
        click.Option(
            ["--config"],
            type=path,
            metavar="FILE",
            expose_value=False,
            callback=_remember,
            help="The settings, instead of ./tokenhouse.toml or the data directory's.",
        ),
        click.Option(
            ["--data"],
            type=path,
            metavar="DIR",
            expose_value=False,
            callback=_remember,
            help="The data directory, instead of $TOKENHOUSE_DATA or the user's.",
        ),
    ]


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    settings = context.ensure_object(Settings)
    if value is not None:
        setattr(settings, option.name, value)


def _examples(text: str) -> str:
    lines = "\n".join(f"  {line.strip()}" for line in text.strip().splitlines())
    return f"\b\nExamples:\n{lines}"
