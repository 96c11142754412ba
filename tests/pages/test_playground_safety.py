"""A model's answer can do no harm, and what the playground loads is little."""

from __future__ import annotations

import gzip
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Request, expect

from tests.pages.houses import paged
from tests.pages.visitors import play, say
from tests.support import answers
from tests.support.browser import chromium, visiting
from tokenhouse.pages.static import Static

BUDGET = 60 * 1024
HARMFUL = """\
<script>window.harmed = 1</script>
<img src=x onerror="window.harmed = 1"> <svg onload="window.harmed = 1"></svg>
<iframe src="https://evil.example/"></iframe> <style>body { display: none }</style>

[a](javascript:window.harmed=1) [b](java\tscript:window.harmed=1) [c](JaVaScRiPt:window.harmed=1)
[d](data:text/html,<script>window.harmed=1</script>) [e](vbscript:x) [f](/relative) [g](//evil.example)
![tracked](https://tracker.example/pixel.png) ![inner](data:image/svg+xml,<svg/>)
<javascript:window.harmed=1> [h](https://good.example/?a="b) <https://fine.example/x>
`<b onmouseover=alert(1)>` **<i onclick="x">bold</i>**

```html
<script>window.harmed = 1</script>
```

| <script>x</script> | [z](javascript:x) |
|---|---|
| <img src=x onerror=alert(1)> | https://bare.example/path. |

[deep [deeper [deepest](https://one.example)](https://two.example)](javascript:x)
"""


async def test_an_answer_runs_nothing_loads_nothing_and_leads_to_the_web_only(
    tmp_path: Path,
) -> None:
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        loaded: list[str] = []

        def note(request: Request) -> None:
            loaded.append(request.url)

        page.on("request", note)
        up.script(answers.said(HARMFUL))
        await say(page, HARMFUL)
        log = page.get_by_role("log")
        await expect(log.get_by_text("Receipt")).to_be_visible()
        assert await page.evaluate("window.harmed") is None
        for tag in ("script", "img", "svg", "iframe", "style", "i", "b", "object"):
            assert await log.locator(tag).count() == 0, tag
        links = await log.locator("a").evaluate_all("all => all.map((a) => [a.href, a.rel])")
        assert [href for href, _ in links if not href.startswith("https://")] == []
        assert {urlsplit(href).hostname for href, _ in links} >= {"fine.example", "bare.example"}
        assert {rel for _, rel in links} == {"nofollow noopener noreferrer"}
        handlers = (
            "all => all.flatMap((e) => e.getAttributeNames()).filter((n) => n.startsWith('on'))"
        )
        assert await log.locator("*").evaluate_all(handlers) == []
        assert [url for url in loaded if not url.startswith(running.url)] == []
        assert [url for url in loaded if running.key in url] == []
        assert visit.wrong == []


async def test_what_it_loads_is_within_the_budget_of_a_page(tmp_path: Path) -> None:
    static = Static()
    async with paged(tmp_path) as (running, client), chromium() as browser:
        for path in ("/playground", "/models/acme/echo"):
            async with visiting(browser) as visit:
                loaded: list[str] = []
                visit.page.on("request", lambda request, urls=loaded: urls.append(request.url))
                await visit.to(running.url + path)
                await visit.page.locator("#playground[data-ready]").wait_for()
                files = {urlsplit(url).path for url in loaded if "/static/" in url}
                sizes = [len(_zipped(static, file)) for file in files]
                page = len(gzip.compress((await client.get(path)).content))
                assert len(files) > 10
                assert page + sum(sizes) <= BUDGET, f"{path}: {page + sum(sizes)} bytes"
                assert visit.wrong == []


def _zipped(static: Static, path: str) -> bytes:
    answer = static.files[path.split("/", 3)[3]]
    return answer.zipped or answer.body


async def test_markdown_becomes_what_it_says(tmp_path: Path) -> None:
    text = (
        "# One\n### Three\nA *b* **c** ~~d~~ `e` 2 * 3 * 4 snake_case_word\n\n"
        "1. x\n2. y\n   - z\n\n> q\n\n---\n\n| a | b |\n|--|--:|\n| 1 | 2 |\n\n"
        "```python\ndef f(): return 'x' # note\n```"
    )
    async with play(tmp_path) as (visit, _, up):
        up.script(answers.said_in_pieces(list(text)))
        await say(visit.page, "Show")
        log = visit.page.get_by_role("log")
        await expect(log.get_by_text("Receipt")).to_be_visible()
        tree = await log.locator(".pg-markdown").evaluate(
            "(e) => [...e.querySelectorAll('h3,h4,em,strong,del,p > code,li,blockquote,hr,th,td,span')]"
            ".map((n) => `${n.className || n.tagName.toLowerCase()}:${n.textContent}`)"
        )
        assert tree == [
            *("h3:One", "h4:Three", "em:b", "strong:c", "del:d", "code:e"),
            *("li:x", "li:yz", "li:z", "blockquote:q", "hr:", "th:a", "n:b", "td:1", "n:2"),
            *("k:def", "k:return", "s:'x'", "c:# note"),
        ]
        assert "2 * 3 * 4 snake_case_word" in await log.inner_text()
