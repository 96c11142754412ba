from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.access import header_key

Headers = list[tuple[bytes, bytes]]

_secret = st.text("abcXYZ-_019", min_size=1, max_size=20).map(str.encode)
_noise = st.lists(
    st.tuples(st.sampled_from([b"host", b"accept", b"keys", b"x-api-keys", b"cookie"]), _secret),
    max_size=4,
)


@given(
    x=st.none() | _secret,
    bearer=st.none() | _secret,
    plain=st.none() | _secret,
    noise=_noise,
    data=st.data(),
)
def test_the_order_of_forms_is_fixed_and_the_order_of_headers_does_not_matter(
    x: bytes | None, bearer: bytes | None, plain: bytes | None, noise: Headers, data: st.DataObject
) -> None:
    headers = list(noise)
    if x is not None:
        headers.append((b"x-api-key", x))
    if bearer is not None:
        scheme = data.draw(st.sampled_from([b"Bearer ", b"bearer ", b"BEARER  ", b"bEaReR\t"]))
        headers.append((b"authorization", scheme + bearer))
    if plain is not None:
        headers.append((b"key", plain))
    expected = next((key for key in (x, bearer, plain) if key is not None), None)
    assert header_key(data.draw(st.permutations(headers))) == expected


@pytest.mark.parametrize("value", [b"Basic eDp5", b"Bearerish abc", b"sk-th-abc", b""])
def test_an_authorization_of_another_scheme_carries_no_key(value: bytes) -> None:
    assert header_key([(b"authorization", value)]) is None
    assert header_key([(b"authorization", value), (b"key", b"k")]) == b"k"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-api-key", b""),
        (b"x-api-key", b"  "),
        (b"authorization", b"Bearer"),
        (b"authorization", b"Bearer  "),
        (b"key", b""),
    ],
)
def test_a_key_that_is_there_but_empty_is_not_none(name: bytes, value: bytes) -> None:
    assert header_key([(name, value)]) == b""


def test_an_empty_first_form_is_not_replaced_by_a_later_one() -> None:
    assert header_key([(b"authorization", b"Bearer right"), (b"x-api-key", b"")]) == b""


@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=30)), max_size=8))
def test_any_bytes_in_headers_are_taken_without_an_error(headers: Headers) -> None:
    header_key(headers)
