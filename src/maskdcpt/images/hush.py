"""What libraries say beside what they return: C code to standard error, Python as warnings."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

_STDERR = threading.Lock()

# Without a handler of their own, the libraries' logs would reach standard error beside the error that tells the same.
for _name in ("PIL", "tifffile"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silences libtiff, libjpeg and libpng, which write to the process's standard error."""
    with _STDERR, open(os.devnull, "wb") as nowhere:
        saved = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextmanager
def noting(notes: list[str]) -> Iterator[None]:
    """Makes notes of warnings: what Pillow or tifffile warns of is something that it could not read fully."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is ours
        yield
    notes += [" ".join(str(warning.message).split()) for warning in caught]
