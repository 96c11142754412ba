"""What others wrote can do no harm on a page, and a key in an address is gone before anything sees it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.pages.houses import ROWS, Elements, paged, valid_html
from tokenhouse.pages.redact import redacted, without_keys
from tokenhouse.pages.render import clean, json_data

HARMFUL = """\
<script>alert(1)</script> <img src=x onerror=alert(1)> <svg onload=alert(1)>
[a](javascript:alert(1)) [b](data:text/html,x) ![c](https://tracker.example/x.png)
<a href="https://x.example" onclick="alert(1)">d</a> [fine](https://example.com) **bold**
"""


async def test_a_description_is_shown_without_what_could_run_or_load(tmp_path: Path) -> None:
    text = HARMFUL.replace("\n", "\\n").replace('"', '\\"')
    rows = ROWS.replace('"It says **what you said**. Then it stops."', f'"{text}"')
    async with paged(tmp_path, rows) as (_, client):
        for path in ("/models/acme/echo", "/models", "/models/acme", "/"):
            html = (await client.get(path)).text
            valid_html(html)
            elements = Elements(html)
            assert not elements.every("img")
            for tag, attributes in elements.tags:
                assert not [name for name in attributes if name.startswith("on")], path
                assert not attributes.get("href", "").startswith(("javascript:", "data:"))
                if tag == "script":
                    assert attributes.get("type") in (None, "module", "application/ld+json")
            assert "<img" not in html
        assert 'href="https://example.com"' in (await client.get("/models/acme/echo")).text


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<svg><script>alert(1)</script></svg>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="java\nscript:alert(1)">x</a>',
        '<a href="data:text/html;base64,x">x</a>',
        '<img src="https://tracker.example/x.png">',
        '<p onclick="alert(1)" style="x:y">x</p>',
        "<iframe src='https://x.example'></iframe>",
        "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
    ],
)
def test_html_by_others_is_cleaned(html: str) -> None:
    left = clean(html)
    for word in ("script", "onerror", "onclick", "style", "<img", "<svg", "iframe", "data:"):
        assert word not in left


def test_a_data_block_cannot_be_closed_from_inside() -> None:
    assert "<" not in json_data({"x": "</script><script>alert(1)//&"})


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"q=echo", None),
        (b"", None),
        (b"key=abc&q=echo", b"q=echo"),
        (b"q=echo&API_KEY=abc", b"q=echo"),
        (b"q=sk-th-abcdefghijkl", b""),
        (b"q=echo&x=see%20sk-th-abcdefghijkl", b"q=echo"),
        (b"sk-th-abcdefghijkl", b""),
    ],
)
def test_a_query_is_freed_of_keys(query: bytes, left: bytes | None) -> None:
    assert without_keys(query) == left


async def test_a_key_in_an_address_is_neither_shown_nor_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with paged(tmp_path) as (running, client):
        secret = running.key
        caplog.clear()  # the client's own lines would name the address
        logging.getLogger("httpx").setLevel(logging.ERROR)
        logging.getLogger("httpcore").setLevel(logging.ERROR)
        for path in (f"/models?q=echo&key={secret}", f"/?{secret}", f"/models?q={secret}"):
            answer = await client.get(path)
            assert answer.status_code == 302
            assert secret not in answer.headers["location"]
        for path in (f"/{secret}", f"/models/{secret}", f"/models/acme/{secret}"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert secret not in answer.text
        assert secret not in caplog.text
    assert redacted(f"GET /models?key={secret}") == "GET /models?key=[key]"
