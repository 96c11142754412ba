"""What stands in deploy/ and in the Dockerfile fits the house that it runs."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.asking import HELLO
from tests.api.asgi import ask, get
from tests.parts import program
from tests.source import ROOT
from tests.support import replies
from tests.support.house import upstream_house
from tokenhouse.cli import root

DEPLOY = ROOT / "deploy"
_METRIC = re.compile(r"\btokenhouse_[a-z_]+\b")


async def test_every_metric_of_the_alarms_the_dashboard_and_the_guide_is_told(
    tmp_path: Path,
) -> None:
    eager = "[routing]\nfailures_to_open = 1\n"
    async with upstream_house(tmp_path, eager) as (running, up):
        await ask(running, HELLO)
        up.script(replies.error(500))
        await ask(running, HELLO)
        text = (await get(running, "/metrics")).text.decode()
        await running.house.billing.verify()  # a beat has been written by now, or is next
    told = {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }
    told |= {"tokenhouse_lease_age_seconds"}  # only after the first beat
    told |= {"tokenhouse_engine_loaded"}  # only of models with weights
    histograms = {name.removesuffix("_bucket") for name in told if name.endswith("_bucket")}
    for file in ("alerts.yml", "grafana/tokenhouse.json"):
        named = set(_METRIC.findall((DEPLOY / file).read_text(encoding="utf-8")))
        assert len(named) > 5
        assert named <= told, f"{file} asks for what nobody tells"
    guide = set(_METRIC.findall((ROOT / "docs/howto/metrics.md").read_text(encoding="utf-8")))
    assert guide <= told | histograms
    plain = {name for name in told if not name.endswith(("_created", "_sum", "_count", "_bucket"))}
    words = (ROOT / "docs/howto/metrics.md").read_text(encoding="utf-8")
    for name in plain:
        if name.startswith("tokenhouse_"):
            assert name in words or f"…{name.removeprefix('tokenhouse_requests')}" in words, name


def test_the_dashboard_is_one_that_grafana_can_take() -> None:
    board = json.loads((DEPLOY / "grafana" / "tokenhouse.json").read_text(encoding="utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    variables = {variable["name"] for variable in board["templating"]["list"]}
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= variables


def test_the_image_runs_as_nobody_special_and_knows_when_it_is_well() -> None:
    steps = _steps((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    last = steps[max(at for at, step in enumerate(steps) if step.startswith("FROM")) :]
    assert "USER tokenhouse" in last
    user = next(step for step in last if "useradd" in step)
    assert "--uid 10001" in user
    assert any(step.startswith("HEALTHCHECK") for step in last)
    entry = next(
        json.loads(step.split(" ", 1)[1]) for step in last if step.startswith("ENTRYPOINT")
    )
    words = next(json.loads(step.split(" ", 1)[1]) for step in last if step.startswith("CMD"))
    assert entry == ["tokenhouse"]
    assert CliRunner().invoke(root, [*words, "--help"]).exit_code == 0
    copied = {
        word
        for step in steps
        if step.startswith("COPY") and "--from" not in step
        for word in shlex.split(step)[1:-1]
    }
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name.removeprefix('./')}" in allowed


async def test_the_images_check_finds_a_house_that_is_well_and_one_that_is_gone(
    tmp_path: Path,
) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    check = json.loads(
        next(line for line in text.splitlines() if 'CMD ["python"' in line).split("CMD ")[1]
    )
    async with upstream_house(tmp_path) as (running, _):
        asked = [sys.executable, "-c", check[2].replace("8080", str(running.port))]
        assert (await _exit_code(asked)) == 0
    assert (await _exit_code(asked)) != 0


@pytest.mark.parametrize("verb", ["ExecStart", "ExecStartPre"])
def test_the_units_commands_are_ones_that_the_house_knows(verb: str) -> None:
    unit = (DEPLOY / "tokenhouse.service").read_text(encoding="utf-8")
    line = next(line for line in unit.splitlines() if line.startswith(f"{verb}="))
    command = shlex.split(line.partition("=")[2])
    assert command[0] == "/opt/tokenhouse/bin/tokenhouse"
    assert CliRunner().invoke(root, [*command[1:], "--help"]).exit_code == 0


def test_the_guide_makes_the_user_that_the_unit_runs_as_and_lets_them_read_the_settings() -> None:
    unit = (DEPLOY / "tokenhouse.service").read_text(encoding="utf-8")
    guide = (ROOT / "docs" / "howto" / "deploy.md").read_text(encoding="utf-8")
    user = next(line for line in unit.splitlines() if line.startswith("User=")).partition("=")[2]
    assert "DynamicUser=" not in unit  # whose state nobody else may enter: no command beside it
    assert re.search(rf"^useradd .* {user}$", guide, re.M)
    settings = "/etc/tokenhouse/tokenhouse.toml"  # which `init` writes for its owner alone
    assert f"chgrp {user} {settings} && chmod 0640 {settings}" in guide
    assert f"sudo -u {user} /opt/tokenhouse/bin/tokenhouse" in guide


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    unit = (DEPLOY / "tokenhouse.service").read_text(encoding="utf-8")
    here = tmp_path / "tokenhouse.service"
    here.write_text(unit.replace("/opt/tokenhouse/bin/tokenhouse", sys.executable))
    done = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True)
    told = [
        line for line in (done.stdout + done.stderr).splitlines() if "tokenhouse.service" in line
    ]
    assert told == []


def _steps(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


async def _exit_code(command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()
