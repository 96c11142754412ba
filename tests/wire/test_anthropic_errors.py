"""Errors in Anthropic's words: what its clients are told, and what its providers tell."""

from __future__ import annotations

import json
from typing import cast

import anthropic
import pytest

from tests.wire.anthropic_sdk import Sdk
from tests.wire.openai_frames import Json, at
from tokenhouse.errors import (
    AccountError,
    CallerError,
    ContextExceeded,
    HouseError,
    TokenhouseError,
    UpstreamError,
)
from tokenhouse.wire import error_body as openai_body
from tokenhouse.wire import openai_chat
from tokenhouse.wire.anthropic_messages import (
    THINKING_SIGNATURE,
    error_body,
    error_status,
    in_band_error,
    upstream_error,
)

REQUEST = "req_000000000000000000000000000"


def told(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


def body(error: TokenhouseError) -> Json:
    return cast("Json", json.loads(error_body(error, REQUEST)))


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (CallerError("No."), 400, "invalid_request_error"),
        (AccountError("No."), 401, "authentication_error"),
        (AccountError("No.", status=402, code="insufficient_quota"), 402, "billing_error"),
        (AccountError("No.", status=403), 403, "permission_error"),
        (CallerError("No.", status=404, code="model_not_found"), 404, "not_found_error"),
        (CallerError("No.", status=409, code="conflict"), 409, "invalid_request_error"),
        (CallerError("No.", status=413), 413, "request_too_large"),
        (AccountError("No.", status=429), 429, "rate_limit_error"),
        (HouseError("No."), 500, "api_error"),
        (UpstreamError("No."), 502, "api_error"),
        (HouseError("No.", status=503, code="model_not_ready"), 503, "overloaded_error"),
        (UpstreamError("No.", status=504), 504, "timeout_error"),
        (UpstreamError("No.", status=503, code="upstream_overloaded"), 529, "overloaded_error"),
    ],
)
def test_every_error_has_its_type_and_status(
    error: TokenhouseError, status: int, kind: str
) -> None:
    assert error_status(error) == status
    shown = body(error)
    assert shown["type"] == "error"
    assert shown["error"] == {"type": kind, "message": "No."}
    assert shown["request_id"] == REQUEST


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
def test_the_official_sdk_raises_what_it_names(
    status: int, kind: type[anthropic.APIStatusError]
) -> None:
    shown = error_body(AccountError("Not today.", status=status), REQUEST)
    with pytest.raises(kind, match=r"Not today\."):
        Sdk().read(shown, status)


def test_who_has_to_wait_is_told_how_long() -> None:
    assert body(AccountError("No.", status=429, retry_after_s=2.1))["retry_after"] == 3
    assert body(HouseError("No.", status=503))["retry_after"] == 1
    assert "retry_after" not in body(CallerError("No."))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ContextExceeded(prompt=210_000, max_tokens=None, context=200_000),
            "prompt is too long: 210000 tokens > 200000 maximum",
        ),
        (
            ContextExceeded(prompt=210_000, max_tokens=5, context=200_000),
            "prompt is too long: 210000 tokens > 200000 maximum",
        ),
        (
            ContextExceeded(prompt=190_000, max_tokens=20_000, context=200_000),
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, "
            "decrease input length or `max_tokens` and try again",
        ),
        (
            CallerError("Too much.", code="context_length_exceeded"),
            "prompt is too long: Too much.",
        ),
        (
            CallerError(
                "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for a/m",
                param="max_tokens",
            ),
            "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for a/m",
        ),
    ],
)
def test_an_overflow_is_told_in_the_words_that_clients_read(
    error: TokenhouseError, message: str
) -> None:
    """Row 16: hidden behind other words, an agent can't compact its conversation."""
    assert at(body(error), "error") == {"type": "invalid_request_error", "message": message}


@pytest.mark.parametrize(
    ("upstream", "message"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 "
            "tokens (8000 in the messages, 1000 in the completion). Please reduce the length.",
            "input length and `max_tokens` exceed context limit: 8000 + 1000 > 8192, "
            "decrease input length or `max_tokens` and try again",
        ),
        (
            "This model's maximum context length is 8192 tokens. However, your messages "
            "resulted in 9000 tokens. Please reduce the length of the messages.",
            "prompt is too long: 9000 tokens > 8192 maximum",
        ),
    ],
)
def test_an_overflow_at_an_openai_shaped_provider_reaches_anthropics_clients_in_their_words(
    upstream: str, message: str
) -> None:
    """Row 16, across dialects."""
    answer = {"error": {"message": upstream, "code": "context_length_exceeded"}}
    error = openai_chat.upstream_error(400, json.dumps(answer).encode())
    assert at(body(error), "error", "message") == message


@pytest.mark.parametrize(
    ("message", "prompt", "answer", "context"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", 210_000, None, 200_000),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, "
            "decrease input length or `max_tokens` and try again",
            190_000,
            20_000,
            200_000,
        ),
    ],
)
def test_an_overflow_at_an_anthropic_shaped_provider_reaches_openais_clients_in_theirs(
    message: str, prompt: int, answer: int | None, context: int
) -> None:
    """Row 16, the other way; and back in the very words that the provider used."""
    error = upstream_error(400, told("invalid_request_error", message))
    assert isinstance(error, ContextExceeded)
    assert (error.prompt, error.max_tokens, error.context) == (prompt, answer, context)
    assert at(json.loads(openai_body(error)), "error", "code") == "context_length_exceeded"
    assert at(body(error), "error", "message") == message


def test_an_overflow_without_numbers_keeps_its_meaning() -> None:
    error = upstream_error(400, told("invalid_request_error", "Prompt is too long"))
    assert error.code == "context_length_exceeded"


def test_what_the_caller_can_mend_passes_with_the_public_models_name() -> None:
    message = (
        "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for claude-up"
    )
    error = upstream_error(
        400,
        told("invalid_request_error", message),
        upstream_model="claude-up",
        public_model="author/model",
    )
    assert isinstance(error, UpstreamError)
    assert (error.status, error.param, error.retryable) == (400, "max_tokens", False)
    assert error.message.endswith("tokens for author/model")


def test_a_thought_of_another_endpoint_is_known_by_its_code() -> None:
    """Row 18: who fails over can leave the thoughts out and ask once more."""
    message = "messages.1.content.0: Invalid `signature` in `thinking` block"
    assert upstream_error(400, told("invalid_request_error", message)).code == THINKING_SIGNATURE


@pytest.mark.parametrize(
    ("status", "kind", "code", "outward"),
    [
        (401, "authentication_error", "upstream_auth", 502),
        (402, "billing_error", "upstream_quota", 503),
        (403, "permission_error", "upstream_auth", 502),
        (404, "not_found_error", "upstream_model_not_found", 502),
        (429, "rate_limit_error", "rate_limit_exceeded", 429),
        (500, "api_error", "upstream_error", 502),
        (504, "timeout_error", "upstream_timeout", 504),
        (529, "overloaded_error", "upstream_overloaded", 503),
    ],
)
def test_the_houses_own_faults_are_said_as_such(
    status: int, kind: str, code: str, outward: int
) -> None:
    secret = "key sk-ant-api03-abcdef of org-1234 at https://api.anthropic.com"
    error = upstream_error(status, told(kind, secret), retry_after_s=7)
    assert isinstance(error, UpstreamError)
    assert (error.status, error.code, error.retryable) == (outward, code, True)
    assert "sk-ant" not in error.message
    assert error.retry_after_s == 7
    inside = in_band_error(told(kind, secret))
    assert (inside.status, inside.code) == (outward, code)


def test_a_house_without_credit_at_its_provider_is_not_the_callers_fault() -> None:
    message = "Your credit balance is too low to access the Anthropic API."
    error = upstream_error(400, told("invalid_request_error", message))
    assert (error.status, error.code) == (503, "upstream_quota")


def test_a_request_that_is_too_large_for_the_provider_is_the_callers_to_mend() -> None:
    error = upstream_error(413, told("request_too_large", "Request exceeds the maximum size"))
    assert (error.status, at(body(error), "error", "type")) == (413, "request_too_large")


@pytest.mark.parametrize(
    "answer", [b"", b"<html>Bad</html>", b"[]", b"{", b'{"error":"no"}', b"\xff"]
)
def test_no_answer_of_a_provider_breaks_the_reading(answer: bytes) -> None:
    for status in (300, 400, 418, 500, 599):
        error = upstream_error(status, answer)
        assert isinstance(error, UpstreamError)
        assert "<html" not in error.message


@pytest.mark.parametrize("code", ["thread_unsupported_request", "thread_not_found"])
def test_a_refused_thread_is_told_so_that_sdks_send_everything(code: str) -> None:
    shown = body(CallerError("thread: no.", param="thread", code=code))
    assert at(shown, "error", "details", "error_code") == code
    assert ("unsupported" in at(shown, "error", "details")) == (code != "thread_not_found")
