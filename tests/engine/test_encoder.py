from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from tokenhouse.engine import (
    Encoder,
    EngineDown,
    RequestRefused,
    Tekken,
    WeightsError,
    find_tekken,
    load_tekken,
)

LONG = "The quick brown fox jumps over the lazy dog, नमस्ते. " * 800


@pytest.fixture(scope="session")
def theirs(tekken_file: Path) -> Tekkenizer:
    return Tekkenizer.from_file(tekken_file)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60))
def test_texts_get_the_ids_that_the_reference_gives_them(
    text: str, tekken: Tekken, theirs: Tekkenizer
) -> None:
    ids = tekken.encode(text)
    assert ids == theirs.encode(text, bos=False, eos=False)
    assert tekken.decode([1, 3, *ids, 4]) == theirs.decode(ids)


async def test_a_long_text_is_encoded_elsewhere_to_the_same_ids(
    tekken: Tekken, tekken_file: Path
) -> None:
    encoder = Encoder(tekken, tekken_file)
    try:
        assert await encoder.encode([1, 3, "short", 4]) == tekken.encode_pieces([1, 3, "short", 4])
        assert encoder.pid is None, "a short text needs no process"
        pieces = [1, 3, LONG, "\ud800 [INST]", 4]
        many = await asyncio.gather(*(encoder.encode([i, *pieces]) for i in range(5)))
        assert many == [tekken.encode_pieces([i, *pieces]) for i in range(5)]
        assert encoder.pid is not None
    finally:
        await encoder.close()
    assert encoder.pid is None
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(EngineDown):
        await encoder.encode([LONG])


async def test_a_caller_who_leaves_does_not_shift_the_answers_of_others(
    tekken: Tekken, tekken_file: Path
) -> None:
    encoder = Encoder(tekken, tekken_file)
    try:
        await encoder.encode([LONG])
        leaving = asyncio.create_task(encoder.encode([LONG, 5]))
        staying = asyncio.create_task(encoder.encode([LONG, 6]))
        started = asyncio.Event()
        asyncio.get_running_loop().call_soon(started.set)
        await started.wait()
        leaving.cancel()
        assert (await staying)[-1] == 6
        assert leaving.cancelled()
    finally:
        await encoder.close()


async def test_a_text_that_breaks_the_tokenizer_is_refused_and_the_next_one_served(
    tekken: Tekken, tekken_file: Path
) -> None:
    encoder = Encoder(tekken, tekken_file)
    try:
        with pytest.raises(RequestRefused, match="cannot be tokenized"):
            await encoder.encode([" " * 1_500_000 + "x"])
        assert (await encoder.encode([LONG, 6]))[-1] == 6
    finally:
        await encoder.close()


async def test_a_killed_process_is_reported_and_replaced(tekken: Tekken, tekken_file: Path) -> None:
    encoder = Encoder(tekken, tekken_file)
    try:
        await encoder.encode([LONG])
        waiting = asyncio.create_task(encoder.encode([LONG * 20]))
        started = asyncio.Event()
        asyncio.get_running_loop().call_soon(started.set)
        await started.wait()
        assert encoder.pid is not None
        os.kill(encoder.pid, signal.SIGKILL)
        with pytest.raises(EngineDown, match="lost"):
            await waiting
        assert (await encoder.encode([LONG, 6]))[-1] == 6
    finally:
        await encoder.close()


async def test_a_text_that_takes_too_long_ends_the_wait(tekken: Tekken, tekken_file: Path) -> None:
    encoder = Encoder(tekken, tekken_file, timeout_s=0.001)
    try:
        with pytest.raises(EngineDown, match="longer than"):
            await encoder.encode([LONG])
    finally:
        await encoder.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"config": {}}', b"\xff\xfe"])
def test_a_bad_tokenizer_file_is_an_error_that_names_the_mend(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "tekken.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"Give the tekken\.json"):
        load_tekken(path)


def test_the_tokenizer_beside_the_weights_is_found_or_its_place_is_named(tmp_path: Path) -> None:
    weights = tmp_path / "small.gguf"
    with pytest.raises(WeightsError, match=r"as small\.tekken\.json or tekken\.json"):
        find_tekken(weights)
    general, own = tmp_path / "tekken.json", tmp_path / "small.tekken.json"
    general.touch()
    assert find_tekken(weights) == general
    own.touch()
    assert find_tekken(weights) == own


async def test_ten_thousand_short_texts_do_not_hold_the_loop(
    tekken: Tekken, tekken_file: Path
) -> None:
    encoder = Encoder(tekken, tekken_file)
    try:
        assert len(await encoder.encode([3, "a", 4] * 10_000)) == 30_000
        assert encoder.pid is not None
    finally:
        await encoder.close()
