"""Every page: that it is there, that it is HTML, safe and small, and that its links lead somewhere."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

import pytest

from tests.pages.houses import MODELS, ROWS, Elements, every_page, paged, valid_html
from tokenhouse.pages.static import Static

BUDGET = 60 * 1024


async def test_every_page_is_valid_html_within_its_budget(tmp_path: Path) -> None:
    static = Static()
    async with paged(tmp_path) as (_, client):
        for path in every_page():
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            valid_html(answer.text)
            elements = Elements(answer.text)
            assert len(elements.ids) == len(set(elements.ids)), path
            assert len(elements.every("h1")) == 1, path
            assert elements.every("html")[0]["lang"] == "en"
            loaded = [each["src"] for each in elements.every("script") if "src" in each]
            loaded += [e["href"] for e in elements.every("link") if e["rel"] == "stylesheet"]
            sizes = [len(static.files[url.split("/", 3)[3]].body) for url in loaded]
            assert len(answer.content) <= BUDGET, path
            zipped = len(gzip.compress(answer.content)) + sum(sizes)
            assert zipped <= BUDGET, f"{path}: {zipped} bytes with its style and scripts"


async def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, client):
        known: dict[str, str] = {}
        waiting = {("/", "")}
        while waiting:
            path, anchor = waiting.pop()
            if path not in known:
                answer = await client.get(path)
                assert answer.status_code == 200, path
                known[path] = answer.text if "html" in answer.headers["content-type"] else ""
                for tag, attributes in Elements(known[path]).tags:
                    url = attributes.get("href") or attributes.get("src") or ""
                    absolute, to = urldefrag(urljoin(running.url + path, url))
                    if tag in ("a", "link", "script") and absolute.startswith(running.url):
                        waiting.add((absolute.removeprefix(running.url) or "/", to))
                waiting -= {(seen, "") for seen in known}
            if anchor:
                assert anchor in Elements(known[path]).ids, f"{path}#{anchor}"
                waiting.discard((path, anchor))
        assert {f"/models/{id}" for id in MODELS} <= set(known)


async def test_no_page_has_a_script_or_style_of_its_own_and_all_forbid_them(tmp_path: Path) -> None:
    async with paged(tmp_path) as (_, client):
        for path in (*every_page(), "/nowhere", "/models/acme/echo.md", "/llms.txt"):
            answer = await client.get(path, headers={"origin": "https://elsewhere.example"})
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "access-control-allow-origin" not in answer.headers
            assert "set-cookie" not in answer.headers
            elements = Elements(answer.text) if "html" in answer.headers["content-type"] else None
            for tag, attributes in elements.tags if elements else ():
                assert "style" not in attributes, path
                assert not [name for name in attributes if name.startswith("on")], path
                assert tag != "style", path
                if tag == "script" and "src" not in attributes:
                    assert attributes["type"] == "application/ld+json", path


async def test_what_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    async with paged(tmp_path) as (_, client):
        for path in ("/models/acme/echo", "/models/acme/echo.md", "/llms.txt", "/models?q=echo"):
            first = await client.get(path)
            tag = first.headers["etag"]
            assert first.headers["cache-control"] == "no-cache"
            again = await client.get(path, headers={"if-none-match": f'"other", {tag}'})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert (await client.get(path, headers={"if-none-match": '"x"'})).status_code == 200
            head = await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            plain = await client.get(path, headers={"accept-encoding": "identity"})
            assert "content-encoding" not in plain.headers
            assert plain.text == first.text


async def test_static_files_are_kept_for_ever_by_their_true_version(tmp_path: Path) -> None:
    async with paged(tmp_path) as (_, client):
        static = Static()
        for name in static.files:
            answer = await client.get(static.url(name))
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
            assert answer.content == static.files[name].body
        older = await client.get("/static/000000000000/app.css")
        assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")
        for path in ("/static/x/../pages.py", "/static/x/nothing.js", "/static/x/%2e%2e/site.py"):
            assert (await client.get(path)).status_code == 404


async def test_pages_are_only_read_and_unknown_ones_are_said_to_be(tmp_path: Path) -> None:
    async with paged(tmp_path) as (_, client):
        assert (await client.post("/models", content=b"{}")).status_code == 405
        for path in ("/nowhere", "/models/acme/nothing", "/models/nobody", "/models/a/b/c/d"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
            valid_html(answer.text)
        assert (await client.get("/v1/nothing")).json()["error"]["code"] == "unknown_path"
        assert (await client.get("/api/nothing")).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/models/mistralai/acme-echo", "/models/acme/echo"),
        ("/models/open_router/acme-echo.md", "/models/acme/echo.md"),
        ("/models/open_router/acme-echo/api", "/models/acme/echo/api"),
        ("/models/open_router/acme-echo/api.md", "/models/acme/echo/api.md"),
        ("/models/open_router/acme-echo/llms.txt", "/models/acme/echo/llms.txt"),
        ("/models/ACME/Echo", "/models/acme/echo"),
        (
            "/models/mistralai/mistralai-mistral-small-3.1-24b-instruct/api.md",
            "/models/mistralai/mistral-small-3.1-24b-instruct/api.md",
        ),
        (
            "/models/mistralai/Mistral-Small-3.1-24B-Instruct-2503",
            "/models/mistralai/mistral-small-3.1-24b-instruct",
        ),
        ("/models/category/llmaster", "/models"),
    ],
)
async def test_other_forms_of_a_models_address_lead_to_it(
    tmp_path: Path, asked: str, found: str
) -> None:
    async with paged(tmp_path) as (_, client):
        answer = await client.get(asked)
        assert (answer.status_code, answer.headers["location"]) == (301, found)
        assert (await client.get(found)).status_code == 200


async def test_any_address_is_answered(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, _):
        for target in (
            b"/models/?q=%C3%A9&x=%FF",
            b"//elsewhere.example/",
            b"/models//",
            b"/models/acme/echo%00.md",
            b"/%ff%fe",
            b"/static//",
            b"/static/x/%2e%2e/%2e%2e/pages.py",
            b"/models/" + b"a/" * 500,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(b"GET " + target + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            async with asyncio.timeout(30):
                head = (await reader.read()).split(b"\r\n\r\n")[0]
            writer.close()
            await writer.wait_closed()
            status = int(head.split()[1])
            assert status in (302, 404), (target, head)
            if b"q=" in target:
                assert b"location: /models?q=%C3%A9&x=%FF" in head


async def test_every_model_has_markdown_with_front_matter_and_the_same_facts(
    tmp_path: Path,
) -> None:
    async with paged(tmp_path) as (running, client):
        for id in MODELS:
            markdown = (await client.get(f"/models/{id}.md")).text
            html = (await client.get(f"/models/{id}")).text
            _, front, body = markdown.split("---\n", 2)
            fields = dict(line.split(": ", 1) for line in front.strip().splitlines())
            assert set(fields) == {
                *("title", "description", "url", "canonical", "type", "generated_at")
            }
            address = f"{running.house.config.server.public_url}/models/{id}"
            assert json.loads(fields["canonical"]) == address
            assert json.loads(fields["url"]) == f"{address}.md"
            assert fields["type"] == "product"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", fields["generated_at"])
            model = running.house.catalogue.resolve(id)
            for fact in (model.id, model.name, f"{model.context_length:,}"):
                assert fact in body
                assert fact in html
            short = (await client.get(f"/models/{id}/llms.txt")).text
            assert short.startswith(f"# {model.name}\n")
            asked = await client.get(f"/models/{id}", headers={"accept": "text/markdown"})
            assert asked.headers["content-type"] == "text/markdown; charset=utf-8"
            assert asked.text.split("---\n", 2)[2] == body


async def test_the_index_and_the_sitemap_name_every_page(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, client):
        site = running.house.config.server.public_url
        index = (await client.get("/llms.txt")).text
        for path in re.findall(rf"\({re.escape(site)}([^)]*)\)", index):
            assert (await client.get(path)).status_code == 200, path
        assert "`acme/echo`, $0.35 in, $0.56 out per 1M tokens" in index
        assert "forge/known-only" not in index  # known, but not offered
        tree = ElementTree.fromstring((await client.get("/sitemap.xml")).text)
        listed = [each.text or "" for each in tree.iter() if each.tag.endswith("loc")]
        paths = [url.removeprefix(site) for url in listed]
        assert set(every_page()) == set(paths)
        assert f"Sitemap: {site}/sitemap.xml" in (await client.get("/robots.txt")).text


async def test_search_engines_are_told_the_price_that_bills(tmp_path: Path) -> None:
    async with paged(tmp_path) as (_, client):
        html = (await client.get("/models/acme/echo")).text
        block = re.search(r'<script type="application/ld\+json">(.*?)</script>', html)
        assert block is not None
        told = json.loads(block[1])
        assert [offer["price"] for offer in told["offers"]] == ["0.35", "0.56"]
        assert '<meta property="og:type" content="product">' in html
        card = re.search(r'<meta property="og:image" content="([^"]+)">', html)
        assert card is not None
        picture = await client.get(urlsplit(card[1]).path)
        assert picture.headers["content-type"] == "image/png"


async def test_what_a_house_does_not_have_is_not_shown(tmp_path: Path) -> None:
    async with paged(tmp_path) as (_, client):
        known = (await client.get("/models/forge/known-only")).text
        assert "so it is not offered" in known
        assert "Quick start" not in known
        gift = (await client.get("/models/acme/gift:free")).text
        assert "Calls functions" not in gift
        assert "data-calculator" not in gift
        assert "no data yet" in gift
        echo = (await client.get("/models/acme/echo")).text
        assert "Reads images" in echo
        assert "Calls functions" in echo
        assert "Guild &amp; Sons" in echo
        assert 'href="https://help.example/"' in echo


async def test_live_figures_come_from_real_requests(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, client):
        body = {
            "model": "acme/echo",
            "messages": [{"role": "user", "content": "one two three four five six"}],
            "stream": True,
        }
        key = {"authorization": f"Bearer {running.key}"}
        asked = await client.post("/v1/chat/completions", json=body, headers=key)
        assert asked.status_code == 200
        page = (await client.get("/models/acme/echo")).text
        assert "<dd>100%</dd>" in page
        assert "1 request in the last day" in page
        assert 'class="answered"' in page
        markdown = (await client.get("/models/acme/echo.md")).text
        assert "| Uptime | 100% |" in markdown


async def test_a_long_catalogue_keeps_every_page_within_its_budget(tmp_path: Path) -> None:
    many = "".join(
        f"""
[[models]]
id = "acme/model-with-a-rather-long-name-{number}-instruct"
name = "Acme: A model with a rather long name {number}"
description = "{"It does this and that, as well as it can. " * 5}"
context_length = 128000
open_weights = true
price = {{ input = "1.{number:03}", output = "3.{number:03}" }}
routes = [ {{ provider = "fake" }} ]
"""
        for number in range(300)
    )
    async with paged(tmp_path, ROWS.replace("[plans.pro]", f"{many}\n[plans.pro]")) as (_, client):
        for path in ("/models", "/models/acme", "/pricing", "/", "/models/acme/echo"):
            first = await client.get(path)
            assert len(first.content) <= BUDGET, path
            valid_html(first.text)
        assert "Page 1 of 8" in (await client.get("/models")).text
        assert "Page 3 of 3" in (await client.get("/pricing?page=3")).text
        last = (await client.get("/models/acme?page=99")).text
        assert "Page 8 of 8" in last
        assert 'rel="next"' not in last
