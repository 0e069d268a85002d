"""Netpbm files: PBM, PGM, PPM (plain and raw), PAM and PFM. Source: https://netpbm.sourceforge.net/doc/."""

from __future__ import annotations

import re

import numpy as np

from maskdcpt.errors import UserError
from maskdcpt.images.limits import require_pixels
from maskdcpt.images.raster import Samples

MAGIC = {
    **dict.fromkeys((b"P1", b"P2", b"P4", b"P5"), "PGM"),
    **dict.fromkeys((b"P3", b"P6"), "PPM"),
    b"P7": "PAM",
    **dict.fromkeys((b"PF", b"Pf"), "PFM"),
}
"""What the files begin with, and the format as which they are written; bits become grey values in restoration."""

_GAP = rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])+"  # white space or a comment, which reaches to the end of its line
_NUMBER = re.compile(_GAP + rb"(\d{1,9})")
_SCALE = re.compile(_GAP + rb"([-+]?[\d.]+(?:[eE][-+]?\d+)?)")
_PAM_END = re.compile(rb"(?m)^ENDHDR[ \t]*\r?\n")
_PAM_ENTRY = re.compile(rb"(?m)^[ \t]*(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,9})[ \t]*\r?$")


def decode_pnm(data: bytes, limit: int) -> tuple[Samples, list[str]]:
    """Samples (H, W, C) of the first picture of a file, and what is to be said about them.

    Values of fewer than eight bits become eight, of nine to fifteen sixteen.

    Args:
        data: The file, which begins with one of ``MAGIC``.
        limit: Pixels that it may have.

    Raises:
        UserError: If it has more pixels than the limit.
        ValueError: If it is damaged or cut short.
    """
    kind = data[:2]
    if kind == b"P7":
        return _decode_pam(data, limit)
    width, at = _number(data, 2)
    height, at = _number(data, at)
    channels = 3 if kind in (b"P3", b"P6", b"PF") else 1
    _require_size(width, height, limit)
    if kind in (b"PF", b"Pf"):
        found = _SCALE.match(data, at)
        if found is None or float(found[1]) == 0:
            raise ValueError("the scale in the header is missing")
        order = "<f4" if float(found[1]) < 0 else ">f4"
        values = _raw(data, found.end() + 1, width * height * channels, np.dtype(order))
        return values.reshape(height, width, channels)[::-1].astype(np.float32), []  # stored from the bottom up
    if kind in (b"P1", b"P4"):
        bits = _plain_bits(data, at, width * height) if kind == b"P1" else _packed_bits(data, at + 1, width, height)
        return np.where(bits, 0, 255).astype(np.uint8).reshape(height, width, 1), []
    most, at = _number(data, at)
    count = width * height * channels
    if kind in (b"P2", b"P3"):
        values = _plain_numbers(data, at, count)
    else:
        values = _raw(data, at + 1, count, _sample_type(most))
    return _to_full_range(values.reshape(height, width, channels), most)


def encode_pnm(samples: Samples, pam: bool = False) -> bytes:
    """A file that holds samples (H, W, C) exactly: PFM for floating point, otherwise PGM, PPM or, where asked, PAM."""
    height, width, channels = samples.shape
    if samples.dtype.kind == "f":
        kind = "PF" if channels == 3 else "Pf"
        return f"{kind}\n{width} {height}\n-1.0\n".encode() + samples[::-1].astype("<f4").tobytes()
    most = np.iinfo(samples.dtype).max
    if pam:
        kind = ("GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA")[channels - 1]
        header = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {most}\nTUPLTYPE {kind}\nENDHDR\n"
    else:
        header = f"{'P6' if channels == 3 else 'P5'}\n{width} {height}\n{most}\n"
    return header.encode() + samples.astype(_sample_type(most)).tobytes()


def _decode_pam(data: bytes, limit: int) -> tuple[Samples, list[str]]:
    end = _PAM_END.search(data, 0, 1 << 16)
    if end is None:
        raise ValueError("the header has no end")
    entries = {key.decode(): int(value) for key, value in _PAM_ENTRY.findall(data, 0, end.start())}
    if set(entries) != {"WIDTH", "HEIGHT", "DEPTH", "MAXVAL"}:
        raise ValueError("the header does not say the width, height, depth and largest value")
    width, height, channels, most = (entries[key] for key in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL"))
    if channels not in (1, 2, 3, 4):
        raise UserError(f"a PAM file of {channels} channels is not supported; 1 to 4 are")
    _require_size(width, height, limit)
    values = _raw(data, end.end(), width * height * channels, _sample_type(most))
    return _to_full_range(values.reshape(height, width, channels), most)


def _require_size(width: int, height: int, limit: int) -> None:
    if not width or not height:
        raise ValueError("the size in the header is 0")
    require_pixels(width, height, 1, limit)


def _number(data: bytes, at: int) -> tuple[int, int]:
    found = _NUMBER.match(data, at)
    if found is None:
        raise ValueError("a number in the header is missing")
    return int(found[1]), found.end()


def _sample_type(most: int) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    if not 1 <= most <= 65535:
        raise ValueError(f"the largest value is {most}, which has to be 1 to 65535")
    return np.dtype(np.uint8) if most < 256 else np.dtype(">u2")


def _raw(data: bytes, at: int, count: int, dtype: np.dtype[np.generic]) -> Samples:
    if len(data) - at < count * dtype.itemsize:
        raise ValueError(f"{count * dtype.itemsize} bytes of pixels are needed, and {max(0, len(data) - at)} are there")
    return np.frombuffer(data, dtype, count, at)


def _without_comments(data: bytes, at: int) -> bytes:
    return re.sub(rb"#[^\r\n]*", b"", data[at:])


def _plain_numbers(data: bytes, at: int, count: int) -> Samples:
    words = _without_comments(data, at).split()
    if len(words) < count or any(len(word) > 5 or not word.isdigit() for word in words[:count]):
        raise ValueError(f"{count} numbers are needed")
    return np.array(words[:count]).astype(np.int64)


def _plain_bits(data: bytes, at: int, count: int) -> Samples:
    digits = np.frombuffer(b"".join(_without_comments(data, at).split())[:count], np.uint8) - ord("0")
    if len(digits) < count or (digits > 1).any():
        raise ValueError(f"{count} digits 0 or 1 are needed")
    return digits


def _packed_bits(data: bytes, at: int, width: int, height: int) -> Samples:
    row = (width + 7) // 8
    return np.unpackbits(_raw(data, at, row * height, np.dtype(np.uint8)).reshape(height, row), axis=1)[:, :width]


def _to_full_range(values: Samples, most: int) -> tuple[Samples, list[str]]:
    if values.size and values.max() > most:
        raise ValueError(f"a value of {values.max()} is above the largest, {most}")
    full = 255 if most < 256 else 65535
    exact = values.astype(np.uint8 if full == 255 else np.uint16)
    if most == full:
        return exact, []
    return ((values.astype(np.float64) * full / most).round()).astype(exact.dtype), [
        f"values up to {most} spread to {full}"
    ]
