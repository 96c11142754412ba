from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.engine import StopScanner

LETTERS = st.text("abc", max_size=30)
STOPS = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)


@given(text=LETTERS, stops=STOPS, cuts=st.lists(st.integers(0, 30), max_size=8))
def test_text_ends_before_the_first_stop_string_however_it_is_cut(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    scanner = StopScanner(stops)
    told, met = "", None
    for a, b in itertools.pairwise(edges):
        piece, met = scanner.feed(text[a:b])
        told += piece
        if met is not None:
            break
    told += scanner.rest()
    if met is None:
        assert told == text
        assert not any(stop in text for stop in stops)
    else:
        assert text.startswith(told + met)
        assert met in stops
        assert not any(stop in told for stop in stops)


def test_only_what_may_begin_a_stop_string_is_held_back() -> None:
    scanner = StopScanner(["\n\nEnd"])
    assert scanner.feed("one\n") == ("one", None)
    assert scanner.feed("two\n\nE") == ("\ntwo", None)
    assert scanner.feed("nd, really") == ("", "\n\nEnd")
