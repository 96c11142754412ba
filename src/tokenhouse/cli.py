"""The command line: ``tokenhouse VERB``. Verbs live in ``cli_*.py``; this is their list."""

from __future__ import annotations

import click

from tokenhouse import __version__
from tokenhouse.cli_accounts import accounts, credit, ledger
from tokenhouse.cli_chat import chat
from tokenhouse.cli_export import receipts
from tokenhouse.cli_frame import EXIT_CODES, Root
from tokenhouse.cli_house import backup, check, init, serve
from tokenhouse.cli_keys import keys
from tokenhouse.cli_models import count, models
from tokenhouse.cli_people import people
from tokenhouse.cli_plans import plans, prices
from tokenhouse.cli_pull import pull
from tokenhouse.cli_tokens import tokens
from tokenhouse.cli_usage import usage
from tokenhouse.cli_vouchers import audit, vouchers


@click.group(
    cls=Root,
    name="tokenhouse",
    commands=[
        serve,
        init,
        check,
        accounts,
        keys,
        people,
        tokens,
        credit,
        vouchers,
        usage,
        receipts,
        ledger,
        audit,
        models,
        pull,
        prices,
        plans,
        chat,
        count,
        backup,
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="tokenhouse")
def root() -> None:
    """Your own model API in one install: serves language models, counts their tokens and takes the
    toll.

    Begin with `tokenhouse serve`: it needs no settings. `tokenhouse VERB --help` has examples.
    """


def main() -> None:
    """The console script."""
    root.main(prog_name="tokenhouse")
