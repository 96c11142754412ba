"""Ids of calls and names of tools: what each side takes, and back again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.wire.tool_ids import (
    ANTHROPIC_NAME_MOST,
    OPENAI_NAME_MOST,
    IdStyle,
    ToolIds,
    names_back,
    safe_name,
    style_of,
)

PATTERNS: dict[IdStyle, re.Pattern[str]] = {
    "openai": re.compile(r"[a-zA-Z0-9_-]{1,40}\Z"),
    "anthropic": re.compile(r"toolu_[a-zA-Z0-9_-]{1,58}\Z"),
    "mistral": re.compile(r"[a-zA-Z0-9]{9}\Z"),
}
STYLES = st.sampled_from(sorted(PATTERNS))
STEMS = st.text("abXY019_-", max_size=12) | st.from_regex(r"[a-zA-Z0-9]{9}\Z")
IDS = (
    st.text(max_size=60)
    | STEMS
    | STEMS.map(lambda stem: "call_" + stem)
    | STEMS.map(lambda stem: "toolu_" + stem)
)


@given(STYLES, st.lists(IDS, max_size=12))
def test_every_id_takes_its_sides_form_and_no_two_are_alike(
    style: IdStyle, given_ids: list[str]
) -> None:
    ids = ToolIds(style)
    made = [ids.map(one) for one in given_ids]
    assert all(PATTERNS[style].match(one) for one in made)
    assert len(set(made)) == len(set(given_ids))
    again = ToolIds(style)
    assert [again.map(one) for one in given_ids] == made


@given(STYLES, st.lists(IDS, max_size=6), st.lists(IDS, max_size=6))
def test_later_ids_never_change_earlier_ones(
    style: IdStyle, first: list[str], later: list[str]
) -> None:
    short, long = ToolIds(style), ToolIds(style)
    assert [short.map(one) for one in first] == [long.map(one) for one in first + later][
        : len(first)
    ]


@pytest.mark.parametrize(
    ("upstream", "upstream_id"),
    [
        ("openai", "call_9fRdQ2vYyyzO1JqvTGdvNxyz"),
        ("openai", "abcdEF123"),  # a Mistral behind vLLM
        ("mistral", "abcdEF123"),
        ("anthropic", "toolu_01A09q90qw90lq917835lq9"),
    ],
)
@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_an_upstreams_id_comes_back_to_it_as_it_wrote_it(
    upstream: IdStyle, upstream_id: str, client: IdStyle
) -> None:
    shown = ToolIds(client).map(upstream_id)
    assert PATTERNS[client].match(shown)
    assert ToolIds(upstream).map(shown) == upstream_id


def test_two_ids_with_one_stem_stay_apart() -> None:
    ids = ToolIds("openai")
    assert ids.map("call_one") == "call_one"
    assert ids.map("toolu_one") != "call_one"
    assert ids.map("call_one") == "call_one"


@given(st.text(max_size=200), st.sampled_from([OPENAI_NAME_MOST, ANTHROPIC_NAME_MOST]))
def test_every_name_becomes_one_that_may_be_sent_and_back(name: str, most: int) -> None:
    made = safe_name(name, most)
    assert re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{most}}}", made)
    assert names_back([name], most).get(made, made) == name
    assert safe_name(made, most) == made


def test_a_good_name_is_left_alone_and_a_long_one_is_told_from_its_twin() -> None:
    assert names_back(["f", "get_weather", "a" * 64], OPENAI_NAME_MOST) == {}
    long = "mcp__a_server_with_a_long_name__" + "x" * 60
    assert safe_name(long + "1", OPENAI_NAME_MOST) != safe_name(long + "2", OPENAI_NAME_MOST)


def test_mistrals_are_told_by_their_names() -> None:
    assert style_of("mistralai/Mistral-Small-3.1-24B-Instruct-2503") == "mistral"
    assert style_of("devstral-2512") == "mistral"
    assert style_of("gpt-5") == "openai"
