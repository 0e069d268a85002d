"""What libraries say beside what they return: C code to standard error, Python as warnings."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

_STDERR = threading.Lock()
_WARNINGS = threading.RLock()

_LIBRARIES = r"(PIL|imagecodecs|numpy|pillow_heif|tifffile)(\.|$)"

# Without a handler of their own, the libraries' logs would reach standard error beside the error that tells the same.
for _name in ("PIL", "tifffile"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silences libtiff and libpng, which write to the process's standard error.

    What other threads write there meanwhile is lost, so this belongs around what they decode, and nothing longer.
    """
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
    """Makes notes of warnings: what Pillow or tifffile warns of is something that it could not read fully.

    Warnings are the process's, not a thread's. So one thread at a time takes notes, and of its own warnings only; those
    of the others go where they went before.
    """
    thread = threading.get_ident()
    with _WARNINGS, warnings.catch_warnings():
        elsewhere = warnings.showwarning

        def note(message: Warning | str, *rest: Any, **named: Any) -> None:
            if threading.get_ident() == thread:
                notes.append(" ".join(str(message).split()))
            else:
                elsewhere(message, *rest, **named)

        warnings.showwarning = note
        warnings.filterwarnings("always", module=_LIBRARIES)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is ours
        yield
