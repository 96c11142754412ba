"""Requests on their way to a provider that speaks Messages, in the lossless lane."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.wire.anthropic_bodies import RESULT, TOOL, USE, USER, Json, body, said
from tokenhouse.errors import CallerError
from tokenhouse.wire.anthropic_messages import (
    PRICED,
    PRICED_BETAS,
    check_version,
    parse,
    parse_count,
    priced_words,
    upstream_body,
    upstream_count_body,
    upstream_version,
)

NEW = "2026-10-21"
OLD = "2023-06-01"


def edited(data: bytes, *, version: str | None = None, **options: object) -> Json:
    request = parse(data, version=version)
    return json.loads(upstream_body(request, model="up", **options))  # pyright: ignore[reportArgumentType]


def test_unknown_fields_survive_byte_for_byte() -> None:
    odd = b'{ "a" : [1.10, 1e3, "\\u00e9", {"deep":null} ] }'
    data = body()[:-1] + b',"x_odd":' + odd + b"}"
    assert b'"x_odd":' + odd in upstream_body(parse(data), model="u")


def test_our_own_fields_go_and_the_model_is_the_providers() -> None:
    data = body(key="sk-secret", model_id="x", streaming=False, stream=True)
    assert edited(data) == {"model": "up", "max_tokens": 9, "messages": [USER], "stream": True}
    assert edited(body(streaming=True))["stream"] is True


def test_a_lowered_max_tokens_and_the_models_prompt_go_in() -> None:
    sent = edited(body(), max_tokens=5, system_prompt="Be kind.")
    assert (sent["max_tokens"], sent["system"]) == (5, "Be kind.")
    assert edited(body(system="Mine"), system_prompt="Be kind.")["system"] == "Mine"


def test_defaults_fill_what_the_client_left_out() -> None:
    defaults = {"temperature": 1.5, "top_p": 0.9, "top_k": 40.0, "min_p": 0.1}
    sent = edited(body(), version=OLD, defaults=defaults)
    assert (sent["temperature"], sent["top_k"]) == (1.0, 40)
    assert not sent.keys() & {"top_p", "min_p"}
    sent = edited(body(top_p=0.5, temperature=None), version=OLD, defaults=defaults)
    assert (sent["top_p"], sent["temperature"]) == (0.5, None)
    thinking = {"type": "adaptive"}
    assert "temperature" not in edited(body(thinking=thinking), version=OLD, defaults=defaults)


def test_no_sampling_goes_up_under_a_version_that_refuses_it() -> None:
    sent = edited(body(temperature=0.5, top_k=3), version=NEW, defaults={"top_p": 0.5})
    assert not sent.keys() & {"temperature", "top_p", "top_k"}


def test_a_version_that_refuses_sampling_says_so_in_the_apis_words() -> None:
    with pytest.raises(CallerError) as caught:
        check_version(parse(body(temperature=1), version=NEW))
    assert str(caught.value) == "temperature: Extra inputs are not permitted"
    check_version(parse(body(temperature=1), version=OLD))
    check_version(parse(body(temperature=1)))
    check_version(parse(body(), version="2031-01-01"))


def test_the_clients_own_version_goes_up_and_never_another() -> None:
    for version in (OLD, NEW, "2031-01-01"):
        assert upstream_version(parse(body(), version=version)) == version
    assert upstream_version(parse(body())) == OLD


def test_the_nonce_block_goes_to_anthropic_byte_for_byte() -> None:
    """gateways.md row 14: stripped for every other upstream, forwarded to this one."""
    system = b'[{"type":"text","text":"x-anthropic-billing-header: cc_version=2; cch=1;"}]'
    data = body()[:-1] + b',"system":' + system + b"}"
    assert b'"system":' + system in upstream_body(parse(data), model="u")


def test_signed_thoughts_go_up_verbatim_and_unsigned_ones_never() -> None:
    """gateways.md row 18, and the second try without thoughts after a refused signature."""
    signed: Json = {"type": "thinking", "thinking": "Hm", "signature": "EqQB=="}
    unsigned: Json = {"type": "thinking", "thinking": "Oh", "signature": ""}
    sealed: Json = {"type": "redacted_thinking", "data": "c2Vj"}
    text: Json = {"type": "text", "text": "So"}
    data = body(USER, said(signed, unsigned, sealed, text, role="assistant"), USER)
    sent = json.loads(upstream_body(parse(data), model="up"))
    assert sent["messages"] == [USER, said_list(signed, sealed, text), USER]
    sent = json.loads(upstream_body(parse(data), model="up", keep_thoughts=False))
    assert sent["messages"] == [USER, said_list(text), USER]
    lone = body(USER, said(unsigned, role="assistant"), USER)
    assert json.loads(upstream_body(parse(lone), model="up"))["messages"] == [USER, USER]
    kept = body(USER, said(signed, text, role="assistant"), USER)
    raw = msgspec.json.decode(kept, type=dict[str, msgspec.Raw])
    assert b'"messages":' + bytes(raw["messages"]) in upstream_body(parse(kept), model="up")


def said_list(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def test_a_count_goes_up_with_the_fields_that_a_counter_takes() -> None:
    """gateways.md row 25: system and tools are counted with the messages."""
    data = body(
        system="S", tools=[TOOL], temperature=1, stream=True, metadata={"user_id": "u"}, x_odd=1
    )
    sent = json.loads(upstream_count_body(parse_count(data), model="up"))
    assert sent == {"model": "up", "messages": [USER], "system": "S", "tools": [TOOL]}


HARMLESS: Json = {
    "service_tier": "standard_only",
    "speed": "standard",
    "inference_geo": "global",
    "mcp_servers": [],
    "fallbacks": [],
    "container": None,
    "cache_control": {"type": "ephemeral", "ttl": "5m"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "safeguards": [{"type": "dangerous_tool_use"}],
    "diagnostics": {"previous_message_id": None},
}


def test_what_costs_nothing_more_is_no_priced_word() -> None:
    betas = [
        "claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27",
        "mid-conversation-tool-changes-2026-07-01", "advanced-tool-use-2025-11-20",
    ]  # fmt: skip
    tools: list[Json] = [TOOL, {"type": "bash_20250124", "name": "bash"}]
    assert priced_words(parse(body(**HARMLESS, tools=tools), betas=betas)) is None


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"service_tier": "priority"}, "service_tier"),
        ({"speed": "fast"}, "speed"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"container": {"id": "c"}}, "container"),
        ({"mcp_servers": [{"type": "url", "url": "https://example.org"}]}, "mcp_servers"),
        ({"fallbacks": [{"model": "x"}]}, "fallbacks"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "cache_control.ttl"),
        (
            {"context_management": {"edits": [{"type": "compact_20260112"}]}},
            "context_management.compact",
        ),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "web_search_20250305"),
        ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "s"}]}, "mcp_toolset"),
        (
            {"system": [{"type": "text", "text": "a", "cache_control": {"ttl": "1h"}}]},
            "cache_control.ttl",
        ),
    ],
)
def test_a_priced_word_is_found_unless_it_is_allowed(fields: Json, word: str) -> None:
    request = parse(body(**fields))
    assert priced_words(request) == word
    assert priced_words(request, {word}) is None


def test_priced_words_are_found_in_blocks_and_in_betas() -> None:
    stored: Json = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    assert priced_words(parse(body(said(stored)))) == "source.file_id"
    upload: Json = {"type": "container_upload", "file_id": "file_1"}
    assert priced_words(parse(body(said(upload)))) == "container_upload"
    cached = RESULT | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    data = body(USER, said(USE, role="assistant"), said(cached))
    assert priced_words(parse(data)) == "cache_control.ttl"
    for name in PRICED_BETAS:
        request = parse(body(), betas=[f"{name}-2026-01-01"])
        assert priced_words(request) == name
        assert priced_words(request, {name}) is None


def test_every_priced_field_is_found() -> None:
    for word in sorted(PRICED):
        if "." not in word:
            assert priced_words(parse(body(**{word: "something"}))) == word
