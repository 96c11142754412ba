"""The verb ``pull`` from the command line to files that a house runs from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokenhouse.engine
from tests.cli.conftest import Cli
from tests.engine.eyes import write_projector
from tests.engine.hub import COMMIT, FakeHub, serve_hub
from tests.engine.tiny import Shape, write_gguf
from tokenhouse.app_providers import make_providers, why_nothing_answers
from tokenhouse.cli_frame import Settings
from tokenhouse.cli_open import build_catalogue

SMALL = "mistralai/mistral-small-3.1-24b-instruct"
REPO = "bartowski/mistralai_Mistral-Small-3.1-24B-Instruct-2503-GGUF"
Q4 = "mistralai_Mistral-Small-3.1-24B-Instruct-2503-Q4_K_M.gguf"
Q8 = "mistralai_Mistral-Small-3.1-24B-Instruct-2503-Q8_0.gguf"
EYES = "mmproj-mistralai_Mistral-Small-3.1-24B-Instruct-2503-f16.gguf"


LONG = Shape(context=131_072)
"""As much as the catalogue's rows say."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    place = tmp_path_factory.mktemp("far")
    return {
        Q4: write_gguf(place / Q4, shape=LONG).read_bytes(),
        Q8: write_gguf(place / Q8, shape=LONG, seed=1).read_bytes(),
        EYES: write_projector(place / EYES, gelu=True).read_bytes(),
    }


@pytest.fixture(autouse=True)
def far(
    tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[FakeHub]:
    with serve_hub() as hub:
        hub.files[REPO] = dict(tiny)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        has(monkeypatch, 2**44)
        yield hub


def has(monkeypatch: pytest.MonkeyPatch, octets: int | None) -> None:
    """Let this machine have that much memory."""
    monkeypatch.setattr(tokenhouse.engine, "bytes_available", lambda: octets)


def test_a_pulled_model_runs_from_the_next_start(cli: Cli, far: FakeHub) -> None:
    cli.data.mkdir(exist_ok=True)
    (cli.data / "tokenhouse.toml").write_text('[engine]\nmemory = "1TiB"\n')
    settings = Settings(data=cli.data)
    config = settings.load()
    catalogue = build_catalogue(config)
    before = why_nothing_answers(make_providers(config, catalogue), catalogue)
    assert f"tokenhouse pull {SMALL}" in before[SMALL]
    said = cli("pull", "mistral-small-3.1", "--yes").out
    assert f"From {REPO} at {COMMIT[:12]}" in said
    assert "Memory: " in said
    assert "tokens/s" in said
    assert "--mend-vision" in said
    assert f"{SMALL} runs from the next start" in said
    assert (cli.data / "weights" / Q4).read_bytes() == far.files[REPO][Q4]
    assert (cli.data / "weights" / EYES).is_file()
    assert SMALL not in why_nothing_answers(make_providers(config, catalogue), catalogue)


def test_a_suffix_pulls_another_quantisation_and_the_model_runs_it(cli: Cli, far: FakeHub) -> None:
    report = cli("pull", "mistral-small3.1:24b:Q8_0", "--json", "--text-only").json
    (file,) = report["files"]
    assert (file["file"], file["here"], report["model"]) == (Q8, True, SMALL)
    assert file["sha256"] == hashlib.sha256(far.files[REPO][Q8]).hexdigest()
    rows = {row["id"]: row for row in cli("models", "--json").json}
    assert rows[SMALL]["local"]["file"].endswith(Q8)
    said = cli("pull", "mistral-small-3.1", "--text-only").out
    assert "runs from the next start" in said
    assert "keeps running" in cli("pull", "mistral-small-3.1:q8_0", "--text-only").out


def test_a_dry_run_fetches_nothing_and_says_everything(cli: Cli, far: FakeHub) -> None:
    report = cli("pull", "mistral-small-3.1", "--dry-run", "--json").json
    sizes = {name: len(far.files[REPO][name]) for name in (Q4, EYES)}
    assert {file["file"]: file["bytes"] for file in report["files"]} == sizes
    assert (report["missing"], report["dry_run"], report["revision"]) == (
        sum(sizes.values()),
        True,
        COMMIT,
    )
    assert report["fit"]["fits"] is True
    assert report["tokens_per_second"] > 0
    assert report["vision_activation"] == "gelu"
    assert not cli.data.exists()


def test_what_cannot_fit_is_refused_with_the_mend_unless_forced(
    cli: Cli, far: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, 2**20)
    refused = cli("pull", "mistral-small-3.1", code=1)
    assert "--force" in refused.err
    error = cli("--json", "pull", "mistral-small-3.1", "--dry-run", code=1).error
    assert error["code"] == "does_not_fit"
    assert not cli.data.exists()
    report = cli("pull", "mistral-small-3.1", "--force", "--json").json
    assert report["fit"]["fits"] is False
    line = next(line for line in cli("models").out.splitlines() if line.startswith(SMALL))
    assert line.split()[-3:] == ["no", "on", "disk"]
    has(monkeypatch, None)  # then what the operator allows is all that bounds it
    (cli.data / "tokenhouse.toml").write_text('[engine]\nmemory = "1TiB"\n')
    line = next(line for line in cli("models").out.splitlines() if line.startswith(SMALL))
    assert line.split()[-3:] == ["yes", "on", "disk"]


def test_a_shorter_context_is_named_when_it_would_fit(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cli("pull", "mistral-small-3.1", "--dry-run", "--json").json["fit"]
    has(monkeypatch, whole["need"] - whole["kv"] // 2)
    said = cli("pull", "mistral-small-3.1", "--dry-run").out
    assert "It does with context = 65536 in [providers.local]" in said


def test_a_smaller_quantisation_is_named_when_it_would_fit(
    cli: Cli, far: FakeHub, tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cli("pull", "mistral-small-3.1", "--dry-run", "--json", "--text-only").json["fit"]
    far.files[REPO]["Mistral-Q2_K.gguf"] = tiny[Q4][:100_000]
    kv = whole["kv"] * 4096 // whole["context"]
    has(monkeypatch, whole["buffers"] + kv + 200_000)
    refused = cli("pull", "mistral-small-3.1", "--text-only", code=1).err
    assert f"take {REPO}:Mistral-Q2_K.gguf" in refused


def test_the_vision_flag_is_mended_once_and_the_mended_file_stays(cli: Cli, far: FakeHub) -> None:
    assert cli("pull", "mistral-small-3.1", "--json").json["mended"] is False
    far.asked[:] = []
    assert cli("pull", "mistral-small-3.1", "--mend-vision", "--json").json["mended"] is True
    again = cli("pull", "mistral-small-3.1", "--json").json
    assert (again["vision_activation"], again["mended"], again["notes"]) == ("silu", False, [])
    assert far.asked == []


def test_any_repository_address_or_file_can_be_pulled(
    cli: Cli, far: FakeHub, tiny: dict[str, bytes], tmp_path: Path
) -> None:
    far.files["someone/Other-GGUF"] = {"Other-Q4_K_M.gguf": tiny[Q8]}
    said = cli("pull", "someone/Other-GGUF").out
    assert 'weights = "Other-Q4_K_M.gguf" in the row of a model' in said
    url = f"{far.url}/cdn/someone/Other-GGUF/Other-Q4_K_M.gguf"
    pinned = hashlib.sha256(tiny[Q8]).hexdigest()
    assert cli("pull", url, "--sha256", pinned, "--json").json["repo"] is None
    file = tmp_path / "mine.gguf"
    file.write_bytes(tiny[Q4])
    assert SMALL in cli("pull", str(file), "--for", "mistral-small-3.1").out
    rows = {row["id"]: row for row in cli("models", "--json").json}
    assert rows[SMALL]["local"]["file"].endswith("mine.gguf")
    assert rows["tokenhouse/starter"]["local"]["fit"]["fits"] is True


def test_each_failure_has_its_exit_code_and_its_mend(
    cli: Cli, far: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("--json", "pull", "mistral-smal-3.1", code=5).error["code"] == "model_not_found"
    assert cli("--json", "pull", "owner/none", code=5).error["code"] == "not_found"
    assert cli("--json", "pull", "./none.gguf", code=5).error["code"] == "not_found"
    assert cli("--json", "pull", "starter", code=5).error["code"] == "no_repository"
    assert "Q4_K_M, Q8_0" in cli("pull", "mistral-small-3.1:Q2_K", code=5).err
    assert "--sha256" in cli("pull", "mistral-small-3.1", "--sha256", "0", code=2).err
    far.days.lies[Q4] = "0" * 64
    wrong = cli("--json", "pull", "mistral-small-3.1", "--text-only", code=1).out.splitlines()[-1]
    assert "wrong_hash" in wrong
    far.days.gated = True
    assert cli("--json", "pull", "mistral-small-3.1", code=3).error["code"] == "hub_refused"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    away = cli("--json", "pull", "mistral-small-3.1", code=10).error
    assert away["code"] == "hub_unreachable"
    assert "pull again" in away["message"]


def test_the_siblings_in_the_catalogue_say_what_they_want_before_they_are_offered(
    cli: Cli, far: FakeHub, tiny: dict[str, bytes]
) -> None:
    far.files["mistralai/Ministral-3-3B-Instruct-2512-GGUF"] = {
        "Ministral-3-3B-Instruct-2512-Q4_K_M.gguf": tiny[Q4],
        "Ministral-3-3B-Instruct-2512-BF16-mmproj.gguf": tiny[EYES],
    }
    said = cli("pull", "ministral-3-3b", "--dry-run").out
    assert "mistralai/ministral-3-3b-instruct has no price" in said
    assert "BF16-mmproj" in said


def test_a_token_from_the_settings_goes_with_the_question(
    cli: Cli, far: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    far.days.redirects = False
    monkeypatch.setenv("HF_TOKEN", "a-token")
    cli("pull", "mistral-small-3.1", "--text-only")
    assert {asked.authorization for asked in far.asked} == {"Bearer a-token"}
    config = Path("tokenhouse.toml")
    config.write_text(f'[engine]\nhub = "{far.url}/"\nhub_token = "env:MINE"\n')
    monkeypatch.setenv("MINE", "mine")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    far.asked[:] = []
    cli("pull", "mistral-small-3.1:Q8_0", "--text-only")
    assert {asked.authorization for asked in far.asked} == {"Bearer mine"}
