"""Images as they are sent → pictures as the model sees them: upright, on white, in whole squares.

Source of the sizes: mistral-common's image encoder for v7 (longer side at most 1540, then up to
multiples of 28). What a file claims is checked by its header before a pixel of it is decoded, and
decoding runs in threads of its own.
"""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from .conversation import Picture
from .errors import EngineMissing, ImageRefused

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

SIDE_MAX: Final = 1540
"""Pixels of the longer side; larger images are shrunk to it."""
SQUARE: Final = 28
"""Pixels across of what becomes one token: 2 × 2 patches of 14."""
PICTURE_TOKENS_MAX: Final = 3080
PIXELS_MAX: Final = 50_000_000
THREADS: Final = 2

_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = ("ROTATE_90", "ROTATE_270", "TRANSPOSE", "TRANSVERSE")
_BROKEN: Final = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError),
    *(OverflowError, MemoryError, RuntimeError, struct.error, zlib.error, UserWarning),
)
"""What the decoder is known to raise on torn files (the last where warnings are errors)."""


def grid(width: int, height: int) -> tuple[int, int]:
    """(rows, columns) of squares that an image of so many pixels becomes."""
    ratio = max(width, height) / SIDE_MAX
    if ratio > 1:
        width, height = max(round(width / ratio), 1), max(round(height / ratio), 1)
    return (height - 1) // SQUARE + 1, (width - 1) // SQUARE + 1


class Pictures:
    """Reads images. `pixels_max` is what an image's header may claim, width × height."""

    def __init__(self, *, pixels_max: int = PIXELS_MAX, threads: int = THREADS) -> None:
        self._pixels_max = pixels_max
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    async def read(self, data: bytes) -> Picture:
        """The first frame of a PNG, JPEG, WebP or GIF.

        Raises ImageRefused, whose reason begins in the middle of a sentence ("is no …"), and
        EngineMissing.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "tokenhouse-images")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, read_picture, data, self._pixels_max)

    def close(self) -> None:
        """Let go of the threads. Idempotent; an image that is being read is read to its end."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def read_picture(data: bytes, pixels_max: int = PIXELS_MAX) -> Picture:
    """As `Pictures.read`; blocking, tens of milliseconds for a large photograph."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise EngineMissing("pillow") from error
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        raise ImageRefused("is no PNG, JPEG, WebP or GIF image, or is torn") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _too_large(pixels_max) from None
    except _BROKEN as error:
        raise _torn(error) from error
    with image:
        width, height = image.size
        if width < 1 or height < 1:
            raise ImageRefused("has no pixels")
        if width * height > pixels_max:
            raise _too_large(pixels_max, width, height)
        try:
            return _picture(image)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise _too_large(pixels_max) from None
        except _BROKEN as error:
            raise _torn(error) from error


def _picture(image: Image) -> Picture:
    width, height = image.size
    turn = _turn(image)
    turned = turn is not None and turn.name in _SIDEWAYS
    rows, columns = grid(height, width) if turned else grid(width, height)
    size = (columns * SQUARE, rows * SQUARE)
    lying = (size[1], size[0]) if turned else size
    # a JPEG can be decoded at a half, a quarter or an eighth of its size: far less memory
    image.draft(None, (2 * lying[0], 2 * lying[1]))
    small = _on_white(image, lying)
    if turn is not None:
        small = small.transpose(turn)
    out = io.BytesIO()
    small.save(out, "PNG", compress_level=1)
    return Picture(rows, columns, out.getvalue())


def _on_white(image: Image, size: tuple[int, int]) -> Image:
    """In RGB and of that size; what is transparent is white.

    Alpha is resized premultiplied and laid on white afterwards: the same colours as the other way
    round, in half the memory.
    """
    from PIL import Image as images

    cubic = images.Resampling.BICUBIC
    if image.has_transparency_data:
        clear = image.convert("RGBA").resize(size, cubic)
        white = images.new("RGBA", size, "white")
        white.alpha_composite(clear)
        return white.convert("RGB")
    if image.mode.startswith("I"):  # 16 bits of grey: the upper eight
        image = image.point(lambda grey: grey * (1 / 256)).convert("L")
    return image.convert("RGB").resize(size, cubic)


def _turn(image: Image) -> Transpose | None:
    """How to set it upright: what the camera noted (EXIF), where that can be read."""
    from PIL import Image as images

    try:
        noted: object = image.getexif().get(_ORIENTATION)
    except _BROKEN:
        return None
    turns = images.Transpose
    return {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(noted if isinstance(noted, int) else 0)


def _too_large(pixels_max: int, width: int = 0, height: int = 0) -> ImageRefused:
    has = f"{width} × {height} pixels, " if width else ""
    return ImageRefused(
        f"has {has}more than the {pixels_max} pixels that are read", "send it smaller"
    )


def _torn(error: BaseException) -> ImageRefused:
    why = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return ImageRefused(f"can't be decoded ({why})", "send a whole file")
