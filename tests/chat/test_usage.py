"""Usage in disjoint buckets, and the guess for models without a tokenizer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import NO_USAGE, Usage, estimate_tokens


def test_buckets_are_disjoint_and_sum_up() -> None:
    usage = Usage(input=1, cache_read=2, cache_write=4, output=8, reasoning=16, images=32)
    assert usage.prompt_tokens == 7
    assert usage.answer_tokens == 24
    assert NO_USAGE.prompt_tokens == NO_USAGE.answer_tokens == 0


@given(st.text())
def test_an_estimate_is_never_more_than_the_bytes(text: str) -> None:
    assert 0 <= estimate_tokens(text) <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text(), st.text())
def test_an_estimate_hardly_changes_by_cutting_the_text(first: str, second: str) -> None:
    whole = estimate_tokens(first + second)
    parts = estimate_tokens(first) + estimate_tokens(second)
    assert abs(whole - parts) <= 1


def test_an_estimate_follows_the_words() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("Hello") == 1
    assert estimate_tokens("Hello there, you") == 4
    assert estimate_tokens("1234567") == 3
    assert estimate_tokens("日本語") == 6
