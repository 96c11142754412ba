"""Lines for other programs: what a spreadsheet would run is text in CSV, and untouched in JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.billing import export


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=30))
def test_no_text_of_a_csv_cell_begins_like_a_formula(text: str) -> None:
    ((cell,),) = list(csv.reader(io.StringIO(export.lines("csv", [{"reason": text}])))) or [[""]]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell in (text, "'" + text)
    assert json.loads(export.lines("ndjson", [{"reason": text}]))["reason"] == text


@pytest.mark.parametrize("value", [-5, 0, 5, True, None])
def test_numbers_and_words_of_the_house_stay_as_they_are(value: int | bool | None) -> None:
    told = {-5: "-5", 0: "0", 5: "5", True: "true", None: ""}
    expected = "true" if value is True else told[value]
    line = export.lines("csv", [{"amount": value, "id": "x"}])
    assert line == f"{expected},x\n"


def test_a_list_is_json_in_one_cell() -> None:
    line = export.lines("csv", [{"attempts": [{"error": "=1"}]}])
    assert line == '"[{""error"": ""=1""}]"\n'
