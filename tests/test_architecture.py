"""The walls hold. The table and the rules stand in tests/architecture.py."""

from __future__ import annotations

import pytest

from tests import architecture
from tests.source import STONES, Module, module_from, package_modules

MODULES = package_modules()


def _hold(complaints: list[str]) -> None:
    assert not complaints, "\n" + "\n".join(dict.fromkeys(complaints))


def test_every_module_stands_in_a_room_of_the_table() -> None:
    known = {*architecture.MAY_IMPORT, *architecture.ROOTS, *STONES}
    _hold([f"{m.path}: no room {m.room!r} in the table" for m in MODULES if m.room not in known])


def test_every_room_has_a_door() -> None:
    rooms = {m.room for m in MODULES} & set(architecture.MAY_IMPORT)
    doors = {m.room for m in MODULES if m.is_door}
    _hold([f"{room}: a room has an __init__.py" for room in sorted(rooms - doors)])


def test_a_room_imports_only_what_the_table_allows_and_only_through_doors() -> None:
    _hold(list(architecture.broken_walls(MODULES)))


def test_what_one_room_takes_from_another_is_on_its_door() -> None:
    _hold(list(architecture.names_not_on_the_door(MODULES)))


def test_a_door_says_what_the_room_knows_and_lists_what_it_offers() -> None:
    _hold(list(architecture.faults_of_doors(MODULES)))


def test_each_library_has_one_room() -> None:
    _hold(list(architecture.libraries_out_of_room(MODULES)))


def test_only_config_reads_the_environment() -> None:
    _hold(list(architecture.readers_of_the_environment(MODULES)))


def test_dialects_never_import_one_another() -> None:
    _hold(list(architecture.dialects_that_meet(MODULES)))


def test_pure_modules_import_nothing_that_acts_and_the_ledger_hears_only_of_money() -> None:
    _hold(list(architecture.impure_where_pure(MODULES)))


def test_nothing_happens_at_import() -> None:
    frozen = architecture.frozen_classes(MODULES)
    _hold(list(architecture.busy_imports(MODULES, frozen)))


WRONG = [
    ("tokenhouse.ledger.x", "from tokenhouse.relay import Receipt", "wall: 'ledger'"),
    ("tokenhouse.relay.x", "def f():\n    from tokenhouse.store import Store", "wall: 'relay'"),
    ("tokenhouse.wire.x", "from ..store import Store", "wall: 'wire'"),
    (
        "tokenhouse.relay.x",
        "from tokenhouse.chat.usage import Usage",
        "door: 'tokenhouse.chat.usage'",
    ),
    ("tokenhouse.relay.x", "import tokenhouse.chat", "door: 'tokenhouse.chat'"),
    ("tokenhouse.relay.x", "from tokenhouse import store", "wall: 'relay'"),
    ("tokenhouse.money", "from tokenhouse.chat import Usage", "stone 'money'"),
    ("tokenhouse.money", "import msgspec", "'msgspec' in a stone"),
    ("tokenhouse.api.x", "import httptools", "one library, one room: 'httptools'"),
    ("tokenhouse.api.x", "import sqlite3", "one library, one room: 'sqlite3'"),
    ("tokenhouse.api.x", "import requests", "'requests' has no room"),
    ("tokenhouse.api.x", "import os\nx = os.environ", "only config reads"),
    ("tokenhouse.api.x", "from os import getenv", "only config reads"),
    (
        "tokenhouse.wire.openai_chat",
        "from tokenhouse.wire.anthropic_messages import x",
        "meet in chat",
    ),
    (
        "tokenhouse.wire.openai_chat.parse",
        "from tokenhouse.wire import openai_responses",
        "meet in chat",
    ),
    ("tokenhouse.catalogue.pricing", "import time", "is pure"),
    ("tokenhouse.ledger.x", "def hold(tokens): ...", "ledger never hears of 'tokens'"),
    ("tokenhouse.api.x", "app = build()", "build(): nothing happens at import"),
    ("tokenhouse.api.x", "def f(a=now()): ...", "now(): nothing happens at import"),
    ("tokenhouse.api.x", "class A:\n    b = open('f')", "open('f'): nothing happens"),
    ("tokenhouse.api.x", "for x in y:\n    pass", "`for`: nothing happens"),
    ("tokenhouse.api.x", "seen: dict[str, int] = {}", "seen: no module-level mutable state"),
    ("tokenhouse.api.x", "def f():\n    global x", "`global`"),
    ("tokenhouse.api.x", "@lru_cache\ndef f(): ...", "@lru_cache is module-level state"),
]


@pytest.mark.parametrize(("name", "text", "complaint"), WRONG)
def test_each_rule_bites_and_names_itself(name: str, text: str, complaint: str) -> None:
    modules = [module_from(name, text)]
    found = [
        *architecture.broken_walls(modules),
        *architecture.libraries_out_of_room(modules),
        *architecture.readers_of_the_environment(modules),
        *architecture.dialects_that_meet(modules),
        *architecture.impure_where_pure(modules),
        *architecture.busy_imports(modules, set()),
    ]
    assert [line for line in found if complaint in line], found


def test_a_name_behind_a_door_is_seen_however_it_is_reached() -> None:
    door = Module("tokenhouse.chat", "chat/__init__.py", '__all__ = ["Usage"]')
    for text in (
        "from tokenhouse.chat import Hidden",
        "from tokenhouse import chat\nchat.Hidden()",
    ):
        found = list(
            architecture.names_not_on_the_door([door, module_from("tokenhouse.api.x", text)])
        )
        assert found == ["tokenhouse/api/x.py:1: 'Hidden' is not in __all__ of tokenhouse.chat"]


RIGHT = [
    ("tokenhouse.relay.x", "from tokenhouse.chat import Usage\nfrom tokenhouse.money import usd"),
    ("tokenhouse.relay.x", "from tokenhouse import chat, ids\nusage: chat.Usage"),
    ("tokenhouse.chat.x", "from tokenhouse.chat.usage import Usage"),
    ("tokenhouse.app", "from tokenhouse.store import Store\nimport uvicorn"),
    (
        "tokenhouse.cli_money",
        "import click\n@click.group()\ndef f(): ...\n@f.command('x')\ndef g(): ...",
    ),
    (
        "tokenhouse.api.x",
        "import re\nWORD = re.compile('x')\n_TABLE = {'a': 1}\nlog = logging.getLogger('x')",
    ),
    (
        "tokenhouse.api.x",
        "@dataclass(frozen=True)\nclass A:\n    b: int = field(default=0)\nEMPTY = A()",
    ),
]


@pytest.mark.parametrize(("name", "text"), RIGHT)
def test_the_rules_leave_honest_code_alone(name: str, text: str) -> None:
    modules = [module_from(name, text)]
    frozen = architecture.frozen_classes(modules)
    found = [
        *architecture.broken_walls(modules),
        *architecture.libraries_out_of_room(modules),
        *architecture.busy_imports(modules, frozen),
    ]
    assert found == []
