"""Real children, tiny random models: what the socket answers."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.engine.conftest import Starter
from tests.engine.support import ask, end_of, get, metric, stream, text_of, until
from tests.engine.tiny import Shape, write_gguf
from tokenhouse.engine import (
    AnswerForm,
    ArgumentsDelta,
    CallForm,
    CallStart,
    Completion,
    Constraint,
    ContextTooLong,
    Done,
    Engine,
    EngineDown,
    Grammars,
    ImagePrompt,
    Piece,
    Progress,
    RequestRefused,
    Sampling,
    Tekken,
    ToolCallReader,
)

NO_EOS = {2: -100.0}
"""A random model ends at random: where the length matters, the end token is ruled out."""


@pytest.fixture
async def engine(engine_of: Starter) -> Engine:
    made = engine_of()
    await made.start()
    return made


def prompt(tekken: Tekken, text: str) -> list[int]:
    return [1, 3, *tekken.encode(text), 4]


def asking(ids: list[int], n: int, **more: object) -> Completion:
    sampling = Sampling(**{"seed": 1, "logit_bias": NO_EOS, **more})  # type: ignore[arg-type]
    return Completion(ids, n, sampling)


async def test_an_answer_streams_as_progress_pieces_and_one_end(
    engine: Engine, tekken: Tekken
) -> None:
    ids = prompt(tekken, "Hello, how are you?")
    chunks = await ask(engine, asking(ids, 40))
    assert chunks[0] == Progress(0, len(ids), 0)
    assert Progress(len(ids), len(ids), 0) in chunks
    end = end_of(chunks)
    assert end == Done("limit", "", 40, len(ids), len(ids) + 39, False, 0, end.text)
    pieces = [c for c in chunks if isinstance(c, Piece)]
    assert [p.produced for p in pieces] == sorted(p.produced for p in pieces)
    assert pieces[-1].produced <= 40
    assert all(i in range(tekken.n_vocab) for p in pieces for i in p.tokens)


async def test_the_same_seed_gives_the_same_text_and_another_one_another(
    engine: Engine, tekken: Tekken
) -> None:
    ids = prompt(tekken, "Tell me a story.")
    texts = [text_of(await ask(engine, asking(ids, 40, seed=seed))) for seed in (7, 7, 8, -5, -5)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[3] == texts[4] != texts[0]


async def test_temperature_zero_takes_the_likeliest_token_whatever_the_seed(
    engine: Engine, tekken: Tekken
) -> None:
    ids = prompt(tekken, "Count.")
    one, two = [
        text_of(await ask(engine, asking(ids, 20, temperature=0.0, seed=seed))) for seed in (1, 2)
    ]
    assert one == two


async def test_a_stop_string_across_token_borders_ends_the_text_before_it(
    engine: Engine, tekken: Tekken
) -> None:
    ids = prompt(tekken, "Write.")
    chunks = await ask(engine, asking(ids, 60))
    whole = text_of(chunks)
    pieces = [c.text for c in chunks if isinstance(c, Piece)]
    at = 0
    for left, right in itertools.pairwise(pieces):
        at = whole.index(left, at)
        stop = left[-1:] + right[:1]
        if len(stop) == 2 and whole.find(stop) == at + len(left) - 1 > 0:
            break
    else:
        pytest.fail("the random text has no such place; choose another seed")
    stopped = await ask(engine, Completion(ids, 60, asking(ids, 1).sampling, stop=["§none", stop]))
    assert text_of(stopped) == whole[: whole.index(stop)]
    assert (end_of(stopped).stop_type, end_of(stopped).stopping_word) == ("word", stop)


async def test_log_probabilities_come_with_their_bytes_and_the_top_ones(
    engine: Engine, tekken: Tekken
) -> None:
    ids = prompt(tekken, "Hi")
    asked = Completion(ids, 5, asking(ids, 1).sampling, top_logprobs=3)
    drawn = [p for c in await ask(engine, asked) if isinstance(c, Piece) for p in c.logprobs]
    assert drawn
    for one in drawn:
        assert one.logprob <= 0
        assert one.raw.decode("utf-8", "replace") == tekken.decode([one.id])
        assert len(one.top) == 3
        assert [t.logprob for t in one.top] == sorted((t.logprob for t in one.top), reverse=True)


async def test_a_bias_forbids_and_forces(engine: Engine, tekken: Tekken) -> None:
    ids = prompt(tekken, "Hi")
    [wanted] = tekken.encode("a")
    forced = await ask(engine, asking(ids, 4, logit_bias={wanted: 100.0}))
    assert text_of(forced) == "aaaa"


async def test_eight_requests_share_four_slots_and_each_gets_its_own_answer(
    engine: Engine, tekken: Tekken
) -> None:
    letters = "abcdefgh"
    asked = [
        asking(prompt(tekken, f"Letter {c}"), 60, logit_bias={tekken.encode(c)[0]: 100.0})
        for c in letters
    ]
    most = 0

    async def one(completion: Completion) -> str:
        nonlocal most
        assert not isinstance(completion.prompt, ImagePrompt)
        async with engine.reserve(len(completion.prompt), 60) as room:
            assert engine.pool is not None
            most = max(most, engine.pool.running)
            chunks = await ask(engine, completion)
            assert end_of(chunks).tokens_predicted == 60
            room.finished()
        return text_of(chunks)

    together = await asyncio.gather(*map(one, asked))
    assert most == 4
    assert await metric(engine, "n_busy_slots_per_decode") > 1, "they were decoded together"
    assert engine.pool is not None
    assert (engine.pool.reserved, engine.pool.running) == (0, 0)
    assert together == [c * 60 for c in letters]


async def test_a_second_request_finds_its_prefix_cached(engine: Engine, tekken: Tekken) -> None:
    ids = prompt(tekken, "A long beginning that does not change. " * 20)
    first = end_of(await ask(engine, asking(ids, 4)))
    again = await ask(engine, asking([*ids, *tekken.encode("And more")], 4))
    assert first.cached == 0
    assert end_of(again).cached >= len(ids) - 1
    assert again[0] == Progress(end_of(again).cached, len(ids) + 2, end_of(again).cached)


async def test_cached_prefixes_of_idle_slots_never_crowd_out_a_request(
    engine: Engine, tekken: Tekken
) -> None:
    for i in range(6):
        ids = prompt(tekken, f"{i} " + "fill the cache with this. " * 150)
        assert 6 * len(ids) > 4096
        end_of(await ask(engine, asking(ids, 4)))
    ids = prompt(tekken, "something else altogether " * 900)[:4080]
    end = end_of(await ask(engine, asking(ids, 4096 - len(ids))))
    assert (end.tokens_predicted, end.stop_type) == (4096 - len(ids), "limit")


async def test_four_requests_that_fill_the_context_exactly_all_end_well(
    engine: Engine, tekken: Tekken
) -> None:
    async def one(i: int) -> Done:
        ids = prompt(tekken, f"{i} " + "word " * 2000)[:900]
        async with engine.reserve(len(ids), 124) as room:
            end = end_of(await ask(engine, asking(ids, 124)))
            room.finished()
        return end

    ends = await asyncio.gather(*map(one, range(4)))
    assert [(e.stop_type, e.tokens_predicted) for e in ends] == [("limit", 124)] * 4


async def test_more_than_the_context_is_refused_by_the_room_and_by_the_engine(
    engine: Engine,
) -> None:
    with pytest.raises(ContextTooLong):
        engine.reserve(4000, 97)
    with pytest.raises(ContextTooLong) as caught:
        await ask(engine, asking([1] + [2000] * 5000, 1))
    assert (caught.value.prompt_tokens, caught.value.n_ctx) == (5001, 4096)


async def test_ids_beyond_the_vocabulary_are_refused(engine: Engine) -> None:
    with pytest.raises(RequestRefused, match="invalid tokens"):
        await ask(engine, asking([1, 99_999], 1))


async def test_only_the_key_opens_the_socket(engine: Engine) -> None:
    assert (await get(engine, "/slots", key="wrong"))[0] == 401
    assert (await get(engine, "/slots"))[0] == 200


async def test_leaving_while_it_writes_frees_the_slot(engine: Engine, tekken: Tekken) -> None:
    async with aclosing(stream(engine, asking(prompt(tekken, "Go on"), 4000))) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, Piece):
                assert await metric(engine, "requests_processing") == 1
                break
    await until(lambda: _idle(engine))
    assert await metric(engine, "tokens_predicted_total") < 4000


async def test_leaving_while_it_reads_the_prompt_frees_the_slot(
    engine_of: Starter, tmp_path: Path
) -> None:
    slow = write_gguf(tmp_path / "slow.gguf", shape=Shape(width=512, layers=8, hidden=2048))
    engine = engine_of(slow, n_ctx=16_384)
    await engine.start()
    ids = [1] + [2000 + i % 1000 for i in range(16_000)]
    async with aclosing(stream(engine, asking(ids, 10))) as chunks:
        async for chunk in chunks:
            assert isinstance(chunk, Progress)
            if chunk.processed > 0:
                break
    await until(lambda: _idle(engine))
    assert await metric(engine, "tokens_predicted_total") == 0
    async with engine.reserve(3, 3) as room:
        end = end_of(await ask(engine, asking([1, 3, 4], 3)))
        room.finished()
    assert end.tokens_predicted == 3


async def test_leaving_while_it_reads_frees_the_slot_beside_a_running_stream_too(
    engine_of: Starter, tmp_path: Path
) -> None:
    slow = write_gguf(tmp_path / "slow.gguf", shape=Shape(width=512, layers=8, hidden=2048))
    engine = engine_of(slow, n_ctx=32_768)
    await engine.start()
    ids = [1] + [2000 + i % 1000 for i in range(12_000)]
    async with aclosing(stream(engine, asking([1, 3, 2000, 4], 16_000))) as running:
        async for chunk in running:
            if isinstance(chunk, Piece):
                break
        async with aclosing(stream(engine, asking(ids, 10))) as dropped:
            async for chunk in dropped:
                assert isinstance(chunk, Progress)
                if chunk.processed > 0:
                    assert await metric(engine, "requests_processing") == 2
                    break
        async for _ in running:
            if await metric(engine, "requests_processing") == 1:
                break
        read = await metric(engine, "prompt_tokens_total")
    assert read < 12_000, "the dropped prompt was not read to its end"
    await until(lambda: _idle(engine))


async def _idle(engine: Engine) -> bool:
    return await metric(engine, "requests_processing") == 0


async def test_a_schema_shapes_the_answer(engine: Engine, tekken: Tekken) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "maximum": 99}, "ok": {"type": "boolean"}},
        "required": ["n", "ok"],
        "additionalProperties": False,
    }
    constraint = shaped(AnswerForm(json.dumps(schema).encode()))
    asked = Completion(prompt(tekken, "JSON"), 100, Sampling(seed=1), constraint=constraint)
    chunks = await ask(engine, asked)
    value = json.loads(text_of(chunks))
    assert set(value) == {"n", "ok"}
    assert end_of(chunks).stop_type == "eos"


TOOL = CallForm(
    "get_weather",
    b'{"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}, '
    b'"unit": {"enum": ["c", "f"]}}, "required": ["city", "unit"], "additionalProperties": false}',
)


def shaped(form: AnswerForm) -> Constraint:
    return Grammars().compile(form)


@pytest.mark.parametrize("seed", range(4))
async def test_a_forced_call_is_a_call_from_its_first_token(
    engine: Engine, tekken: Tekken, seed: int
) -> None:
    asked = Completion(
        prompt(tekken, "Weather?"), 300, Sampling(seed=seed),
        constraint=shaped(AnswerForm(None, (TOOL,), must_call=True, parallel=False)),
    )  # fmt: skip
    reader = ToolCallReader(lambda: "abcdefghi")
    chunks = await ask(engine, asked)
    events = [e for c in chunks if isinstance(c, Piece) for e in reader.feed(c)]
    events += reader.feed_text(end_of(chunks).text)
    assert reader.finish() == ()
    assert events[0] == CallStart(0, "abcdefghi", "get_weather")
    arguments = json.loads("".join(e.text for e in events if isinstance(e, ArgumentsDelta)))
    assert arguments["unit"] in ("c", "f")
    assert reader.calls == 1


async def test_an_allowed_call_may_come_after_text(engine: Engine, tekken: Tekken) -> None:
    sampling = Sampling(seed=1, logit_bias={9: 12.0})
    constraint = shaped(AnswerForm(None, (TOOL,)))
    asked = Completion(prompt(tekken, "Weather?"), 300, sampling, constraint=constraint)
    chunks = await ask(engine, asked)
    reader = ToolCallReader(lambda: "abcdefghi")
    events = [e for c in chunks if isinstance(c, Piece) for e in reader.feed(c)]
    if reader.calls:
        assert any(isinstance(e, CallStart) for e in events)
    assert end_of(chunks).tokens_predicted <= 300


async def test_a_reservation_waits_for_an_engine_that_was_never_started(
    engine_of: Starter,
) -> None:
    with pytest.raises(EngineDown, match="cold"):
        engine_of().reserve(1, 1)
