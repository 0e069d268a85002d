"""Netpbm files, plain and raw, of any depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import scene

from maskdcpt.errors import UserError
from maskdcpt.images import decode_document
from maskdcpt.images.pnm import decode_pnm, encode_pnm

LIMIT = 10_000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1\n# two rows\n3 2\n1 0 1\n010", [[0, 255, 0], [255, 0, 255]]),
        (b"P2 3 1 # a comment\n15\n0 5 15", [[0, 85, 255]]),
        (b"P4\n9 1\n\x80\x80", [[0, 255, 255, 255, 255, 255, 255, 255, 0]]),
        (b"P5\n2 1\n255\n\x01\xff", [[1, 255]]),
        (b"P5\n2 1\n65535\n\x01\x02\xff\xff", [[258, 65535]]),
        (b"P5\n2 1\n1023\n\x00\x00\x03\xff", [[0, 65535]]),
        (b"P3\n1 1\n255\n1 2 3\n", [[[1, 2, 3]]]),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\1\2\3\4", [[[1, 2, 3, 4]]]),
        (b"Pf\n1 2\n-1.0\n" + np.array([0.25, 4], "<f4").tobytes(), [[4], [0.25]]),
        (b"PF\n1 1\n1.0\n" + np.array([1, 2, 3], ">f4").tobytes(), [[[1, 2, 3]]]),
    ],
)
def test_every_kind_is_read(data, expected):
    samples, _ = decode_pnm(data, LIMIT)
    assert np.array_equal(samples.squeeze(), np.array(expected).squeeze())


@given(st.sampled_from([1, 2, 3, 4]), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 9), st.integers(1, 9))
def test_what_is_written_is_read(channels, dtype, height, width):
    samples = scene(height, width, channels, dtype)
    back, notes = decode_pnm(encode_pnm(samples, pam=channels % 2 == 0), LIMIT)
    assert notes == []
    assert back.dtype == dtype
    assert np.array_equal(back, samples)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P5\n2 2\n255\n123", "4 bytes of pixels are needed, and 3 are there"),
        (b"P5\n2 2\n70000\n1234", "the largest value is 70000"),
        (b"P5\n0 2\n255\n", "the size in the header is 0"),
        (b"P5\n2\n", "a number in the header is missing"),
        (b"P2\n2 1\n15\n3 16", "a value of 16 is above the largest, 15"),
        (b"P2\n2 1\n15\n3", "2 numbers are needed"),
        (b"P1\n2 1\n12", "2 digits 0 or 1 are needed"),
        (b"P7\nWIDTH 1\nENDHDR\n", "the header does not say"),
        (b"P7\nWIDTH 1\n", "the header has no end"),
        (b"Pf\n1 1\nbad\n1234", "the scale in the header is missing"),
        (b"P6\n200 200\n255\n", "too many pixels"),
    ],
)
def test_damage_is_told(data, message):
    with pytest.raises(UserError, match=rf"a: .*{message}"):
        decode_document(data, "a", limit=LIMIT)
