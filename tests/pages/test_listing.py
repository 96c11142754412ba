"""The catalogue's search, filters and sort: by query string, with and without nonsense in it."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pages.houses import Elements, paged
from tokenhouse.catalogue import Model, Price
from tokenhouse.pages.facts import Facts
from tokenhouse.pages.listing import CONTEXTS, PAGE_LENGTH, PRICES, SORTS, find, search_of
from tokenhouse.pages.site import Site

SITE = Site(name="House", url="http://house")


def facts(id: str, **words: object) -> Facts:
    base: dict[str, object] = {
        "id": id,
        "name": id.title(),
        "author": id.partition("/")[0],
        "slug": id.partition("/")[2],
        "context_length": 8000,
        "max_output_tokens": 100,
        "price": Price(input=350_000, output=560_000),
    }
    return Facts(Model(**{**base, **words}), True, SITE, None)  # type: ignore[arg-type]


SHELF = (
    facts("acme/echo", input_modalities=("text", "image"), capabilities=frozenset({"tools"})),
    facts("acme/gift", price=Price(input=0, output=0, free=True), aliases=("present",)),
    facts(
        "forge/long",
        context_length=1_000_000,
        open_weights=True,
        added=datetime.date(2026, 5, 1),
        capabilities=frozenset({"tools", "json"}),
        price=Price(input=2_000_000, output=9_000_000),
    ),
    facts("forge/unpriced", price=None, description="For sums and for poems."),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"", "acme/echo acme/gift forge/long forge/unpriced"),
        (b"feature=llmaster", "acme/echo acme/gift forge/long forge/unpriced"),
        (b"q=ECHO", "acme/echo"),
        (b"q=present", "acme/gift"),
        (b"q=poems+sums", "forge/unpriced"),
        (b"q=nothing", ""),
        (b"author=forge", "forge/long forge/unpriced"),
        (b"reads=image", "acme/echo"),
        (b"reads=smell", "acme/echo acme/gift forge/long forge/unpriced"),
        (b"capability=tools", "acme/echo forge/long"),
        (b"capability=tools&capability=json", "forge/long"),
        (b"context=32000", "forge/long"),
        (b"price=0.56", "acme/echo acme/gift"),
        (b"price=0.5", "acme/gift"),
        (b"price=cheap", "acme/echo acme/gift forge/long forge/unpriced"),
        (b"open=1", "forge/long"),
        (b"free=1", "acme/gift"),
        (b"sort=cheapest", "acme/gift acme/echo forge/long forge/unpriced"),
        (b"sort=dearest", "forge/long acme/echo acme/gift forge/unpriced"),
        (b"sort=newest", "forge/long acme/echo acme/gift forge/unpriced"),
        (b"sort=longest", "forge/long acme/echo acme/gift forge/unpriced"),
        (b"sort=name&author=acme", "acme/echo acme/gift"),
    ],
)
def test_a_query_finds_what_fits_in_the_order_asked_for(query: bytes, found: str) -> None:
    assert " ".join(each.model.id for each in find(SHELF, search_of(query)).facts) == found


@given(st.binary(max_size=80))
def test_any_query_is_answered(query: bytes) -> None:
    search = search_of(query)
    assert find(SHELF, search).total <= len(SHELF)
    assert search_of(search.query(page=search.page).lstrip("?").encode()) == search


def test_long_catalogues_come_in_pages() -> None:
    shelf = [facts(f"acme/m{number:03}") for number in range(2 * PAGE_LENGTH + 1)]
    seen: list[str] = []
    for page in (1, 2, 3):
        found = find(shelf, search_of(f"page={page}".encode()))
        assert (found.total, found.pages) == (2 * PAGE_LENGTH + 1, 3)
        seen += [each.model.id for each in found.facts]
    assert seen == [each.model.id for each in shelf]
    assert find(shelf, search_of(b"page=99")).page == 3


async def test_the_form_shows_what_was_asked_and_works_without_a_script(tmp_path: Path) -> None:
    async with paged(tmp_path) as (_, client):
        html = (await client.get("/models?q=echo&capability=tools&open=1&sort=name")).text
        elements = Elements(html)
        (form,) = elements.every("form")
        assert (form["action"], form["method"]) == ("/models", "get")
        inputs = {(each.get("name"), each.get("value")): each for each in elements.every("input")}
        assert ("q", "echo") in inputs
        assert "checked" in inputs["capability", "tools"]
        assert "checked" not in inputs["capability", "json"]
        assert "checked" in inputs["open", "1"]
        chosen = [each["value"] for each in elements.every("option") if "selected" in each]
        assert "name" in chosen
        offered = {each["value"] for each in elements.every("option")}
        assert {*SORTS, *(value for value, _ in CONTEXTS), *(value for value, _ in PRICES)} <= (
            offered
        )
        assert "1 model of 7" in html
