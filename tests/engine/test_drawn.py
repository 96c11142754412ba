"""Tokens that a stream leaves out are found again: their bytes, their ids, what they were worth."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.conftest import Starter
from tests.engine.support import ask
from tokenhouse.engine import (
    V7,
    Completion,
    Conversation,
    Done,
    Drawn,
    Logprob,
    Piece,
    Sampling,
    Tekken,
    Turn,
    look,
)

CHARACTERS = st.sampled_from([*"aé€नस्ภาษ漢字🙂👩‍🚀", "\u200d", "한", "\ue000", "𒀀", "ꙮ"])


def incomplete(text: bytes) -> bool:
    """Does it end inside a character (llama.cpp's question)?"""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def streamed(ids: Sequence[int], tekken: Tekken, held: Sequence[bool]) -> list[tuple[int, Logprob]]:
    """As llama.cpp streams tokens: (tokens so far, the one that is told with the bytes that are sent)."""
    told: list[tuple[int, Logprob]] = []
    whole, sent = b"", 0
    for place, token in enumerate(ids):
        whole += tekken.token_bytes(token)
        if incomplete(whole):
            continue
        raw = b"" if held[place % len(held)] and place + 1 < len(ids) else whole[sent:]
        sent += len(raw)
        told.append((place + 1, Logprob(token, raw.decode("utf-8", "replace"), raw, -1.0)))
    return told


@settings(max_examples=400, deadline=None)
@given(
    text=st.lists(CHARACTERS | st.characters(exclude_categories=["Cs"]), max_size=12).map("".join),
    held=st.lists(st.booleans(), min_size=1, max_size=3).map(lambda h: [False, *h]),
    known=st.booleans(),
)
def test_the_bytes_of_all_tokens_are_the_answer(
    text: str, held: list[bool], known: bool, tekken: Tekken
) -> None:
    ids = tekken.encode(text)
    drawn = Drawn(tekken if known else None)
    told: list[Logprob] = []
    for produced, prob in streamed(ids, tekken, held):
        told += drawn.feed(produced, [prob])
    while (before := drawn.missing()) is not None:
        assert before == ids[: len(before)], "what is asked about is the true beginning"
        token = ids[len(before)]
        others = [
            Logprob(other, "", tekken.token_bytes(other), -9.0) for other in range(1000, 1256)
        ]
        told += drawn.found([*others, Logprob(token, "", tekken.token_bytes(token), -0.5)])
    told += drawn.rest()
    assert b"".join(prob.raw for prob in told) == text.encode()
    if known and not any(held):
        assert [prob.id for prob in told] == ids


def test_a_token_that_is_not_among_the_likeliest_is_told_with_the_next(tekken: Tekken) -> None:
    ids = tekken.encode("🙂")
    drawn = Drawn(tekken)
    told = [
        each for made in streamed(ids, tekken, [False]) for each in drawn.feed(made[0], [made[1]])
    ]
    assert len(ids) > 1
    assert not told
    assert drawn.missing() == []
    assert not drawn.found([])
    assert drawn.missing() is None
    assert [(prob.id, prob.raw) for prob in drawn.rest()] == [(ids[-1], "🙂".encode())]


async def test_what_is_asked_for_afterwards_is_what_the_engine_had_computed(
    tekken: Tekken, engine_of: Starter
) -> None:
    """A token that was told is asked for as if it had been left out: it is worth the same."""
    engine = engine_of()
    await engine.start()
    prompt = tekken.encode_pieces(V7.pieces(Conversation((Turn("user", "hi"),))))
    answer = await ask(engine, Completion(prompt, 12, Sampling(seed=3), top_logprobs=1))
    probs = [prob for piece in answer if isinstance(piece, Piece) for prob in piece.logprobs]
    end = answer[-1]
    assert isinstance(end, Done)
    first = probs[0]
    again = await ask(engine, look(prompt, tekken))
    top = next(piece for piece in again if isinstance(piece, Piece)).logprobs[0].top
    by_id = {prob.id: prob for prob in top}
    assert abs(by_id[first.top[0].id].logprob - first.top[0].logprob) < 0.01
    assert by_id[first.top[0].id].raw == tekken.token_bytes(first.top[0].id)
    if first.id in by_id:
        assert abs(by_id[first.id].logprob - first.logprob) < 0.05
