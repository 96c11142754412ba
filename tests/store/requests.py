"""What the relay would say about a request, for tests."""

from __future__ import annotations

from tokenhouse.access import Limits
from tokenhouse.chat import Usage
from tokenhouse.ledger import GrantDue
from tokenhouse.relay import Admission, Attempted, Outcome, Receipt
from tokenhouse.store import SqliteStore

NOW = 1_795_305_600_000
MODEL = "mistralai/mistral-small-3.1-24b-instruct"


def request_id(number: int) -> str:
    return f"req_{number:027x}"


def admission(
    number: int,
    account: str,
    amount: int = 10,
    *,
    tokens: int = 0,
    limits: Limits | None = None,
    grant: GrantDue | None = None,
) -> Admission:
    return Admission(
        id=request_id(number),
        account=account,
        key="key_1",
        amount=amount,
        tokens=tokens,
        at_ms=NOW,
        limits=limits or Limits(),
        model=MODEL,
        price_version="7",
        dialect="openai_chat",
        streamed=True,
        grant=grant,
    )


def receipt(number: int, account: str, owed: int, *, outcome: Outcome = "finished") -> Receipt:
    return Receipt(
        id=request_id(number),
        account=account,
        key="key_1",
        model=MODEL,
        price_version="7",
        dialect="openai_chat",
        streamed=True,
        created_ms=NOW,
        outcome=outcome,
        usage=Usage(input=7, cache_read=2, output=3, prompt_source="counted"),
        owed=owed,
        finish_reason="stop",
        provider="upstream1",
        upstream_id="chatcmpl-1",
        attempts=(Attempted("upstream1", "m", 12, 200),),
        latency_ms=12,
        generation_ms=34,
    )


async def account_with(store: SqliteStore, amount: int, name: str = "mill") -> str:
    account = await store.create_account(name, "free", NOW)
    if amount:
        await store.credit(account.id, amount, reason="paid", id=f"c-{name}", at_ms=NOW)
    return account.id


async def seen(store: SqliteStore, account: str) -> tuple[int, int]:
    balance = await store.balance(account)
    return balance.balance, balance.held


async def sound(store: SqliteStore, open_holds: int = 0) -> None:
    verification = await store.verify()
    assert verification.errors == ()
    assert verification.open_holds == open_holds
