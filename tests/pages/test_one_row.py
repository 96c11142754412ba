"""Page, Markdown, index, both model lists, ceiling and bill read one row: they change together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.pages.houses import ROWS, paged
from tests.support.house import Running
from tokenhouse.catalogue import ceiling
from tokenhouse.config import load
from tokenhouse.wire import openai_chat

OLD = """id = "tokenhouse/starter"
context_length = 4096
max_output_tokens = 1024
price = { input = "0.35", output = "0.56" }"""
NEW = OLD.replace('"0.35"', '"7.01"').replace('"0.56"', '"9.02"')
BODY = (
    b'{"model":"tokenhouse/starter","max_tokens":100,'
    b'"messages":[{"role":"user","content":"one two three four"}]}'
)


async def told(running: Running, client: httpx.AsyncClient) -> dict[str, Any]:
    """What each place says of the price, as dollars per 1M tokens where it is written so."""
    page = (await client.get("/models/tokenhouse/starter")).text
    markdown = (await client.get("/models/tokenhouse/starter.md")).text
    listed = (await client.get("/v1/models/tokenhouse/starter")).json()["pricing"]
    other = (await client.get("/api/v1/models")).json()["data"]
    row = next(each for each in other if each["id"] == "tokenhouse/starter")["pricing"]
    answer = await client.post(
        "/v1/chat/completions", content=BODY, headers={"authorization": f"Bearer {running.key}"}
    )
    usage = answer.json()["usage"]
    offer = running.house.relay.catalogue.offer("tokenhouse/starter")
    return {
        "page": [price for price in ("0.35", "7.01") if f"${price} <span" in page],
        "calculator": [rate for rate in ("350000", "7010000") if f"&#34;{rate}&#34;" in page],
        "markdown": [price for price in ("0.35", "7.01") if f"| Input | ${price} |" in markdown],
        "llms.txt": [
            price
            for price in ("0.35", "7.01")
            if f"`tokenhouse/starter`, ${price} in" in (await client.get("/llms.txt")).text
        ],
        "pricing": [
            price
            for price in ("0.35", "7.01")
            if f"| `tokenhouse/starter` | ${price} |" in (await client.get("/pricing.md")).text
        ],
        "v1": listed["prompt"],
        "api/v1": row["prompt"],
        "ceiling": ceiling(openai_chat.parse(BODY), offer).amount,
        "bill": usage["cost"],
        "tokens": (usage["prompt_tokens"], usage["completion_tokens"]),
    }


async def test_one_changed_price_is_seen_everywhere_at_once(tmp_path: Path) -> None:
    assert OLD in ROWS
    async with paged(tmp_path) as (running, client):
        before = await told(running, client)
        settings = tmp_path / "tokenhouse.toml"
        settings.write_text(ROWS.replace(OLD, NEW))
        running.house.reload(load(settings, tmp_path, default_data_dir=tmp_path, environ={}))
        after = await told(running, client)
        for place in ("page", "calculator", "markdown", "llms.txt", "pricing"):
            assert (len(before[place]), len(after[place])) == (1, 1), place
            assert before[place] != after[place], place
        assert (before["v1"], after["v1"]) == ("0.00000035", "0.00000701")
        assert (before["api/v1"], after["api/v1"]) == ("0.00000035", "0.00000701")
        prompt, answered = before["tokens"]
        assert after["tokens"] == (prompt, answered)
        assert round(before["bill"] * 1e9) == -(-(prompt * 350_000 + answered * 560_000) // 1000)
        assert round(after["bill"] * 1e9) == -(-(prompt * 7_010_000 + answered * 9_020_000) // 1000)
        assert before["ceiling"] >= round(before["bill"] * 1e9)
        assert after["ceiling"] >= round(after["bill"] * 1e9)
        assert after["ceiling"] > 10 * before["ceiling"]
