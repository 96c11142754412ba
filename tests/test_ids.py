"""Ids: their kind in front, sorting by time, either name of an answer finding its request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse import ids

TIMES = st.integers(0, 2**44 - 1)


@given(TIMES, st.sampled_from(["chatcmpl-", "cmpl-", "msg_", "resp_", "gen-"]))
def test_an_answers_id_leads_back_to_its_request(now_ms: int, prefix: str) -> None:
    request_id = ids.new(ids.REQUEST, now_ms)
    answer_id = ids.answer_id(prefix, request_id)
    assert answer_id.startswith(prefix)
    assert ids.request_id_of(answer_id) == request_id
    assert ids.request_id_of(request_id) == request_id


@given(TIMES, TIMES)
def test_ids_sort_by_time(first_ms: int, second_ms: int) -> None:
    first, second = ids.new(ids.POSTING, first_ms), ids.new(ids.POSTING, second_ms)
    if first_ms != second_ms:
        assert (first < second) == (first_ms < second_ms)


def test_ids_of_one_moment_differ() -> None:
    assert len({ids.new(ids.KEY, 1) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "text",
    ["", "req_", "chatcmpl-abc", "acc_" + "0" * 27, "req_" + "g" * 27, "req_" + "0" * 28, "0" * 27],
)
def test_another_text_names_no_request(text: str) -> None:
    assert ids.request_id_of(text) is None


@given(st.text(max_size=40))
def test_any_text_is_a_request_or_none(text: str) -> None:
    found = ids.request_id_of(text)
    assert found is None or text.endswith(found.removeprefix(ids.REQUEST))


def test_a_secret_is_long_and_new_each_time() -> None:
    secrets = {ids.new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(s.startswith("sk-th-") and len(s) == 54 for s in secrets)
