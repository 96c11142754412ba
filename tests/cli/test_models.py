from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.engine.tiny import write_gguf
from tests.support.house import serving
from tokenhouse.chat import estimate_tokens
from tokenhouse.cli_frame import Settings
from tokenhouse.cli_states import states
from tokenhouse.engine import derive_tekken, load_tekken
from tokenhouse.starter import tokenizer_path, weights_path


def test_models_lists_ids_and_prices(cli: Cli) -> None:
    head, *lines = cli("models").out.splitlines()
    columns = "model context input output runs at here fits state"
    assert head.split() == columns.split()
    shown = {line.split()[0]: line.split()[1:] for line in lines}
    assert shown["mistralai/mistral-small-3.1-24b-instruct"][:3] == ["131072", "$0.35", "$0.56"]


def test_models_as_json_are_the_rows_of_the_api(cli: Cli) -> None:
    rows = {row["id"]: row for row in cli("models", "--json").json}
    row = rows["mistralai/mistral-small-3.1-24b-instruct"]
    assert row["pricing"]["prompt"] == "0.00000035"
    assert row["context_length"] == 131072
    assert row["local"] is None
    assert rows["tokenhouse/starter"]["local"]["bytes"] == weights_path().stat().st_size
    assert rows["tokenhouse/starter"]["local"]["state"] == "on disk"


@pytest.mark.parametrize("text", ["", "Hello, house!", "नमस्ते दुनिया\n", "[INST] x [/INST]"])
def test_count_agrees_with_the_tokenizer(cli: Cli, text: str) -> None:
    expected = len(load_tekken(tokenizer_path()).encode(text))
    counted = cli("count", "--json", stdin=text).json
    assert counted == {"tokens": expected, "source": "counted", "model": "tokenhouse/starter"}
    file = cli.data.parent / "text.txt"
    file.write_text(text)
    assert cli("count", str(file)).out == f"{expected}\n"
    assert cli("count", "-", stdin=text).out == f"{expected}\n"


def test_count_without_the_tokenizer_says_that_it_estimates(cli: Cli) -> None:
    counted = cli("count", "--model", "mistral-small-3.1", "--json", stdin="Hello there").json
    assert counted["source"] == "estimated"
    assert counted["tokens"] == estimate_tokens("Hello there")
    assert "estimated" in cli("count", "--model", "mistral-small-3.1", stdin="Hello").out


def test_count_uses_the_tokenizer_that_serving_made_out_of_the_weights(cli: Cli) -> None:
    row = Settings(data=cli.data).load()
    directory = Path(row.engine.weights_dir)
    directory.mkdir(parents=True, exist_ok=True)
    (cli.data / "tokenhouse.toml").write_text(
        '[providers.local]\nkind = "engine"\n'
        '[[models]]\nid = "acme/made"\nweights = "made.gguf"\ntokenizer = "tekken-v7"\n'
        'price = { input = "1", output = "1" }\nroutes = [ { provider = "local" } ]\n'
    )
    weights = write_gguf(directory / "made.gguf")
    text = "नमस्ते दुनिया, tokens!"
    assert cli("count", "--model", "acme/made", "--json", stdin=text).json["source"] == "estimated"
    made = derive_tekken(weights, weights.with_name("made.tekken.json"))
    counted = cli("count", "--model", "acme/made", "--json", stdin=text).json
    assert counted["source"] == "counted"
    assert counted["tokens"] == len(load_tekken(made).encode(text))


def test_count_refuses_what_is_no_text_and_what_is_not_there(cli: Cli) -> None:
    assert "UTF-8" in cli("count", stdin=b"\xff\xfe", code=2).err
    assert "missing.txt" in cli("count", "missing.txt", code=1).err
    assert cli("--json", "count", "--model", "x/y", stdin="", code=5).error["code"]


async def test_models_say_what_the_running_server_has_loaded(cli: Cli) -> None:
    config = Settings(data=cli.data).load()
    assert states(config) is None
    async with serving(cli.data, "") as running:
        file = cli.data / "tokenhouse.toml"
        assert states(config) == {}, "another port"
        file.write_text(f"[server]\nport = {running.port}\n")
        [starter] = running.house.providing.eager
        await starter.wait_ready(60)
        rows = await asyncio.to_thread(lambda: cli("models", "--json").json)
        said = {row["id"]: row["local"] for row in rows}
        assert said["tokenhouse/starter"]["state"] == "loaded"
        assert said["tokenhouse/starter"]["fit"]["fits"] is True
        await starter.unload()
        lines = await asyncio.to_thread(lambda: cli("models").out.splitlines())
        [line] = [line for line in lines if line.startswith("tokenhouse/starter")]
        assert line.endswith("on disk")
    assert states(Settings(data=cli.data).load()) is None
