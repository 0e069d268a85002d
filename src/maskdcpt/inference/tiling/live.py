"""How many values are held at once while torch computes."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the values of tensors that are made inside of it and are still there; views of a tensor count once.

    What operations hold inside, such as buffers of libraries, is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        """The largest number so far."""
        self._now = 0
        self._users = Counter[int]()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return (
            False  # nothing is compiled inside of it, and for skipping torch would load its compiler, which takes 2 s
        )

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs an operation."""
        known = {leaf.untyped_storage().data_ptr() for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = function(*args, **(kwargs or {}))
        for made in tree_leaves(result):
            if isinstance(made, Tensor):
                self._meet(made, known)
        return result

    def _meet(self, made: Tensor, known: set[int]) -> None:
        place = made.untyped_storage().data_ptr()
        if place in known and not self._users[place]:
            return  # a view of something that was there before
        values = made.untyped_storage().nbytes() // made.element_size()
        if not self._users[place]:
            self._now += values
            self.most = max(self.most, self._now)
        self._users[place] += 1
        weakref.finalize(made, self._part, place, values)

    def _part(self, place: int, values: int) -> None:
        self._users[place] -= 1
        if not self._users[place]:
            self._now -= values
