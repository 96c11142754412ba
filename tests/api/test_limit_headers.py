"""Limits as headers, in each dialect's own words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.api import Cors
from tokenhouse.api.limit_headers import (
    anthropic_limit_headers,
    duration,
    openai_limit_headers,
    refusal_headers,
    timestamp,
)
from tokenhouse.errors import AccountError, HouseError
from tokenhouse.relay import Refused, RefusedError, Remaining
from tokenhouse.wire import error_body

NOW = 1_795_305_600_000
LEFT = Remaining(1, 40, 59_200, 60_000, 2, 100)


def test_openais_headers_say_limit_rest_and_a_duration() -> None:
    assert openai_limit_headers(LEFT, NOW) == [
        (b"x-ratelimit-limit-requests", b"2"),
        (b"x-ratelimit-remaining-requests", b"1"),
        (b"x-ratelimit-reset-requests", b"59.2s"),
        (b"x-ratelimit-limit-tokens", b"100"),
        (b"x-ratelimit-remaining-tokens", b"40"),
        (b"x-ratelimit-reset-tokens", b"1m0s"),
    ]


def test_anthropics_headers_say_limit_rest_and_a_time() -> None:
    assert anthropic_limit_headers(LEFT, NOW) == [
        (b"anthropic-ratelimit-requests-limit", b"2"),
        (b"anthropic-ratelimit-requests-remaining", b"1"),
        (b"anthropic-ratelimit-requests-reset", b"2026-11-22T00:01:00Z"),
        (b"anthropic-ratelimit-tokens-limit", b"100"),
        (b"anthropic-ratelimit-tokens-remaining", b"40"),
        (b"anthropic-ratelimit-tokens-reset", b"2026-11-22T00:01:00Z"),
    ]


def test_a_limit_that_there_is_not_has_no_header() -> None:
    assert openai_limit_headers(Remaining(), NOW) == []
    assert anthropic_limit_headers(Remaining(), NOW) == []
    only = Remaining(tokens=0, tokens_limit=5)
    assert [name for name, _ in openai_limit_headers(only, NOW)] == [
        b"x-ratelimit-limit-tokens",
        b"x-ratelimit-remaining-tokens",
        b"x-ratelimit-reset-tokens",
    ]


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, b"0s"),
        (-5, b"0s"),
        (1, b"1ms"),
        (120, b"120ms"),
        (1000, b"1s"),
        (8640, b"8.64s"),
        (60_000, b"1m0s"),
        (360_000, b"6m0s"),
        (90_500, b"1m30.5s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(ms: int, said: bytes) -> None:
    assert duration(ms) == said


def test_a_time_is_never_before_what_it_stands_for() -> None:
    assert timestamp(NOW) == b"2026-11-22T00:00:00Z"
    assert timestamp(NOW + 1) == b"2026-11-22T00:00:01Z"


def test_a_refusal_says_when_to_come_back_or_not_to() -> None:
    soon = RefusedError("x", Refused("requests"), status=429, code="c", retry_after_s=9.2)
    assert refusal_headers(soon, NOW) == [
        (b"retry-after", b"10"),
        (b"x-ratelimit-reset", b"%d" % (NOW // 1000 + 10)),
    ]
    never = RefusedError("x", Refused("tokens"), status=429, code="c", retry_after_s=60)
    assert (b"x-should-retry", b"false") in refusal_headers(never, NOW)
    assert refusal_headers(AccountError("x", status=402), NOW) == []
    assert refusal_headers(HouseError("x", status=503), NOW)[0] == (b"retry-after", b"1")


async def test_a_browser_may_read_every_header_of_a_limit() -> None:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    scope: Any = {"path": "/v1/messages", "headers": [(b"origin", b"https://a.example")]}
    await Cors(("*",)).sender(scope, send)({"type": "http.response.start", "headers": []})
    exposed = dict(messages[0]["headers"])[b"access-control-expose-headers"].split(b", ")
    told = openai_limit_headers(LEFT, NOW) + anthropic_limit_headers(LEFT, NOW)
    never = RefusedError("x", Refused("tokens"), status=429, code="c", retry_after_s=60)
    told += refusal_headers(never, NOW)
    assert {name for name, _ in told} <= set(exposed)


@given(st.integers(0, 120_000))
def test_header_and_body_of_a_refusal_name_the_same_wait(wait_ms: int) -> None:
    refused = AccountError("Wait.", status=429, code="rate_limited", retry_after_s=wait_ms / 1000)
    said = dict(refusal_headers(refused, NOW))
    assert int(said[b"retry-after"]) == msgspec.json.decode(error_body(refused))["retry_after"]
    assert int(said[b"retry-after"]) * 1000 >= max(wait_ms, 1)
