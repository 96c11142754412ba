"""Errors on both sides: what a provider says, and what a caller is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import Usage
from tokenhouse.errors import (
    AccountError,
    CallerError,
    ContextExceeded,
    HouseError,
    TokenhouseError,
    UpstreamError,
)
from tokenhouse.wire import error_body, retry_after_seconds
from tokenhouse.wire.openai_chat import in_band_error, upstream_error
from tokenhouse.wire.openai_usage import read_usage, usage_json


def said(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message} | more}).encode()


def test_what_the_caller_can_mend_passes_with_message_and_field() -> None:
    body = said("Invalid schema for 'f'.", param="tools[0]", code="invalid_schema")
    error = upstream_error(400, body)
    assert isinstance(error, UpstreamError)
    assert (error.status, error.param, error.code) == (400, "tools[0]", "invalid_schema")
    assert (error.message, error.retryable) == ("Invalid schema for 'f'.", False)
    assert error.kind == "invalid_request"


@pytest.mark.parametrize(
    ("status", "outward", "code"),
    [
        (401, 502, "upstream_auth"),
        (403, 502, "upstream_auth"),
        (402, 503, "upstream_quota"),
        (404, 502, "upstream_model_not_found"),
        (408, 504, "upstream_timeout"),
        (429, 429, "rate_limit_exceeded"),
        (500, 502, "upstream_error"),
        (502, 502, "upstream_error"),
        (503, 503, "upstream_overloaded"),
        (504, 504, "upstream_timeout"),
        (529, 503, "upstream_overloaded"),
        (302, 502, "upstream_error"),
        (418, 502, "upstream_error"),
    ],
)
def test_the_houses_side_is_said_as_such_and_another_route_may_be_tried(
    status: int, outward: int, code: str
) -> None:
    error = upstream_error(status, said("Incorrect API key provided: sk-abcdef123"))
    assert isinstance(error, UpstreamError)
    assert (error.status, error.code, error.retryable) == (outward, code, True)
    assert "sk-" not in error.message


def test_retry_after_survives() -> None:
    error = upstream_error(429, b"", retry_after_s=7.2)
    assert retry_after_seconds(error) == 8
    assert json.loads(error_body(error))["retry_after"] == 8


def test_a_provider_without_credit_is_no_rate_limit() -> None:
    error = upstream_error(429, said("You exceeded your quota", code="insufficient_quota"))
    assert (error.status, error.code) == (503, "upstream_quota")


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>nginx at 10.0.0.7</body></html>",
        b"plain text",
        b"",
        b"\xff",
        b"[1]",
        b'{"error":5}',
        said("<!DOCTYPE html><p>internal.example.com"),
    ],
)
def test_html_text_and_garbage_never_reach_the_caller(body: bytes) -> None:
    for status in (400, 500):
        error = upstream_error(status, body)
        assert isinstance(error, UpstreamError)
        assert error.message in ("The provider refused the request.", "The provider failed.")


@pytest.mark.parametrize(
    "secret",
    [
        "https://internal.example.com/v1",
        "http://10.1.2.3:8000",
        "10.1.2.3:8000",
        "sk-proj-abc123",
        "sk-***********xyz",
        "Bearer abcdef",
        "gpu-7.cluster.internal:8000",
        "localhost:8000",
        "org-abc123",
    ],
)
def test_keys_and_hosts_are_hidden(secret: str) -> None:
    error = upstream_error(400, said(f"Cannot use {secret} here"))
    assert error.message == "Cannot use [hidden] here"


def test_the_providers_model_name_becomes_the_public_one() -> None:
    error = upstream_error(
        400, said("m-7b can't see."), upstream_model="m-7b", public_model="author/model"
    )
    assert error.message == "author/model can't see."


@pytest.mark.parametrize(
    ("message", "prompt", "max_tokens", "context"),
    [
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
            " (4000 in the messages, 1000 in the completion). Please reduce the length.",
            4000,
            1000,
            4096,
        ),
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in"
            " 10000 tokens. Please reduce the length of the messages.",
            10000,
            None,
            8192,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum "
            "context length is 4096 tokens and your request has 10 input tokens.",
            10,
            None,
            4096,
        ),
        (
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
            "requested a total of 5000 tokens: 4000 tokens from the input messages and 1000 tokens "
            "for the completion.",
            4000,
            1000,
            4096,
        ),
        (
            "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
            5000,
            None,
            4096,
        ),
    ],
)
def test_a_context_overflow_is_told_with_its_numbers(
    message: str, prompt: int, max_tokens: int | None, context: int
) -> None:
    error = upstream_error(400, said(message))
    assert isinstance(error, ContextExceeded)
    assert (error.prompt, error.max_tokens, error.context) == (prompt, max_tokens, context)
    assert error.code == "context_length_exceeded"


def test_a_context_overflow_without_numbers_is_one_all_the_same() -> None:
    error = upstream_error(400, said("Too long.", code="context_length_exceeded"))
    assert isinstance(error, CallerError)
    assert (error.code, error.param) == ("context_length_exceeded", "messages")


def test_an_error_in_band_takes_the_status_that_it_names() -> None:
    assert in_band_error(b'{"message":"slow down","code":429}').status == 429
    assert in_band_error(b'"out of memory"').status == 502
    assert in_band_error(b"5").status == 502


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CallerError("x", param="n"), "invalid_request_error"),
        (CallerError("x", status=404, code="model_not_found"), "invalid_request_error"),
        (AccountError("x"), "authentication_error"),
        (AccountError("x", status=402, code="insufficient_quota"), "insufficient_quota"),
        (AccountError("x", status=403), "permission_error"),
        (AccountError("x", status=429), "rate_limit_error"),
        (UpstreamError("x"), "server_error"),
        (HouseError("x", status=503), "server_error"),
    ],
)
def test_every_error_has_the_envelope(error: TokenhouseError, kind: str) -> None:
    body = json.loads(error_body(error, "req_1"))
    inner = {"message": "x", "type": kind, "code": error.code, "param": error.param}
    assert body["error"] == inner
    assert (body["status"], body["message"], body["request_id"]) == ("error", "x", "req_1")
    assert ("retry_after" in body) == (error.status in (429, 503))
    assert "request_id" not in json.loads(error_body(error))


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(input=10, output=5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(input=3, cache_read=4, cache_write=3, output=3, reasoning=2),
        ),
        # reasoning beside completion_tokens, by the total
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(input=10, output=5, reasoning=7),
        ),
        # negative, absurd, contradictory
        ({"prompt_tokens": -10, "completion_tokens": -1}, Usage()),
        ({"prompt_tokens": 10**30, "completion_tokens": 0}, Usage(input=2**40)),
        (
            {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}},
            Usage(cache_read=1),
        ),
        (
            {"completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 9}},
            Usage(reasoning=1),
        ),
        # not counts
        ({"prompt_tokens": "7", "completion_tokens": 5.0}, Usage(output=5)),
        ({"prompt_tokens": 7, "prompt_tokens_details": []}, Usage(input=7)),
        ({}, None),
        ([], None),
        ({"prompt_tokens": None, "completion_tokens": None}, None),
    ],
)
def test_an_upstreams_usage_becomes_disjoint_buckets(told: object, usage: Usage | None) -> None:
    assert read_usage(json.dumps(told).encode()) == usage


COUNTS = st.integers(0, 2**39)


@given(st.builds(Usage, input=COUNTS, cache_read=COUNTS, cache_write=COUNTS, output=COUNTS,
                 reasoning=COUNTS), st.booleans())  # fmt: skip
def test_buckets_survive_the_way_out_and_back(usage: Usage, beside_others: bool) -> None:
    upstream = b'{"x":{"y":1},"prompt_tokens":1}' if beside_others else None
    shown = usage_json(usage, 7, upstream)
    back = read_usage(shown)
    assert back is not None
    assert back.prompt_tokens == min(usage.prompt_tokens, 2**40)
    if usage.prompt_tokens <= 2**40 and usage.answer_tokens <= 2**40:
        assert back == usage
    assert shown.endswith(b'"cost":0.000000007}')
    assert ("x" in json.loads(shown)) == beside_others


def test_a_short_upstream_name_is_put_right_where_it_stands_alone() -> None:
    body = b'{"error":{"message":"messages.0: the model m has no memory"}}'
    error = upstream_error(400, body, upstream_model="m", public_model="acme/echo")
    assert str(error) == "messages.0: the model acme/echo has no memory"
