"""Prices as they came into force, and requests to free variants by the day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.store.requests import NOW, account_with, admission, receipt, sound

from tokenhouse.billing import Prices, PriceVersion
from tokenhouse.catalogue import Catalogue, Model, Price, Tier
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.relay import Admission, Admitted, Refused
from tokenhouse.store import SqliteStore
from tokenhouse.store.prices import decode, encode

DAY_MS = 86_400_000
CHEAP = Price(input=350_000, output=560_000)
DEAR = Price(
    input=700_000,
    output=1_120_000,
    cache_read=70_000,
    image=10**9,
    request=10**6,
    tiers=(Tier(above=1000, input=1, output=2), Tier(above=2000, input=3, output=4, reasoning=5)),
)


def catalogue(**prices: Price | None) -> Catalogue:
    models = [
        Model(
            id=f"a/{slug}",
            name=slug,
            author="a",
            slug=slug,
            context_length=8192,
            max_output_tokens=100,
            price=price,
        )
        for slug, price in prices.items()
    ]
    return Catalogue(models, ())


async def test_a_price_is_written_when_it_changes_and_only_then(
    store: SqliteStore, clock: ManualClock
) -> None:
    prices = Prices(store, clock)
    assert await prices.record(catalogue(m=CHEAP, other=CHEAP, listed=None)) == (
        PriceVersion("a/m", CHEAP, NOW),
        PriceVersion("a/other", CHEAP, NOW),
    )
    assert await prices.record(catalogue(m=CHEAP, other=CHEAP)) == ()
    clock.advance(60)
    assert await prices.record(catalogue(m=DEAR)) == (PriceVersion("a/m", DEAR, NOW + 60_000),)
    clock.set_wall(NOW - DAY_MS)  # the clock set back a day: order is not by the clock
    assert await prices.record(catalogue(m=CHEAP)) == (PriceVersion("a/m", CHEAP, NOW - DAY_MS),)
    assert await prices.record(catalogue(m=CHEAP)) == ()
    history = await prices.history("a/m")
    assert [row.price for row in history] == [CHEAP, DEAR, CHEAP]
    assert len(await prices.history()) == 4


async def test_a_version_says_every_rate_that_it_stood_for(
    store: SqliteStore, clock: ManualClock
) -> None:
    prices = Prices(store, clock)
    await prices.record(catalogue(m=DEAR, gift=Price(input=0, output=0, free=True)))
    found = await prices.version(DEAR.version)
    assert found.price == DEAR
    assert (found.version, found.model) == (DEAR.version, "a/m")
    with pytest.raises(CallerError, match="no price version 'prc_nobody'"):
        await prices.version("prc_nobody")


async def test_prices_are_queued_before_the_holds_that_name_them(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 100)
    recorded = Prices(store, clock).record(catalogue(m=CHEAP))
    admitted = store.admit(structs.replace(admission(1, account), price_version=CHEAP.version))
    assert isinstance(await admitted, Admitted)
    assert await store.price_version(CHEAP.version) is not None
    await recorded
    await store.close(receipt(1, account, 5), tokens=0)
    await sound(store)


def gift(number: int, account: str, at_ms: int, limit: int = 2) -> Admission:
    return structs.replace(
        admission(number, account, 0), at_ms=at_ms, model="a/m:free", free_per_day=limit
    )


async def test_free_requests_are_counted_by_the_utc_day_whatever_the_clock_does(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 0)
    other = await account_with(store, 0, "other")
    midnight = NOW - NOW % DAY_MS
    late = midnight + DAY_MS - 1500

    assert isinstance(await store.admit(gift(1, account, late)), Admitted)
    assert isinstance(await store.admit(gift(2, account, late)), Admitted)
    refused = await store.admit(gift(3, account, late))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.limit, refused.retry_after_s) == ("free_requests", 2, 1.5)
    assert isinstance(await store.admit(gift(4, other, late)), Admitted)

    next_day = midnight + DAY_MS
    assert isinstance(await store.admit(gift(5, account, next_day)), Admitted)
    # set back a day: that day has had its two
    assert isinstance(await store.admit(gift(6, account, late)), Refused)
    # a higher limit counts at once; a request that is not a free variant's is not counted
    assert isinstance(await store.admit(gift(7, account, late, limit=3)), Admitted)
    assert isinstance(await store.admit(admission(8, account, 0)), Admitted)
    for number, whose in ((1, account), (2, account), (4, other), (5, account), (7, account)):
        await store.close(receipt(number, whose, 0), tokens=0)
    await store.close(receipt(8, account, 0), tokens=0)
    await sound(store)


async def test_what_else_is_refused_counts_no_free_request(store: SqliteStore) -> None:
    account = await account_with(store, 0)
    first = gift(1, account, NOW, limit=1)
    dear = structs.replace(first, amount=10)
    assert isinstance(await store.admit(dear), Refused)
    assert isinstance(await store.admit(first), Admitted)
    again = await store.admit(structs.replace(first, free_per_day=2))
    assert isinstance(again, Refused)
    assert again.reason == "replayed"
    assert isinstance(await store.admit(gift(2, account, NOW, limit=2)), Admitted)
    for number in (1, 2):
        await store.close(receipt(number, account, 0), tokens=0)
    await sound(store)


async def test_free_days_outlive_the_process(store: SqliteStore, clock: ManualClock) -> None:
    account = await account_with(store, 0)
    await store.admit(gift(1, account, NOW, limit=1))
    await store.close(receipt(1, account, 0), tokens=0)
    await store.stop()
    await store.start(serve=True)
    assert isinstance(await store.admit(gift(2, account, NOW, limit=1)), Refused)
    clock.advance(100 * 86_400)
    await store.stop()
    await store.start(serve=True)
    assert isinstance(await store.admit(gift(3, account, NOW, limit=1)), Admitted)
    await store.close(receipt(3, account, 0), tokens=0)
    await sound(store)


rates = st.integers(0, 10**12)
some = st.none() | rates
tiers = st.lists(
    st.builds(
        Tier,
        above=st.integers(1, 10**8),
        input=rates,
        output=rates,
        cache_read=some,
        cache_write=some,
        reasoning=some,
    ),
    max_size=3,
).map(tuple)


@given(
    st.builds(
        Price,
        input=rates,
        output=rates,
        cache_read=some,
        cache_write=some,
        reasoning=some,
        image=rates,
        request=rates,
        free=st.booleans(),
        tiers=tiers,
    )
)
def test_a_stored_price_reads_back_the_same_with_the_same_version(price: Price) -> None:
    again = decode(encode(price))
    assert again == price
    assert again.version == price.version
