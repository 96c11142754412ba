"""``vouchers`` and ``audit``: codes shown once, and who did what."""

from __future__ import annotations

import os
import pwd

from tests.cli.conftest import Cli

DOLLAR = 10**9


def test_codes_are_shown_once_and_redeemed_once(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    said = cli("vouchers", "create", "5", "--count", "2")
    codes = said.out.split()
    assert len(set(codes)) == 2
    assert "2 of $5.00" in said.err
    got = cli("vouchers", "redeem", codes[0].lower().replace("-", " "), "ada", "--json").json
    assert (got["amount"], got["balance"], got["replayed"]) == (5 * DOLLAR, 5 * DOLLAR, False)
    assert cli("vouchers", "redeem", codes[0], "ada", "--json").json == got | {"replayed": True}
    cli("accounts", "create", "bob")
    assert "redeemed already" in cli("vouchers", "redeem", codes[0], "bob", code=1).err
    assert cli("vouchers", "redeem", "TH-NOTACODE", "bob", code=5).err
    listed = cli("vouchers", "list", "--json").json
    assert {row["state"] for row in listed} == {"open", "redeemed"}
    for code in codes:
        assert code not in cli("vouchers", "list").out
    back = cli("ledger", "reverse", got["id"], "--reason", "stolen", "--json").json
    assert back["balance"] == 0
    assert cli("ledger", "verify", "--json").json["ok"]


def test_a_lot_said_twice_is_made_once(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    words = ["vouchers", "create", "5", "--idempotency-key", "workshop", "--json"]
    first = cli(*words).json
    again = cli(*words).json
    assert (first["lot"], first["replayed"], again["replayed"]) == ("workshop", False, True)
    assert first["vouchers"][0]["code"].startswith("TH-")
    assert "code" not in again["vouchers"][0]
    words[2] = "6"
    assert cli(*words, code=1).error["code"] == "conflict"


def test_a_revoked_voucher_and_one_past_its_day_are_worth_nothing(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    made = cli("vouchers", "create", "5", "--count", "2", "--json").json
    one, two = made["vouchers"]
    revoked = cli("vouchers", "revoke", one["id"], "--reason", "typo", "--json").json
    assert [row["state"] for row in revoked] == ["revoked"]
    assert "revoked" in cli("vouchers", "redeem", one["code"], "ada", code=1).err
    assert len(cli("vouchers", "revoke", made["lot"], "--json").json) == 2
    assert "revoked" in cli("vouchers", "redeem", two["code"], "ada", code=1).err
    assert cli("vouchers", "revoke", "vch_none", code=5).err
    assert "ahead" in cli("vouchers", "create", "5", "--expires", "2020-01-01", code=1).err


def test_a_change_shows_what_it_changed_and_no_more(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    key = cli("keys", "create", "ada", "--rpm", "9", "--json").json["id"]
    cli("keys", "change", key, "--rpm", "60")
    made, changed = reversed([row for row in cli("audit", "ada").out.splitlines() if key in row])
    assert "requests_per_minute 9" in made
    assert "null" not in made
    assert changed.split(key)[1].split() == [
        "requests_per_minute",
        "9",
        "requests_per_minute",
        "60",
    ]
    row = cli("audit", "--json").json[0]
    assert row["before"] | {"requests_per_minute": 60} == row["after"]


def test_every_act_is_in_the_audit_log_with_who_and_why(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    cli("accounts", "state", "ada", "suspended", "--reason", "chargeback")
    cli("accounts", "state", "ada", "open")
    key = cli("keys", "create", "ada", "--name", "laptop", "--json").json
    cli("keys", "revoke", key["id"])
    cli("keys", "revoke", key["id"])
    credit = cli(
        "credit", "ada", "5", "--reason", "invoice", "--idempotency-key", "i", "--json"
    ).json
    cli("credit", "ada", "5", "--reason", "invoice", "--idempotency-key", "i")
    cli("ledger", "reverse", credit["id"], "--reason", "bounced")
    code = cli("vouchers", "create", "1", "--reason", "gift").out.strip()
    cli("vouchers", "redeem", code, "ada")
    rows = cli("audit", "--json").json
    assert [row["act"] for row in reversed(rows)] == [
        *("accounts create", "accounts change", "accounts change", "keys create", "keys revoke"),
        *("credit", "ledger reverse", "vouchers create", "vouchers redeem"),
    ]
    by = {row["act"]: row for row in rows}
    assert {row["actor"] for row in rows} == {f"cli:{pwd.getpwuid(os.getuid()).pw_name}"}
    suspended = rows[-2]
    assert (suspended["before"]["state"], suspended["after"]["state"]) == ("open", "suspended")
    assert suspended["reason"] == "chargeback"
    assert by["credit"]["before"] == {"balance": 0}
    assert by["credit"]["after"] == {"balance": 5 * DOLLAR, "amount": 5 * DOLLAR}
    assert by["ledger reverse"]["after"]["balance"] == 0
    assert by["keys revoke"]["before"]["revoked_ms"] is None
    assert by["keys revoke"]["after"]["revoked_ms"] > 0
    assert key["key"] not in str(rows)
    assert code not in str(rows)
    assert len(cli("audit", "ada", "--json").json) == len(rows) - 1
    page = cli("audit", "--limit", "2", "--json").json
    rest = cli("audit", "--before", str(page[-1]["seq"]), "--json").json
    assert page + rest == rows
    assert "chargeback" in cli("audit", "ada").out


def test_a_refused_act_leaves_no_row(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    cli("accounts", "create", "ada", code=1)
    cli("credit", "nobody", "5", code=5)
    cli("ledger", "reverse", "pst_none", "--reason", "x", code=5)
    cli("accounts", "state", "ada", "asleep", code=2)
    cli("accounts", "state", "ada", "open")
    assert [row["act"] for row in cli("audit", "--json").json] == ["accounts create"]
