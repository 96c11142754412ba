from __future__ import annotations

from tests.cli.conftest import Cli

DOLLAR = 10**9


def test_an_account_is_made_and_listed_in_integers(cli: Cli) -> None:
    made = cli("accounts", "create", "ada", "--json").json
    assert made["id"].startswith("acc_")
    assert (made["name"], made["plan"], made["balance"], made["held"]) == ("ada", "free", 0, 0)
    assert cli("accounts", "list", "--json").json == [made]
    assert cli.data.stat().st_mode & 0o777 == 0o700


def test_two_accounts_of_one_name_are_a_conflict(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    assert "ada" in cli("accounts", "create", "ada", code=1).err
    assert cli("--json", "accounts", "create", "ada", code=1).error["message"]


def test_an_unknown_plan_is_wrong_usage_that_names_the_plans(cli: Cli) -> None:
    said = cli("accounts", "create", "ada", "--plan", "gold", code=2)
    assert "free" in said.err
    assert not cli.data.exists()


def test_credit_is_exact_and_found_by_name_or_id(cli: Cli) -> None:
    account = cli("accounts", "create", "ada", "--json").json["id"]
    first = cli("credit", "ada", "0.000000001", "--json").json
    assert (first["account"], first["amount"], first["balance"]) == (account, 1, 1)
    second = cli("credit", account, "$25", "--json").json
    assert second["balance"] == 25 * DOLLAR + 1
    assert cli("accounts", "list").out.splitlines()[1].split()[-2:] == ["$25.000000001", "$0.00"]


def test_credit_with_an_idempotency_key_is_given_once(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    words = ["credit", "ada", "5", "--reason", "invoice 17", "--idempotency-key", "invoice-17"]
    first = cli(*words, "--json").json
    again = cli(*words, "--json").json
    assert again == first | {"replayed": True}
    words[2] = "6"
    assert cli(*words, code=1).err
    assert cli("accounts", "list", "--json").json[0]["balance"] == 5 * DOLLAR


def test_a_credit_below_zero_is_told_what_takes_a_credit_back(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    for amount in ("-5", "-0.50"):
        assert "`tokenhouse ledger reverse ID`" in cli("credit", "ada", amount, code=2).err
    assert cli("accounts", "list", "--json").json[0]["balance"] == 0


def test_a_credit_is_reversed_once_and_the_ledger_stays_right(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    credited = cli("credit", "ada", "5", "--json").json
    back = cli("ledger", "reverse", credited["id"], "--reason", "bounced", "--json").json
    assert back["balance"] == 0
    assert cli("ledger", "reverse", "pst_unknown", "--reason", "x", code=5).err
    assert cli("ledger", "verify", "--json").json == {"ok": True, "open_holds": 0, "errors": []}
    assert cli("ledger", "verify").out.startswith("ok")


def test_a_key_is_shown_once_and_then_by_its_hint(cli: Cli) -> None:
    account = cli("accounts", "create", "ada", "--json").json["id"]
    made = cli("keys", "create", "ada", "--name", "laptop", "--json").json
    assert set(made) == {"id", "account", "name", "key"}
    assert (made["account"], made["name"]) == (account, "laptop")
    assert made["key"].startswith("sk-th-")
    (listed,) = cli("keys", "list", "--json").json
    assert listed["id"] == made["id"]
    assert listed["hint"] == made["key"][-4:]
    for said in (cli("keys", "list"), cli("keys", "list", "ada", "--json")):
        assert made["key"] not in said.out


def test_a_new_key_stands_alone_on_stdout(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    said = cli("keys", "create", "ada")
    assert said.out.startswith("sk-th-")
    assert said.out.count("\n") == 1


def test_a_key_is_revoked(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    key_id = cli("keys", "create", "ada", "--json").json["id"]
    assert cli("keys", "revoke", key_id, "--json").json["revoked_ms"] > 0
    assert "revoked" in cli("keys", "list").out
    assert cli("keys", "revoke", "key_unknown", code=5).err


def test_what_is_named_and_not_there_is_not_found(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    for words in (
        ["credit", "bob", "1"],
        ["keys", "create", "bob"],
        ["keys", "list", "bob"],
        ["usage", "bob"],
    ):
        assert "bob" in cli(*words, code=5).err
        assert cli("--json", *words, code=5).error["code"]


def test_usage_without_any_is_empty(cli: Cli) -> None:
    cli("accounts", "create", "ada")
    assert cli("usage", "--json").json == []
    said = cli("usage", "ada", "--days", "7")
    assert (said.out, said.err) == ("", "nothing was used in that time\n")
