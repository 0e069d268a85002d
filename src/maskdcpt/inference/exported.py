"""What the runtimes of exported networks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.inference.description import LOGITS, RESTORED, Description

EXPORT, OPENVINO = "maskdcpt[export]", "maskdcpt[openvino]"
"""What brings the packages for ONNX files, and for OpenVINO."""


class ExportedNetwork(ABC):
    """A network from a file that ``maskdcpt export`` wrote, on the CPU and in float32.

    Every call is complete in itself, so threads may share a network.

    Args:
        path: The file.
        description: What it says of itself.
    """

    def __init__(self, path: Path, description: Description) -> None:
        self.path = path
        self.description = description
        self.device = torch.device("cpu")

    @property
    def stride(self) -> int:
        """To multiples of how many pixels an image is padded inside."""
        return self.description.stride

    @property
    def reach(self) -> int:
        """How far from a pixel the pixels lie that decide about it, in pixels."""
        return self.description.reach

    @property
    def types(self) -> tuple[str, ...]:
        """The types of damage that it names, in the order of ``classify``; none without a classifier."""
        return self.description.types

    def __call__(self, batch: Tensor) -> Tensor:
        """Restores images.

        Args:
            batch: RGB float32 (N, 3, H, W) in [0, 1] on the CPU, of any size.

        Returns:
            The restored images, of the same shape, not clamped.

        Raises:
            UserError: If it is no such batch.
            torch.OutOfMemoryError: If memory does not suffice.
        """
        return self._run(batch, RESTORED)

    def classify(self, batch: Tensor) -> Tensor:
        """How likely each type of damage is, float64 (N, types); rows sum to 1 unless several may come together.

        Raises:
            UserError: As for ``logits``.
            torch.OutOfMemoryError: If memory does not suffice.
        """
        logits = self.logits(batch).double()
        return logits.sigmoid() if self.description.multi_label else logits.softmax(1)

    def logits(self, batch: Tensor) -> Tensor:
        """What ``classify`` makes its probabilities from, float32 (N, types).

        Raises:
            UserError: If the file has no classifier, and as for restoring.
            torch.OutOfMemoryError: If memory does not suffice.
        """
        if not self.types:
            raise UserError(f"{self.path}: was made of weights without a classifier; pre-training makes one")
        return self._run(batch, LOGITS)

    def _run(self, batch: Tensor, output: str) -> Tensor:
        if batch.ndim != 4 or batch.shape[1] != 3 or min(batch.shape) < 1:
            raise UserError(f"a network takes RGB images (N, 3, H, W) in [0, 1], not {tuple(batch.shape)}")
        if batch.dtype != torch.float32 or batch.device != self.device:
            raise UserError(f"an exported network takes float32 on the CPU, not {batch.dtype} on {batch.device}")
        return torch.from_numpy(self.compute(batch.detach().contiguous().numpy(), output))

    @abstractmethod
    def compute(self, image: NDArray[np.float32], output: str) -> NDArray[np.float32]:
        """Runs the graph for one of its outputs, which is the caller's own afterwards.

        Raises:
            torch.OutOfMemoryError: If memory does not suffice.
        """


def require_file(path: Path) -> None:
    """Refuses what is no file.

    Raises:
        UserError: If it is a folder, or nothing.
    """
    if path.is_dir():
        raise UserError(f"{path}: a folder; this runtime takes a file that `maskdcpt export` made of such weights")
    if not path.is_file():
        raise UserError(f"{path}: no such file; `maskdcpt export` makes one")


def require_package(package: str, install: str, purpose: str) -> Any:
    """Imports an optional package.

    Args:
        package: Its name.
        install: What brings it, as pip is to be told.
        purpose: What it is needed for, as the beginning of a sentence.

    Raises:
        UserError: If it is missing, naming what to install, or cannot be imported.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        needed = "" if error.name in (None, package) else f", which needs {error.name}"
        raise UserError(f'{purpose} needs the package {package}{needed}: pip install "{install}"') from error
    except Exception as error:  # whatever the import of a large package ends in, such as a missing system library
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{purpose} needs the package {package}, which cannot be imported: {line}") from error
