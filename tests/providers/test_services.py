"""Known services are rows: addresses, words, refusals; each row is one that can be used."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import Request
from tokenhouse.providers import SERVICES, service_of
from tokenhouse.transport import Origin
from tokenhouse.wire.openai_chat import PLAIN, Quirks, Target, parse, upstream_body

_FIELDS: dict[str, Any] = {
    "frequency_penalty": 0.5,
    "logit_bias": {"5": 1},
    "logprobs": True,
    "max_completion_tokens": 9,
    "max_tokens": 9,
    "metadata": {"a": "b"},
    "min_p": 0.1,
    "n": 2,
    "seed": 7,
    "stop": ["x"],
    "stream": True,
    "stream_options": {"include_usage": False},
    "temperature": 0.5,
    "top_k": 5,
    "user": "me",
    "x_odd": [1],
}


def request(**fields: object) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **fields}
    return parse(json.dumps(body).encode())


def sent(quirks: Quirks, **fields: object) -> dict[str, Any]:
    return json.loads(upstream_body(request(**fields), Target("up", None, quirks)))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_row_has_an_address_and_is_found_by_its_name(service: Any) -> None:
    origin, path = Origin.parse(service.base_url)
    assert origin.port in (80, 443) or origin.host == "127.0.0.1"
    assert path in ("", "/v1") or path.endswith("/v1")
    assert service_of(service.name) is service
    assert service_of("", service.base_url) is service or origin.host == "127.0.0.1"


def test_rows_stand_in_the_order_of_their_names() -> None:
    names = [service.name for service in SERVICES]
    assert names == sorted(set(names))


def test_an_address_that_nobody_knows_is_taken_at_openais_word() -> None:
    assert service_of("", "https://llm.example.org/v1").quirks is PLAIN
    with pytest.raises(ValueError, match="vllm"):
        service_of("vlm")


@given(st.sampled_from(SERVICES), st.sets(st.sampled_from(sorted(_FIELDS))))
def test_a_service_is_never_sent_a_word_that_it_does_not_take(
    service: Any, words: set[str]
) -> None:
    quirks: Quirks = service.quirks
    fields = {word: _FIELDS[word] for word in words}
    asked = request(**fields)
    refused = quirks.refusal(asked)
    if refused is not None:
        assert refused in quirks.refused or (refused == "n" and quirks.one_choice)
        assert refused in words
        return
    body = json.loads(upstream_body(asked, Target("up", {"top_k": 40}, quirks)))
    assert not {*quirks.dropped, *quirks.refused, *quirks.renamed} & body.keys()
    if quirks.limit:
        other = {"max_tokens", "max_completion_tokens"} - {quirks.limit}
        assert not other & body.keys()
        assert (body.get(quirks.limit) == 9) == bool(
            {"max_tokens", "max_completion_tokens"} & words
        )
    streamed = "stream" in words
    options = body.get("stream_options")
    if not quirks.usage_option:
        assert options is None
    elif streamed:
        assert options["include_usage"] is True
        assert options.get("continuous_usage_stats", False) is quirks.running_usage
    if "seed" in words:
        assert body[quirks.renamed.get("seed", "seed")] == 7
    for kept in words & {"frequency_penalty", "stop", "temperature", "x_odd"}:
        assert body[kept] == _FIELDS[kept]


def test_a_field_without_a_wish_in_it_is_no_reason_to_refuse() -> None:
    mistral = service_of("mistral").quirks
    asked = {"logprobs": False, "logit_bias": {}, "top_k": None}
    assert mistral.refusal(request(**asked)) is None
    assert not asked.keys() & sent(mistral, **asked).keys()
    assert mistral.refusal(request(logprobs=True)) == "logprobs"


def test_what_has_no_quirks_is_encoded_as_it_always_was() -> None:
    asked = request(**_FIELDS)
    plain = upstream_body(asked, Target("up"))
    assert plain == upstream_body(asked, Target("up", None, PLAIN))
    assert msgspec.json.decode(plain)["x_odd"] == [1]
