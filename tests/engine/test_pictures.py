"""Images of every sort, good and bad: what becomes of them, and what they may cost in memory."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistral_common.tokens.tokenizers.image import ImageConfig, ImageEncoder, SpecialImageIDs
from PIL import Image

from tests.engine.eyes import noise
from tokenhouse.engine import (
    PICTURE_TOKENS_MAX,
    ImageRefused,
    Picture,
    Pictures,
    grid,
    read_picture,
)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(size: tuple[int, int], mode: str = "RGB", colour: Any = 0) -> Image.Image:
    return Image.new(mode, size, colour)


def seen(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.png))
    assert (image.format, image.mode) == ("PNG", "RGB")
    assert image.size == (picture.columns * 28, picture.rows * 28)
    image.load()
    return image


@given(width=st.integers(1, 30_000), height=st.integers(1, 30_000))
def test_the_grid_is_the_references_for_every_size(width: int, height: int) -> None:
    class Sized:
        size = (width, height)

    config = ImageConfig(image_patch_size=14, max_image_size=1540, spatial_merge_size=2)
    eyes: Any = ImageEncoder(config, SpecialImageIDs(img=10, img_break=12, img_end=13))
    rows, columns = grid(width, height)
    assert (columns, rows) == eyes._image_to_num_tokens(Sized())
    assert 2 <= Picture(rows, columns, b"").tokens <= PICTURE_TOKENS_MAX


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((224, 224), 72), ((512, 512), 380), ((1024, 1024), 1406), ((1540, 1540), 3080),
        ((4000, 4000), 3080), ((1, 1), 2), ((20_000, 1), 56), ((1, 20_000), 110), ((29, 28), 3),
    ],
)  # fmt: skip
def test_an_image_takes_as_many_tokens_as_its_makers_say(
    size: tuple[int, int], tokens: int
) -> None:
    picture = read_picture(encoded(plain(size)))
    assert picture.tokens == tokens
    seen(picture)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_each_kind_is_read_whatever_it_calls_itself(kind: str) -> None:
    red = plain((60, 30), colour=(250, 0, 0))
    image = seen(read_picture(encoded(red, kind)))
    pixel: Any = image.getpixel((30, 20))
    assert pixel[0] > 230
    assert max(pixel[1:]) < 20


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 200, (200, 200, 200)), ("1", 1, (255, 255, 255)), ("P", 0, (0, 0, 0)),
        ("LA", (200, 255), (200, 200, 200)), ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("I;16", 0x8000, (128, 128, 128)), ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("LA", (0, 0), (255, 255, 255)), ("RGBA", (0, 0, 0, 128), (127, 127, 127)),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb_and_what_is_clear_becomes_white(
    mode: str, colour: Any, expected: tuple[int, int, int]
) -> None:
    pixel: Any = seen(read_picture(encoded(plain((40, 40), mode, colour)))).getpixel((20, 20))
    assert all(abs(found - wanted) <= 1 for found, wanted in zip(pixel, expected, strict=True))


def test_cmyk_and_a_palette_with_a_clear_colour_are_read() -> None:
    cyan: Any = seen(
        read_picture(encoded(plain((40, 40), "CMYK", (255, 0, 0, 0)), "JPEG"))
    ).getpixel((9, 9))
    assert cyan[0] < 40 < 200 < cyan[2]
    clear = encoded(plain((40, 40), "P", 3), "GIF", transparency=3)
    assert seen(read_picture(clear)).getpixel((9, 9)) == (255, 255, 255)


def test_of_an_animation_the_first_frame_is_seen() -> None:
    frames = [plain((40, 40), colour=colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for kind in ("GIF", "WEBP", "PNG"):
        moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        pixel: Any = seen(read_picture(moving)).getpixel((20, 20))
        assert pixel[0] > 200 > pixel[1], kind


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_set_upright(orientation: int) -> None:
    """The same upright picture, stored in each of EXIF's eight ways."""
    upright = plain((84, 28), colour=(255, 255, 255))
    upright.paste((255, 0, 0), (0, 0, 28, 28))  # its left end is red, its right end blue
    upright.paste((0, 0, 255), (56, 0, 84, 28))
    turns = Image.Transpose
    back = {
        2: turns.FLIP_LEFT_RIGHT, 3: turns.ROTATE_180, 4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE, 6: turns.ROTATE_90, 7: turns.TRANSVERSE, 8: turns.ROTATE_270,
    }.get(orientation)  # fmt: skip
    stored = upright if back is None else upright.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(encoded(stored, "PNG", exif=exif))
    assert (picture.rows, picture.columns) == (1, 3)
    image = seen(picture)
    left: Any = image.getpixel((8, 14))
    right: Any = image.getpixel((76, 14))
    assert left[0] > 200 > left[2]
    assert right[2] > 200 > right[0]


def test_a_broken_note_of_the_camera_does_no_harm() -> None:
    torn = encoded(plain((40, 40)), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert read_picture(torn).tokens == 6


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [7072, 9500, 13_500, 20_000, 2**31 - 1])
def test_a_bomb_is_refused_by_what_its_header_says(side: int) -> None:
    with pytest.raises(ImageRefused, match="more than the 50000000 pixels"):
        read_picture(png_that_claims(side, side))


def test_a_smaller_limit_is_kept() -> None:
    data = encoded(plain((101, 100)))
    with pytest.raises(ImageRefused, match="has 101 × 100 pixels, more than the 10000 "):
        read_picture(data, 10_000)
    assert read_picture(data, 10_100).tokens == 4 * 5


BAD = {
    "nothing": b"",
    "text": b"hello, I am an image",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "pdf": b"%PDF-1.7\n",
    "bmp": encoded(plain((9, 9)), "BMP"),
    "tiff": encoded(plain((9, 9)), "TIFF"),
    "icon": encoded(plain((16, 16)), "ICO"),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "signature alone": b"\x89PNG\r\n\x1a\n",
    "no pixels": png_that_claims(0, 9),
    "pixels missing": png_that_claims(100, 100),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(ImageRefused):
        read_picture(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_torn_file_is_refused_wherever_it_is_torn(kind: str) -> None:
    whole = encoded(noise(90, 70), kind)
    for part in range(1, 20):
        torn = whole[: len(whole) * part // 20]
        with pytest.raises(ImageRefused):
            read_picture(torn)


@given(data=st.data())
def test_bytes_that_were_changed_are_a_picture_or_a_refusal(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]))
    octets = bytearray(encoded(noise(50, 40), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImageRefused):
        seen(read_picture(bytes(octets)))


async def test_images_are_read_off_the_event_loop_and_the_threads_are_let_go() -> None:
    pictures = Pictures(pixels_max=10_000)
    assert (await pictures.read(encoded(plain((40, 40))))).tokens == 6
    with pytest.raises(ImageRefused, match="pixels"):
        await pictures.read(encoded(plain((400, 400))))
    pictures.close()
    pictures.close()
