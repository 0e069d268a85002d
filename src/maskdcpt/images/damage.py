"""From what libraries raise on files that they cannot decode to one line for people."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from maskdcpt.errors import UserError
from maskdcpt.images.limits import TooManyPixels, pixel_limit, too_many_pixels
from maskdcpt.shortage import ran_out, within_memory

READABLE = "a JPEG, PNG, WebP, TIFF, GIF, AVIF, HEIC, BMP or Netpbm file"

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow, tifffile and imagecodecs raise on damaged files, as found by feeding them thousands. Our own mistakes
raise the same, so that only what decodes belongs where these count as damage."""


@contextmanager
def refusing(name: object, limit: int | None = None) -> Iterator[None]:
    """Turns whatever decoding raises into one line that begins with the name of the file.

    Args:
        name: Of the file.
        limit: Pixels that it may have; None for what the environment says.

    Raises:
        TooManyPixels: If it has more.
        UserError: If memory does not suffice, or the block fails in another way as decoders do.
    """
    with within_memory(name, "read"):
        try:
            yield
        except TooManyPixels as error:
            raise TooManyPixels(f"{name}: {error}") from None
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        except Image.DecompressionBombError:
            raise TooManyPixels(f"{name}: {too_many_pixels('as Pillow counts', pixel_limit(limit))}") from None
        except UnidentifiedImageError:
            raise UserError(f"{name}: not an image that can be read; expected {READABLE}, and a whole one") from None
        except DAMAGE as error:
            if ran_out(error):
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{name}: the image is damaged or cut short ({reason}); a whole copy is needed") from error
