"""Usage and price → amount; request and offer → ceiling."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tokenhouse.catalogue import (
    Model,
    Offer,
    Price,
    Tier,
    affordable_max_tokens,
    answer_tokens_max,
    ceiling,
    clamp,
    cost,
    counted_ceiling,
    items,
)
from tokenhouse.chat import Conversation, Request, Sizes, Usage
from tokenhouse.money import AMOUNT_MAX, RATE_MAX, amount_from_picodollars

BUCKETS = ("input", "cache_read", "cache_write", "output", "reasoning", "images")

rates = st.integers(0, RATE_MAX) | st.integers(0, 20_000_000)
fees = st.integers(0, 10**15) | st.integers(0, 10**9)
tiers = st.lists(
    st.builds(
        Tier,
        above=st.integers(1, 10**8) | st.integers(1, 10_000),
        input=rates,
        output=rates,
        cache_read=st.none() | rates,
        cache_write=st.none() | rates,
        reasoning=st.none() | rates,
    ),
    max_size=3,
    unique_by=lambda tier: tier.above,
).map(lambda tiers: tuple(sorted(tiers, key=lambda tier: tier.above)))
prices = st.builds(
    Price,
    input=rates,
    output=rates,
    cache_read=st.none() | rates,
    cache_write=st.none() | rates,
    reasoning=st.none() | rates,
    image=fees,
    request=fees,
    tiers=st.just(()) | tiers,
)
wild = st.integers(-(2**70), 2**70) | st.integers(0, 10_000)
usages = st.builds(
    Usage,
    input=wild,
    cache_read=wild,
    cache_write=wild,
    output=wild,
    reasoning=wild,
    images=wild,
)


def conversation() -> Conversation:
    raise AssertionError("pricing never builds the conversation")


def request(
    *,
    text: int = 0,
    schema: int = 0,
    images: int = 0,
    max_tokens: int | None = None,
    n: int = 1,
    system: bool = False,
) -> Request:
    return Request(
        dialect="openai_chat",
        model="a/m",
        body=b"{}",
        fields=frozenset(),
        conversation=conversation,
        sizes=Sizes(text, schema, images),
        max_tokens=max_tokens,
        n=n,
        has_system=system,
    )


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    context = draw(st.integers(1, 10**8) | st.integers(1, 10_000))
    model = Model(
        id="a/m",
        name="m",
        author="a",
        slug="m",
        context_length=context,
        max_output_tokens=draw(st.integers(1, context)),
        overhead_tokens=draw(st.integers(0, 100)),
        image_tokens=draw(st.integers(0, 5000)),
    )
    return Offer(model, draw(prices), draw(st.none() | st.text(max_size=50)))


requests = st.builds(
    request,
    text=st.integers(0, 40_000_000) | st.integers(0, 5000),
    schema=st.integers(0, 5000),
    images=st.integers(0, 100),
    max_tokens=st.none() | st.integers(1, 10**30),
    n=st.integers(1, 128),
)

PAGE = Price(input=350_000, output=560_000)
MODEL = Model(id="a/m", name="m", author="a", slug="m", context_length=1000, max_output_tokens=500)


def test_the_page_s_price_is_exact() -> None:
    assert cost(Usage(input=10**6), PAGE) == 350_000_000
    assert cost(Usage(output=10**6), PAGE) == 560_000_000
    assert cost(Usage(input=3, output=1), PAGE) == 1610


def test_a_sum_is_rounded_up_once_not_by_bucket() -> None:
    price = Price(input=1, output=1, reasoning=1)
    assert cost(Usage(input=1, output=1, reasoning=1), price) == 1
    assert cost(Usage(), price) == 0


def test_a_bucket_without_a_rate_costs_what_its_side_costs() -> None:
    assert cost(Usage(cache_read=1000, cache_write=1000), PAGE) == 2 * 350_000
    assert cost(Usage(reasoning=1000), PAGE) == 560_000
    given_rates = replace_rates(cache_read=35_000, cache_write=700_000, reasoning=1_000_000)
    assert cost(Usage(cache_read=1000), given_rates) == 35_000
    assert cost(Usage(cache_write=1000), given_rates) == 700_000
    assert cost(Usage(reasoning=1000), given_rates) == 1_000_000


def test_images_and_the_request_are_charged_beside_the_tokens() -> None:
    price = Price(input=350_000, output=560_000, image=10**9, request=2 * 10**6)
    assert cost(Usage(input=100, images=2), price) == 35_000 + 2 * 10**6 + 2000


@settings(deadline=None)
@given(usages, prices, st.integers(1, 10**8), st.integers(1, 128))
def test_a_cost_is_exact_and_fits_64_bits_whatever_the_wire_said(
    usage: Usage, price: Price, context: int, n: int
) -> None:
    model = replace(MODEL, context_length=context, max_output_tokens=context)
    kept = clamp(usage, model, n=n)
    assert kept.prompt_tokens <= context
    assert kept.answer_tokens <= n * context
    assert all(getattr(kept, bucket) >= 0 for bucket in BUCKETS)
    assert clamp(kept, model, n=n) is kept
    tier = price.rates_at(kept.prompt_tokens)
    exact = Fraction(
        kept.input * tier.input
        + kept.cache_read * tier.cache_read_rate
        + kept.cache_write * tier.cache_write_rate
        + kept.output * tier.output
        + kept.reasoning * tier.reasoning_rate
        + kept.images * price.image
        + price.request,
        1000,
    )
    assert cost(kept, price) == min(ceil(exact), AMOUNT_MAX)
    assert 0 <= cost(kept, price) < 2**63


@settings(deadline=None)
@given(usages, prices, st.sampled_from(BUCKETS), st.integers(0, 10**6))
def test_more_usage_of_one_tier_never_costs_less(
    usage: Usage, price: Price, bucket: str, more: int
) -> None:
    price = replace(price, tiers=())
    model = replace(MODEL, context_length=10**7)
    kept = clamp(usage, model)
    bigger = structs.replace(kept, **{bucket: getattr(kept, bucket) + more})
    assert cost(bigger, price) >= cost(kept, price)


@settings(deadline=None)
@given(st.data())
def test_a_ceiling_is_never_below_the_cost_of_a_usage_within_it(data: st.DataObject) -> None:
    offer = data.draw(offers())
    asked = data.draw(requests)
    bound = ceiling(asked, offer)
    context, each = offer.model.context_length, bound.answer_tokens_max // asked.n
    prompt = data.draw(
        st.integers(0, bound.prompt_tokens_max)
        | st.just(bound.prompt_tokens_max)
        | st.just(min(max(0, context - each), bound.prompt_tokens_max))
    )
    read = data.draw(st.integers(0, prompt))
    write = data.draw(st.integers(0, prompt - read))
    answers = [
        data.draw(st.just(most) | st.integers(0, most))
        for most in [min(each, context - prompt)] * min(asked.n, 3)
    ]
    answer = sum(answers) + (asked.n - len(answers)) * answers[0]
    thought = data.draw(st.integers(0, answer))
    usage = Usage(
        input=prompt - read - write,
        cache_read=read,
        cache_write=write,
        output=answer - thought,
        reasoning=thought,
        images=data.draw(st.integers(0, asked.sizes.images)),
    )
    assert cost(clamp(usage, offer.model, n=asked.n), offer.price) <= bound.amount <= AMOUNT_MAX
    assert usage.prompt_tokens + usage.answer_tokens <= bound.tokens
    assert bound.prompt_tokens_max <= context
    assert bound.answer_tokens_max <= asked.n * offer.model.max_output_tokens
    assert bound.tokens <= bound.prompt_tokens_max + bound.answer_tokens_max
    counted = counted_ceiling(prompt, asked, offer)
    assert cost(usage, offer.price) <= counted.amount <= bound.amount
    assert usage.answer_tokens <= counted.answer_tokens_max
    assert counted.tokens <= bound.tokens
    assert counted.amount <= counted_ceiling(prompt, asked, offer, exact=False).amount


def test_a_ceiling_counts_every_byte_schemas_twice_and_images_at_their_most() -> None:
    model = replace(MODEL, context_length=10**6, overhead_tokens=7, image_tokens=3080)
    offer = Offer(model, PAGE, "Grüße")
    asked = request(text=100, schema=50, images=2, max_tokens=10, n=3)
    bound = ceiling(asked, offer)
    assert bound.prompt_tokens_max == 100 + 2 * 50 + 2 * 3080 + 7 + len("Grüße".encode())
    assert bound.answer_tokens_max == 30
    told = request(text=100, schema=50, images=2, max_tokens=10, n=3, system=True)
    assert ceiling(told, offer).prompt_tokens_max == bound.prompt_tokens_max - 7


def test_a_ceiling_is_never_absurd() -> None:
    bound = ceiling(request(text=10**9, max_tokens=10**30), Offer(MODEL, PAGE))
    assert (bound.prompt_tokens_max, bound.answer_tokens_max) == (1000, 500)
    assert ceiling(request(), Offer(MODEL, PAGE)).answer_tokens_max == 500


@settings(deadline=None)
@given(
    offers(),
    requests,
    st.integers(0, 10**6),
    st.integers(0, 10**18) | st.integers(0, 10**9),
    st.booleans(),
)
def test_the_affordable_max_tokens_is_the_largest_that_fits(
    offer: Offer, asked: Request, prompt: int, free: int, exact: bool
) -> None:
    def amount(each: int) -> int:
        return counted_ceiling(prompt, asked, offer, max_tokens=each, exact=exact).amount

    most = affordable_max_tokens(
        free, prompt_tokens=prompt, request=asked, offer=offer, exact=exact
    )
    each = answer_tokens_max(asked, offer.model)
    assert 0 <= most <= each
    assert most == 0 or amount(most) <= free
    assert most == each or amount(most + 1) > free


def replace_rates(*, cache_read: int, cache_write: int, reasoning: int) -> Price:
    return Price(
        input=PAGE.input,
        output=PAGE.output,
        cache_read=cache_read,
        cache_write=cache_write,
        reasoning=reasoning,
    )


LONG = Price(
    input=300_000,
    output=500_000,
    cache_read=30_000,
    tiers=(
        Tier(above=1000, input=600_000, output=900_000, cache_read=60_000),
        Tier(above=2000, input=900_000, output=1_400_000),
    ),
)


def test_a_tier_holds_for_the_whole_request_from_one_token_beyond_its_bound() -> None:
    assert cost(Usage(input=1000, output=10), LONG) == 300_000 + 5000
    assert cost(Usage(input=1001, output=10), LONG) == 600_600 + 9000
    assert cost(Usage(input=1, cache_read=1000), LONG) == 600 + 60_000
    assert cost(Usage(input=500, cache_write=1501, output=1), LONG) == 2001 * 900 + 1400
    assert cost(Usage(cache_read=2001, reasoning=1), LONG) == 2001 * 900 + 1400


def test_a_prompt_that_may_reach_a_dearer_tier_is_held_at_that_tier() -> None:
    model = replace(MODEL, context_length=10_000)
    offer = Offer(model, LONG)
    short, long = request(text=1000, max_tokens=10), request(text=1001, max_tokens=10)
    assert ceiling(short, offer).amount == 300_000 + 5000
    assert ceiling(long, offer).amount == 600_600 + 9000


def test_a_dear_middle_tier_bounds_what_a_cheaper_one_above_it_would_not() -> None:
    price = replace(LONG, tiers=(LONG.tiers[0], Tier(above=2000, input=1, output=1)))
    offer = Offer(replace(MODEL, context_length=10_000), price)
    assert ceiling(request(text=5000, max_tokens=10), offer).amount == 2000 * 600 + 9000


def test_the_answer_has_what_the_prompt_leaves_of_the_context() -> None:
    offer = Offer(replace(MODEL, context_length=1000, max_output_tokens=1000), PAGE)
    asked = request(text=900, n=2)
    assert counted_ceiling(900, asked, offer) == (900 * 350 + 200 * 560, 900, 200, 1100)
    bound = ceiling(asked, offer)
    assert bound.amount == 2 * 1000 * 560  # an empty prompt would leave it all to the answers
    assert bound.tokens == 2000


def test_tiers_make_another_version_and_their_order_is_part_of_the_price() -> None:
    assert LONG.version != replace(LONG, tiers=()).version
    assert LONG.version != replace(LONG, tiers=LONG.tiers[:1]).version
    assert LONG.version == replace(LONG).version


@given(usages, prices)
def test_the_items_of_a_bill_sum_to_its_cost(usage: Usage, price: Price) -> None:
    counts = {
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "images": usage.images,
    }
    told = items(counts, price)
    amount = amount_from_picodollars(sum(item.picodollars for item in told))
    assert min(amount, AMOUNT_MAX) == cost(usage, price)
    assert {item.bucket for item in told} == {*counts, "request"}
