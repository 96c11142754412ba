"""The tree of errors: status, code, kind, and whose fault it is."""

from __future__ import annotations

import pytest

from tokenhouse.errors import (
    AccountError,
    CallerError,
    ContextExceeded,
    HouseError,
    TokenhouseError,
    UpstreamError,
)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (CallerError("x"), 400, "invalid_request"),
        (CallerError("x", status=404), 404, "not_found"),
        (CallerError("x", status=409), 409, "conflict"),
        (CallerError("x", status=413), 413, "too_large"),
        (CallerError("x", status=418), 418, "invalid_request"),
        (AccountError("x"), 401, "authentication"),
        (AccountError("x", status=402), 402, "payment_required"),
        (AccountError("x", status=403), 403, "permission"),
        (AccountError("x", status=429), 429, "rate_limit"),
        (UpstreamError("x"), 502, "api"),
        (UpstreamError("x", status=504), 504, "timeout"),
        (HouseError("x"), 500, "api"),
        (HouseError("x", status=503), 503, "overloaded"),
        (HouseError("x", status=599), 599, "api"),
    ],
)
def test_an_error_knows_its_status_and_kind(error: TokenhouseError, status: int, kind: str) -> None:
    assert (error.status, error.kind, str(error)) == (status, kind, "x")


def test_a_context_overflow_names_its_numbers_and_the_mend() -> None:
    error = ContextExceeded(prompt=100, max_tokens=50, context=120)
    assert (error.status, error.code, error.param) == (400, "context_length_exceeded", "messages")
    assert "120" in error.message
    assert "100 + 50" in error.message
    assert "100 tokens" in ContextExceeded(prompt=100, max_tokens=None, context=90).message


def test_an_upstreams_failure_may_be_tried_elsewhere_unless_it_says_otherwise() -> None:
    assert UpstreamError("x").retryable
    assert not UpstreamError("x", retryable=False).retryable


def test_what_is_told_stays_told() -> None:
    error = CallerError("x", code="c", param="n", retry_after_s=2.5)
    assert (error.code, error.param, error.retry_after_s) == ("c", "n", 2.5)
