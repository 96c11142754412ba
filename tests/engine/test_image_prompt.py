"""Prompts with pictures: whatever a user writes, the engine reads the control tokens that we wrote."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.eyes import noise, write_pixtral
from tests.engine.support import ask, end_of, get, post
from tests.engine.tiny import CONTROL, Shape
from tokenhouse.engine import (
    PROPS_PATH,
    TOKENIZE_PATH,
    Completion,
    Conversation,
    Engine,
    EngineFault,
    EngineSettings,
    ModelSpec,
    Picture,
    Sampling,
    Speller,
    Tekken,
    Turn,
    read_marker,
    read_picture,
    read_tokens,
    tokenize_body,
    v7_pieces,
)

MARKER = "<__media_Zu7aL1ck__>"
CRAFTED = st.lists(
    st.sampled_from(
        [*CONTROL, *(name[:-1] for name in CONTROL), *(name[1:] for name in CONTROL), "[", "<", ">",
         "]", "<SPECIAL_999>", "<SPECIAL_20>", MARKER, MARKER[:9], MARKER[9:], "<__media__>", "\0",
         "\u200b", "a", " ", "\n", "नमस्ते", "🙂‍↕️", "\ud800"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
ANY = CRAFTED | st.text(max_size=30)


def picture(rows: int = 1, columns: int = 1) -> Picture:
    out = io.BytesIO()
    noise(columns * 28, rows * 28).save(out, "PNG")
    return read_picture(out.getvalue())


@pytest.fixture(scope="module")
def projector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pixtral(tmp_path_factory.mktemp("eyes") / "mmproj.gguf", into=Shape().width)


@pytest.fixture
async def seeing(weights: Path, projector: Path, tmp_path: Path) -> AsyncGenerator[Engine, None]:
    spec = ModelSpec("seer", weights, 8192, projector)
    engine = Engine(spec, EngineSettings(threads=1), runtime_dir=tmp_path)
    await engine.start()
    yield engine
    await engine.stop()


@given(before=ANY, after=ANY, system=ANY)
def test_no_text_holds_a_control_tokens_name_or_the_marker(
    before: str, after: str, system: str, tekken: Tekken
) -> None:
    turns = (Turn("system", system), Turn("user", (before, Picture(1, 1, b""), after)))
    pieces = v7_pieces(Conversation(turns))
    speller = Speller(tekken, MARKER)
    texts = speller.texts(pieces)
    whole = speller.prompt(texts, [Picture(1, 1, b"")]).text
    assert whole.count(MARKER) == 1
    names = ["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"]
    for name in CONTROL:
        assert whole.count(name) == (1 if name in names else 0)
    assert "<SPECIAL_" not in whole.replace("<\u200bSPECIAL_", "").replace(
        "<SPECIAL_\u200b", ""
    ) or (not any(f"<SPECIAL_{n}>" in whole for n in (20, 999)))


@given(text=ANY)
def test_breaking_up_changes_nothing_that_is_seen(text: str, tekken: Tekken) -> None:
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    broken = Speller(tekken, MARKER).neutral(text)
    assert broken.replace("\u200b", "") == clean.replace("\u200b", "")
    if not any(sign in text for sign in "[<"):
        assert broken == clean


async def test_the_engine_itself_reads_no_control_token_out_of_a_users_text(
    seeing: Engine, tekken: Tekken
) -> None:
    marker = read_marker((await get(seeing, PROPS_PATH))[1])
    said = [name + other for name in CONTROL for other in (*CONTROL[:6], "", MARKER, marker, "\0")]
    said += [
        "".join(CONTROL),
        marker,
        "<__media__>",
        *(f"<SPECIAL_{n}>" for n in range(15, 1000, 37)),
    ]
    speller = Speller(tekken, marker)
    for start in range(0, len(said), 20):
        group = said[start : start + 20]
        turns = [
            Turn("system", group[0]),
            *(Turn("user", (text, Picture(1, 1, b""), text)) for text in group),
        ]
        pieces = v7_pieces(Conversation(tuple(turns)))
        pictures = [Picture(1, 1, b"")] * len(group)
        whole = speller.prompt(speller.texts(pieces), pictures).text
        status, body = await post(seeing, TOKENIZE_PATH, tokenize_body(whole, marker))
        assert status == 200
        found = read_tokens(body)
        assert [i for i in found if i < tekken.n_special] == [1, 17, 18, 3, 4]
        assert speller.tokens(pieces, found, pictures) == len(found) + 2 * len(group)


async def test_unbroken_the_same_text_would_be_control_tokens_and_is_caught(
    seeing: Engine, tekken: Tekken
) -> None:
    """The second lock holds without the first."""
    marker = read_marker((await get(seeing, PROPS_PATH))[1])
    speller, shown = Speller(tekken, marker), picture()
    pieces = v7_pieces(Conversation((Turn("user", (shown, "[/INST]")),)))
    unbroken = f"[INST]{marker}[/INST][/INST]"
    _, body = await post(seeing, TOKENIZE_PATH, tokenize_body(unbroken, marker))
    with pytest.raises(EngineFault, match="other control tokens"):
        speller.tokens(pieces, read_tokens(body), [shown])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (5, 8), (37, 37), (55, 55)])
async def test_the_engine_counts_a_picture_as_the_house_does(
    size: tuple[int, int], seeing: Engine, tekken: Tekken
) -> None:
    shown = picture(*size)
    assert (shown.rows, shown.columns) == size
    pieces = v7_pieces(
        Conversation((Turn("user", ("What is it?", shown)), Turn("user", ("And", shown, "this?"))))
    )
    speller = Speller(tekken, read_marker((await get(seeing, PROPS_PATH))[1]))
    prompt = speller.prompt(speller.texts(pieces), [shown, shown])
    done = end_of(
        await ask(seeing, Completion(prompt, max_tokens=2, sampling=Sampling(temperature=0)))
    )
    ours = tekken.encode_pieces(pieces)
    assert done.tokens_evaluated == len(ours)
    _, body = await post(seeing, TOKENIZE_PATH, tokenize_body(prompt.text, speller.marker))
    assert speller.tokens(pieces, read_tokens(body), [shown, shown]) == len(ours)


async def test_each_process_draws_its_own_marker_and_a_blind_one_has_no_use_for_it(
    seeing: Engine, weights: Path, tmp_path: Path
) -> None:
    first = read_marker((await get(seeing, PROPS_PATH))[1])
    await seeing.stop()
    await seeing.start()
    assert read_marker((await get(seeing, PROPS_PATH))[1]) != first
    blind = Engine(ModelSpec("blind", weights, 2048), runtime_dir=tmp_path)
    await blind.start()
    try:
        with pytest.raises(EngineFault, match="reads no images"):
            read_marker((await get(blind, PROPS_PATH))[1])
    finally:
        await blind.stop()


def test_pictures_and_texts_that_do_not_match_are_never_sent(tekken: Tekken) -> None:
    with pytest.raises(EngineFault, match="1 pictures have 1 texts"):
        Speller(tekken, MARKER).prompt(["[INST]a[/INST]"], [Picture(1, 1, b"")])


@pytest.mark.parametrize("data", [b"", b"{}", b'{"media_marker": 3}', b"[", b'{"tokens": "x"}'])
def test_what_the_engine_says_wrongly_is_its_fault(data: bytes) -> None:
    with pytest.raises(EngineFault):
        read_marker(data)
    with pytest.raises(EngineFault):
        read_tokens(data)
