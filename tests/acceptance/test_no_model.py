"""A house whose models can't run: the refusal says what it waits for, named or not."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.asking import http
from tests.support.house import serving

ROWS = """
[catalogue]
shipped = false

[[models]]
id = "acme/absent"
weights = "absent.gguf"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "local" } ]
"""


async def test_without_a_model_named_or_ready_it_is_503_and_names_the_mend(tmp_path: Path) -> None:
    async with serving(tmp_path, ROWS) as running, http(running) as client:
        for model in ({}, {"model": "acme/absent"}):
            got = await client.post(
                "/v1/chat/completions",
                json={**model, "messages": [{"role": "user", "content": "hi"}]},
            )
            assert got.status_code == 503
            error = got.json()["error"]
            assert error["code"] == "model_not_ready"
            assert "absent.gguf" in error["message"]
            assert str(tmp_path) not in got.text
        assert (await client.get("/v1/models")).json()["data"] == []
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "waiting")
        await running.clean()
