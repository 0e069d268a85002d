"""The classical order of training: every epoch shows everything once, shuffled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdcpt.errors import UserError
from maskdcpt.seeds import derive_seed


class ShuffledOrder:
    """A random order of the numbers below ``size``, anew in every epoch.

    What is at a position is a function of (seed, position), so that the position is all there is to remember. The
    order of one epoch is kept, four bytes a number; 2.5 million are shuffled in less than a tenth of a second.

    Args:
        size: How many numbers there are.
        seed: Seed of the run.

    Raises:
        UserError: If there are none, or too many.
    """

    def __init__(self, size: int, seed: int) -> None:
        if not 0 < size < 2**31:
            raise UserError(
                f'data.order = "shuffled": {size:,} images in an epoch, and there can be 1 to 2,147,483,647'
            )
        self._size = size
        self._seed = seed
        self._epoch: tuple[int, NDArray[np.int32]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A process shuffles in less time than it takes to be sent what another has shuffled.
        return self.__dict__ | {"_epoch": None}

    def __getitem__(self, position: int) -> int:
        number, place = divmod(position, self._size)
        if self._epoch is None or self._epoch[0] != number:
            self._epoch = number, self._shuffled(number)
        return int(self._epoch[1][place])

    def _shuffled(self, epoch: int) -> NDArray[np.int32]:
        numbers = np.arange(self._size, dtype=np.int32)
        np.random.default_rng(derive_seed("epoch", self._seed, epoch)).shuffle(numbers)
        return numbers
