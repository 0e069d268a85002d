"""The one place where seeds are made."""

from __future__ import annotations

import hashlib
from operator import index


def derive_seed(*parts: int | str) -> int:
    """Hashes what a random draw belongs to into its own seed.

    Two draws that differ in any part get unrelated streams, and a draw does not depend on how many came before it or
    on which worker makes it. The value is the same on every machine and in every run (unlike ``hash``).

    Args:
        parts: What the draw is for, e.g. ``derive_seed(run_seed, "mask", epoch, key)``. ``1`` and ``"1"`` differ,
            and so do ``("ab", "c")`` and ``("a", "bc")``.

    Returns:
        An integer in [0, 2**64), which both ``numpy.random.default_rng`` and ``torch.Generator.manual_seed`` take.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        kind, text = ("s", part) if isinstance(part, str) else ("i", str(index(part)))
        encoded = text.encode(errors="surrogateescape")
        # With its kind and length in front, no part can be mistaken for another or run into the next.
        digest.update(f"{kind}{len(encoded)}:".encode(errors="surrogateescape") + encoded)
    return int.from_bytes(digest.digest(), "big")
