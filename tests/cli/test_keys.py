"""``keys``: what each may do is said in words and read back as integers."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tokenhouse.clock import SystemClock

DAY_MS = 86_400_000
STARTER = "tokenhouse/starter"


def test_a_key_is_made_with_what_it_may_do(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    may = ["--models", STARTER, "--expires", "30d", "--day-cap", "0.5", "--month-cap", "$10"]
    pace = ["--rpm", "60", "--tpm", "200000", "--concurrency", "4"]
    before = SystemClock().now_ms()
    made = cli("keys", "create", "ada", "--name", "ci", *may, *pace, "--json").json
    after = SystemClock().now_ms()
    assert set(made) == {"id", "account", "name", "key"}
    (made,) = cli("keys", "list", "--json").json
    assert made["models"] == [STARTER]
    assert (made["day_cap"], made["month_cap"]) == (500_000_000, 10_000_000_000)
    assert (made["requests_per_minute"], made["tokens_per_minute"]) == (60, 200_000)
    assert made["concurrent_requests"] == 4
    assert before <= made["expires_ms"] - 30 * DAY_MS <= after
    said = cli("keys", "list").out
    for word in (
        STARTER,
        "$0.50/day",
        "$10.00/month",
        "60 rpm",
        "200000 tpm",
        "4 at once",
        "until",
    ):
        assert word in said


def test_a_change_lifts_what_is_named_and_leaves_the_rest(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    made = cli("keys", "create", "ada", "--day-cap", "1", "--rpm", "5", "--json").json
    words = ["--day-cap", "none", "--month-cap", "0", "--name", "new", "--expires", "2099-12-31"]
    changed = cli("keys", "change", made["id"], *words, "--json").json
    assert (changed["day_cap"], changed["month_cap"], changed["name"]) == (None, 0, "new")
    assert changed["requests_per_minute"] == 5
    assert changed["expires_ms"] == 4_102_444_800_000, "through the last UTC day"
    lifted = cli("keys", "change", made["id"], "--expires", "never", "--models", "any", "--json")
    assert (lifted.json["expires_ms"], lifted.json["models"]) == (None, None)
    assert "as its account" not in cli("keys", "change", made["id"], "--tpm", "9").out
    assert cli("keys", "change", made["id"], code=2).err
    assert cli("keys", "change", "key_unknown", "--rpm", "1", code=5).err


def test_a_rotated_key_keeps_its_id_and_shows_its_new_secret_once(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    made = cli("keys", "create", "ada", "--json").json
    rotated = cli("keys", "rotate", made["id"], "--overlap", "24h", "--json").json
    assert rotated["id"] == made["id"]
    assert rotated["key"] != made["key"]
    (listed,) = cli("keys", "list", "--json").json
    assert listed["hint"] == rotated["key"][-4:]
    assert "key" not in listed
    assert listed["old_until_ms"] - SystemClock().now_ms() > 23 * 3_600_000
    assert cli("keys", "rotate", made["id"]).out.startswith("sk-th-")
    cli("keys", "revoke", made["id"])
    assert "revoked" in cli("keys", "rotate", made["id"], code=1).err
    assert cli("keys", "rotate", "key_unknown", code=5).err


@pytest.mark.parametrize(
    "words",
    [
        ("--models", "acme/unknown"),
        ("--models", ",,"),
        ("--expires", "2001-01-01"),
        ("--expires", "soon"),
        ("--expires", "99999999w"),
        ("--day-cap", "much"),
        ("--month-cap", "-1"),
        ("--rpm", "0"),
        ("--tpm", "1.5"),
        ("--concurrency", "many"),
    ],
)
def test_what_can_not_be_read_is_wrong_usage(cli: Cli, words: tuple[str, str]) -> None:
    cli("accounts", "create", "ada")
    assert cli("keys", "create", "ada", *words, code=2).err
    assert cli("keys", "list", "--json").json == []
