"""Weights from a hub: found, fetched, gone on with, checked, recorded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.eyes import write_projector
from tests.engine.hub import COMMIT, FakeHub, serve_hub
from tests.engine.tiny import write_gguf
from tokenhouse.engine import (
    DiskShort,
    Hub,
    HubRefused,
    HubUnreachable,
    NotOnHub,
    PullError,
    Wanted,
    WeightsError,
    WrongHash,
    carry_out,
    check_disk,
    find_projector,
    find_weights,
    plan_pull,
    read_pulled,
)
from tokenhouse.engine.fetch import WAITS_S, fetch
from tokenhouse.engine.hub import RemoteFile

REPO = "owner/Tiny-GGUF"
Q4, Q8, EYES = "Tiny-Q4_K_M.gguf", "Tiny-Q8_0.gguf", "mmproj-Tiny-f16.gguf"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    place = tmp_path_factory.mktemp("far")
    return {
        Q4: write_gguf(place / Q4).read_bytes(),
        Q8: write_gguf(place / Q8, seed=1).read_bytes(),
        EYES: write_projector(place / EYES, gelu=True).read_bytes(),
        "mmproj-Tiny-bf16.gguf": b"another",
        "README.md": b"words",
    }


@pytest.fixture
def far(tiny: dict[str, bytes]) -> Iterator[FakeHub]:
    with serve_hub() as hub:
        hub.files[REPO] = dict(tiny)
        yield hub


@pytest.fixture
def hub(far: FakeHub) -> Iterator[Hub]:
    hub = Hub(far.url, "secret")
    yield hub
    hub.close()


def silent(name: str, done: int, total: int | None) -> None:
    pass


def pull(hub: Hub, directory: Path, **wanted: str) -> list[str]:
    plan = plan_pull(hub, Wanted(repo=REPO, **wanted), directory)  # pyright: ignore[reportArgumentType]
    return [record.file for record in carry_out(hub, plan, silent)]


def test_a_repository_gives_the_usual_weights_and_the_best_projector(
    hub: Hub, far: FakeHub, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int | None]] = []
    plan = plan_pull(hub, Wanted(repo=REPO, model="a/b"), tmp_path)
    assert (plan.revision, plan.missing) == (
        COMMIT,
        sum(len(far.files[REPO][n]) for n in (Q4, EYES)),
    )
    assert list(tmp_path.iterdir()) == []

    def report(name: str, done: int, total: int | None) -> None:
        seen.append((name, done, total))

    weights, eyes = carry_out(hub, plan, report)
    assert (tmp_path / Q4).read_bytes() == far.files[REPO][Q4]
    assert (tmp_path / EYES).read_bytes() == far.files[REPO][EYES]
    assert weights.sha256 == hashlib.sha256(far.files[REPO][Q4]).hexdigest()
    assert (weights.repo, weights.revision, weights.projector) == (REPO, COMMIT, EYES)
    assert read_pulled(tmp_path / Q4) == weights
    assert (weights.model, eyes.model) == ("a/b", None)
    assert seen[-1] == (Q4, len(far.files[REPO][Q4]), len(far.files[REPO][Q4]))
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


@pytest.mark.parametrize("named", ["Q8_0", "q8_0", Q8])
def test_a_suffix_chooses_the_quantisation(hub: Hub, tmp_path: Path, named: str) -> None:
    assert Q8 in pull(hub, tmp_path, quantisation=named)
    with pytest.raises(NotOnHub, match="Q4_K_M, Q8_0"):
        pull(hub, tmp_path, quantisation="Q2_K")


def test_every_part_of_weights_in_parts_is_fetched(
    hub: Hub, far: FakeHub, tmp_path: Path, tiny: dict[str, bytes]
) -> None:
    far.files[REPO] = {f"BF16/T-BF16-0000{i}-of-00002.gguf": tiny[q] for i, q in ((1, Q4), (2, Q8))}
    plan = plan_pull(hub, Wanted(repo=REPO, quantisation="bf16"), tmp_path)
    assert plan.header.file_bytes == len(tiny[Q4]) + len(tiny[Q8])
    names = [record.file for record in carry_out(hub, plan, silent)]
    assert names == ["T-BF16-00001-of-00002.gguf", "T-BF16-00002-of-00002.gguf"]


@pytest.mark.parametrize("etag", [True, False])
def test_a_broken_connection_is_gone_on_from_where_it_broke(
    hub: Hub, far: FakeHub, tmp_path: Path, etag: bool
) -> None:
    far.days.cuts, far.days.etag = [1_000_000, 700_000, 0], etag
    file = hub.files(REPO).weights("Q8_0")[0]
    waits: list[float] = []
    fetch(hub, file, tmp_path / Q8, progress=silent, check=os.stat, wait=waits.append)
    assert (tmp_path / Q8).read_bytes() == far.files[REPO][Q8]
    assert far.ranges == [None, "bytes=1000000-", "bytes=1700000-", "bytes=1700000-"]
    assert waits == [0.0, 0.0, WAITS_S[1]]


def test_a_hub_that_stays_away_leaves_what_came_for_the_next_pull(
    hub: Hub, far: FakeHub, tmp_path: Path
) -> None:
    far.days.cuts, far.days.statuses = [1_000_000], []
    file = hub.files(REPO).weights("Q4_K_M")[0]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        far.days.statuses = [503]

    with pytest.raises(HubUnreachable, match="503"):
        fetch(hub, file, tmp_path / Q4, progress=silent, check=os.stat, wait=wait)
    assert waits == [0.0, *WAITS_S[1:]]
    assert not (tmp_path / Q4).exists()
    far.days.statuses, far.asked[:] = [], []
    plan = plan_pull(hub, Wanted(repo=REPO, text_only=True), tmp_path)
    assert plan.items[0].kept == 1_000_000
    assert plan.missing == len(far.files[REPO][Q4]) - 1_000_000
    carry_out(hub, plan, silent)
    assert far.ranges == ["bytes=1000000-"]


def test_an_interrupted_pull_keeps_what_came(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    file = hub.files(REPO).weights("Q4_K_M")[0]

    def interrupt(name: str, done: int, total: int | None) -> None:
        if done > 1_500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(hub, file, tmp_path / Q4, progress=interrupt, check=os.stat)
    kept = (tmp_path / (Q4 + ".part")).stat().st_size
    assert 1_500_000 < kept < len(far.files[REPO][Q4])
    fetch(hub, file, tmp_path / Q4, progress=silent, check=os.stat)
    assert far.ranges == [None, f"bytes={kept}-"]
    assert (tmp_path / Q4).read_bytes() == far.files[REPO][Q4]


def test_a_server_without_ranges_begins_again(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    far.days.cuts, far.days.ranges = [1_000_000], False
    assert Q8 in pull(hub, tmp_path, quantisation="Q8_0")
    assert (tmp_path / Q8).read_bytes() == far.files[REPO][Q8]


def test_parts_of_another_file_are_not_gone_on_from(
    hub: Hub, far: FakeHub, tmp_path: Path, tiny: dict[str, bytes]
) -> None:
    far.days.cuts = [1_000_000, 0, 0, 0, 0, 0, 0]
    file = hub.files(REPO).weights("Q4_K_M")[0]
    with pytest.raises(HubUnreachable):
        fetch(hub, file, tmp_path / Q4, progress=silent, check=os.stat, wait=lambda _: None)
    far.days.cuts, far.files[REPO][Q4] = [], tiny[Q8]
    pull(hub, tmp_path)
    assert (tmp_path / Q4).read_bytes() == tiny[Q8]


def test_a_file_that_changes_on_the_way_is_taken_from_its_beginning(
    hub: Hub, far: FakeHub, tmp_path: Path, tiny: dict[str, bytes]
) -> None:
    far.days.cuts = [1_000_000]
    file = RemoteFile(name=Q4, url=f"{far.url}/{REPO}/resolve/main/{Q4}")

    def change(seconds: float) -> None:
        far.files[REPO][Q4] = tiny[Q8]

    fetch(hub, file, tmp_path / Q4, progress=silent, check=os.stat, wait=change)
    assert (tmp_path / Q4).read_bytes() == tiny[Q8]


def test_a_wrong_hash_leaves_nothing_behind(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    far.days.lies[Q4] = "0" * 64
    with pytest.raises(WrongHash) as caught:
        pull(hub, tmp_path, text_only="yes")
    assert "0" * 64 in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_pinned_hash_must_be_the_hubs_own(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(PullError, match="another one than the catalogue names"):
        plan_pull(hub, Wanted(repo=REPO, sha256={Q4: "1" * 64}), tmp_path)


def test_what_is_no_gguf_never_takes_its_name(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    whole = far.files[REPO][Q4]
    far.files[REPO][Q4] = whole[: len(whole) // 2]
    with pytest.raises(WeightsError, match="broken or truncated"):
        pull(hub, tmp_path)
    assert not (tmp_path / Q4).exists()
    assert not (tmp_path / (Q4 + ".part")).exists()
    far.files[REPO][Q4] = b"<html>Please sign in</html>"
    with pytest.raises(WeightsError, match="not a GGUF"):
        plan_pull(hub, Wanted(repo=REPO), tmp_path)


def test_what_is_here_is_not_fetched_again(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    pull(hub, tmp_path)
    far.asked[:] = []
    assert plan_pull(hub, Wanted(repo=REPO), tmp_path).missing == 0
    assert pull(hub, tmp_path) == [Q4, EYES]
    assert far.asked == []


def test_a_file_put_here_by_hand_is_checked_and_kept_or_replaced(
    hub: Hub, far: FakeHub, tmp_path: Path
) -> None:
    good, size = far.files[REPO][Q4], len(far.files[REPO][Q4])
    (tmp_path / Q4).write_bytes(good)
    pull(hub, tmp_path, text_only="yes")
    assert far.asked == []
    (tmp_path / Q8).write_bytes(good[: size - 4] + b"evil")
    pull(hub, tmp_path, text_only="yes", quantisation="Q8_0")
    assert (tmp_path / Q8).read_bytes() == far.files[REPO][Q8]


def test_the_token_goes_to_the_hub_and_to_nobody_else(
    hub: Hub, far: FakeHub, tmp_path: Path
) -> None:
    far.days.redirects = False
    pull(hub, tmp_path)
    assert {asked.authorization for asked in far.asked} == {"Bearer secret"}
    with serve_hub() as other:
        other.files[REPO] = far.files[REPO]
        plan_pull(hub, Wanted(url=f"{other.url}/cdn/{REPO}/{Q4}"), tmp_path)
        assert {asked.authorization for asked in other.asked} == {None}


def test_an_address_is_fetched_like_a_repository(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    url = f"{far.url}/cdn/{REPO}/{Q4}"
    plan = plan_pull(hub, Wanted(url=url), tmp_path)
    assert plan.missing == len(far.files[REPO][Q4])
    (pulled,) = carry_out(hub, plan, silent)
    assert (pulled.source, pulled.repo) == (url, None)
    assert plan_pull(hub, Wanted(url=url), tmp_path).missing == 0
    for wrong in (f"{far.url}/cdn/{REPO}/none.gguf", f"{far.url}/words.txt", "ftp://x/y.gguf"):
        with pytest.raises(PullError):
            plan_pull(hub, Wanted(url=wrong), tmp_path)


def test_a_local_file_is_copied_and_recorded(
    hub: Hub, tmp_path: Path, tiny: dict[str, bytes]
) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(tiny[Q4])
    plan = plan_pull(hub, Wanted(path=source, model="a/b"), tmp_path / "weights")
    (pulled,) = carry_out(hub, plan, silent)
    assert (tmp_path / "weights" / "mine.gguf").read_bytes() == tiny[Q4]
    assert pulled.sha256 == hashlib.sha256(tiny[Q4]).hexdigest()
    assert find_weights(tmp_path / "weights", "other.gguf", "a/b") == tmp_path / "weights/mine.gguf"
    wrong = Wanted(path=source, sha256={"mine.gguf": "2" * 64})
    with pytest.raises(WrongHash):
        carry_out(hub, plan_pull(hub, wrong, tmp_path / "else"), silent)


def test_the_row_s_own_file_comes_before_what_was_pulled_for_it(hub: Hub, tmp_path: Path) -> None:
    pull(hub, tmp_path, model="a/b", quantisation="Q8_0")
    assert find_weights(tmp_path, Q4, "a/b") == tmp_path / Q8
    assert find_weights(tmp_path, Q4, "c/d") is None
    pull(hub, tmp_path, model="a/b")
    assert find_weights(tmp_path, Q4, "a/b") == tmp_path / Q4
    assert find_projector(tmp_path / Q4) == tmp_path / EYES


def test_each_refusal_of_a_hub_has_its_name(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    for repo in ("owner/none", "no-name", "a/b/c"):
        with pytest.raises(NotOnHub):
            plan_pull(hub, Wanted(repo=repo), tmp_path)
    with pytest.raises(NotOnHub, match="revision"):
        plan_pull(hub, Wanted(repo=REPO, revision="v9"), tmp_path)
    far.days.gated = True
    with pytest.raises(HubRefused, match="HF_TOKEN"):
        plan_pull(hub, Wanted(repo=REPO), tmp_path)
    with serve_hub() as gone:
        address = gone.url
    away = Hub(address)
    with pytest.raises(HubUnreachable):
        away.files(REPO)


def test_two_pulls_of_one_file_do_not_mix(hub: Hub, far: FakeHub, tmp_path: Path) -> None:
    file = hub.files(REPO).weights("Q4_K_M")[0]

    def again(path: Path) -> None:
        with pytest.raises(PullError, match="fetched already"):
            fetch(hub, file, tmp_path / Q4, progress=silent, check=os.stat)

    fetch(hub, file, tmp_path / Q4, progress=silent, check=again)
    assert (tmp_path / Q4).read_bytes() == far.files[REPO][Q4]


def test_a_disk_without_room_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    check_disk(tmp_path / "not" / "yet", 1)
    with pytest.raises(DiskShort, match=r"engine\.weights_dir"):
        check_disk(tmp_path / "not" / "yet", 2**60)
