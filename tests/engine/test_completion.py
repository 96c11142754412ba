from __future__ import annotations

import json
import math

import pytest

from tokenhouse.engine import (
    Completion,
    Constraint,
    ContextTooLong,
    Done,
    EngineDown,
    EngineError,
    EngineFault,
    Piece,
    Progress,
    RequestRefused,
    Sampling,
    completion_body,
    read_chunk,
    read_error,
)


def test_a_body_spells_out_every_setting() -> None:
    body = json.loads(completion_body(Completion([1, 3, 4], 5)))
    assert body["prompt"] == [1, 3, 4]
    assert body["n_predict"] == 5
    for name in ("stream", "return_tokens", "return_progress", "cache_prompt"):
        assert body[name] is True
    neutral = {
        "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "typical_p": 1.0,
        "repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0,
        "dry_multiplier": 0.0, "xtc_probability": 0.0, "mirostat": 0, "dynatemp_range": 0.0,
        "n_probs": 0, "ignore_eos": False, "stop": [],
    }  # fmt: skip
    assert {name: body[name] for name in neutral} == neutral
    assert "grammar" not in body
    assert "logit_bias" not in body


def test_a_body_carries_what_was_asked() -> None:
    sampling = Sampling(
        temperature=0.0, top_p=0.5, top_k=7, min_p=0.1, repeat_penalty=1.2, presence_penalty=-1.0,
        frequency_penalty=2.0, seed=-5, logit_bias={9: -100.0, 12: 1.5},
    )  # fmt: skip
    asked = Completion([1], 1, sampling, stop=["\n", "é"], top_logprobs=0,
                       constraint=Constraint("start: x"))  # fmt: skip
    body = json.loads(completion_body(asked))
    assert (body["temperature"], body["top_p"], body["top_k"], body["min_p"]) == (0, 0.5, 7, 0.1)
    assert (body["presence_penalty"], body["frequency_penalty"]) == (-1.0, 2.0)
    assert body["repeat_penalty"] == 1.2
    assert body["logit_bias"] == [[9, -100.0], [12, 1.5]]
    assert body["stop"] == ["\n", "é"]
    assert body["grammar"] == "start: x"
    assert body["n_probs"] == 1, "the drawn token's own probability is wanted at least"


@pytest.mark.parametrize("seed", [0, 1, -1, 2**31, 2**32 - 1, 2**63, -(2**63)])
def test_every_integer_is_a_seed_and_none_of_them_means_random(seed: int) -> None:
    body = json.loads(completion_body(Completion([1], 1, Sampling(seed=seed))))
    assert 0 <= body["seed"] < 2**32 - 1


@pytest.mark.parametrize("asked", [Completion([1], 0), Completion([1], -1), Completion([], 1)])
def test_nothing_to_read_or_to_write_is_refused(asked: Completion) -> None:
    with pytest.raises(RequestRefused):
        completion_body(asked)


def test_chunks_are_told_apart() -> None:
    progress = (
        b'{"content":"","tokens":[0],"stop":false,'
        b'"prompt_progress":{"total":9,"cache":3,"processed":4,"time_ms":0}}'
    )
    assert read_chunk(progress) == Progress(4, 9, 3)
    piece = b'{"content":" he","tokens":[1514],"stop":false,"tokens_predicted":2}'
    assert read_chunk(piece) == Piece(" he", (1514,), 2)
    end = (
        b'{"content":"","tokens":[],"stop":true,"stop_type":"word","stopping_word":"x",'
        b'"tokens_predicted":3,"tokens_evaluated":9,"tokens_cached":11,"truncated":false,'
        b'"timings/cache_n":3}'
    )
    assert read_chunk(end) == Done("word", "x", 3, 9, 11, False, 3)


def test_logprobs_keep_bytes_and_an_impossible_token_has_a_number() -> None:
    data = (
        b'{"content":"","tokens":[207],"completion_probabilities":[{"id":207,"token":"\xef\xbf\xbd",'
        b'"bytes":[207],"logprob":-0.5,"top_logprobs":[{"id":1,"token":"a","bytes":[97],'
        b'"logprob":null}]}]}'
    )
    chunk = read_chunk(data)
    assert isinstance(chunk, Piece)
    [drawn] = chunk.logprobs
    assert (drawn.id, drawn.raw, drawn.logprob) == (207, b"\xcf", -0.5)
    assert math.isfinite(drawn.top[0].logprob)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"code":500,"message":"Context size has been exceeded."}}', EngineFault),
        (b'{"error":{"code":503,"message":"Loading model","type":"x"}}', EngineDown),
        (b'{"error":{"code":400,"message":"Prompt contains invalid tokens"}}', RequestRefused),
        (
            b'{"error":{"code":400,"message":"m","type":"exceed_context_size_error",'
            b'"n_prompt_tokens":70,"n_ctx":64}}',
            ContextTooLong,
        ),
        (b"<html>", EngineFault),
        (b'{"content": 5}', EngineFault),
    ],
)
def test_errors_of_the_engine_are_told_by_whose_they_are(
    body: bytes, kind: type[EngineError]
) -> None:
    with pytest.raises(kind):
        read_chunk(body)
    assert type(read_error(500, body)) is kind


def test_an_end_without_its_facts_is_still_an_end() -> None:
    assert isinstance(read_chunk(b'{"stop":true}'), Done)
