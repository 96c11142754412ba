"""URLs and request heads, checked before a byte is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.transport import Client, Origin, header_block


@pytest.mark.parametrize(
    ("url", "origin", "path", "authority"),
    [
        ("http://a.example", Origin("http", "a.example", 80), "", "a.example"),
        ("http://A.Example:80/v1/", Origin("http", "a.example", 80), "/v1", "a.example"),
        ("https://a.example/v1", Origin("https", "a.example", 443), "/v1", "a.example"),
        ("https://a.example:80/", Origin("https", "a.example", 80), "", "a.example:80"),
        ("http://127.0.0.1:9001/v1", Origin("http", "127.0.0.1", 9001), "/v1", "127.0.0.1:9001"),
        ("http://[::1]:9001", Origin("http", "::1", 9001), "", "[::1]:9001"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443), "",
         "xn--bcher-kva.example"),
        ("http+unix://%2Frun%2Fe.sock/v1", Origin("http", "localhost", 80, "/run/e.sock"), "/v1",
         "localhost"),
    ],
)  # fmt: skip
def test_a_base_url_is_an_origin_and_a_path(
    url: str, origin: Origin, path: str, authority: str
) -> None:
    assert Origin.parse(url) == (origin, path)
    assert origin.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example/v1",
        "ftp://a.example",
        "http://",
        "http:///v1",
        "http://user:secret@a.example",
        "http://a.example:notaport",
        "http://a.example:99999",
        "http://a.example:0",
        "http://a.example/v1?key=secret",
        "http://a.example/v1#part",
        "http://a example/",
        "http://a.example/v 1",
        "http+unix://run/x.sock",
    ],
)
def test_a_base_url_that_is_none_is_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        Origin.parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nevil: 1"),
        (b"x", b"a\nb"),
        (b"x", b"secret\0"),
        (b"x\r\nevil", b"a"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
        (b"Host", b"other.example"),
        (b"Content-Length", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"connection", b"close"),
        (b"accept-encoding", b"gzip"),
        (b"expect", b"100-continue"),
    ],
)
def test_a_header_that_could_break_the_head_is_refused(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError) as caught:
        header_block([header])
    assert "secret" not in str(caught.value)


@given(
    st.lists(
        st.tuples(
            st.from_regex(rb"\Ax-[a-z0-9]{1,10}\Z"),
            st.binary(max_size=20),
        ),
        max_size=5,
    )
)
def test_a_checked_block_has_one_line_per_header(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        block = header_block(headers)
    except ValueError:
        assert any(set(value) & {*range(9), *range(10, 32), 127} for _, value in headers)
    else:
        assert block.split(b"\r\n") == [b"%b: %b" % header for header in headers] + [b""]
        assert not set(block.replace(b"\r\n", b"")) & {0, 10, 13}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"POST", b"/a b"),
        (b"POST", b"/a\r\nevil: 1"),
        (b"POST", b"a"),
        (b"POST", b""),
        (b"POST", "/\u00e9".encode()),
        (b"POST /evil HTTP/1.1\r\nx:", b"/"),
        (b"", b"/"),
    ],
)
async def test_a_method_or_target_that_could_break_the_head_is_refused(
    client: Client, method: bytes, target: bytes
) -> None:
    with pytest.raises(ValueError):
        await client.send(Origin("http", "127.0.0.1", 1), method, target)
