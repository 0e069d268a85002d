"""How often each type of damage is taken for each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.files import read_json, write_json

CONFUSION = "confusion.json"
"""File of the counts of a run."""


class Rates(NamedTuple):
    """How well one type is recognised where several can occur together."""

    precision: float | None
    """Share of the images it was named for that have it; None if it was never named."""
    recall: float | None
    """Share of the images that have it for which it was named; None if none has it."""
    images: int
    """Images that have it."""


class Confusion:
    """Counts of true and named types, kept on the device: adding to them waits for nothing.

    Args:
        classes: Names of the types in the order of the logits.
        multi: Whether an image can have several types.
        device: Where labels and logits are.

    Attributes:
        counts: int64. With one type an image (classes, classes): images of each type (down), named as each (across).
            With several (classes, 2, 2): for each type the images that do not or do have it (down), for which it was
            not or was named (across). Sums over processes are sums of these.
    """

    def __init__(self, classes: Sequence[str], *, multi: bool = False, device: torch.device | str = "cpu") -> None:
        self.classes = tuple(classes)
        self.multi = multi
        shape = (len(self.classes), 2, 2) if multi else (len(self.classes), len(self.classes))
        self.counts = torch.zeros(shape, dtype=torch.int64, device=device)

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Counts a batch.

        Args:
            logits: Scores (N, classes); with several types an image, a positive one names the type.
            labels: Numbers of types (N,), or 0 and 1 for several types an image (N, classes).
        """
        if self.multi:
            types = torch.arange(len(self.classes), device=labels.device)
            cells = (types * 4 + labels.long() * 2 + (logits > 0)).flatten()
        else:
            cells = labels * len(self.classes) + logits.argmax(1)
        # Not bincount, which would wait for the device to learn the size of its result.
        self.counts.view(-1).index_add_(0, cells, torch.ones_like(cells))

    def reset(self) -> None:
        """Forgets everything counted."""
        self.counts.zero_()

    def matrix(self) -> list[list[int]]:
        """Images of each type (down), named as each (across).

        Raises:
            UserError: If images can have several types.
        """
        if self.multi:
            raise UserError("a confusion matrix needs one type an image; with several there are rates of each type")
        matrix: list[list[int]] = self.counts.tolist()
        return matrix

    def rates(self) -> list[Rates]:
        """How well each type is recognised."""
        counts = self.counts.cpu()
        if self.multi:
            true, named, right = counts[:, 1].sum(1), counts[:, :, 1].sum(1), counts[:, 1, 1]
        else:
            true, named, right = counts.sum(1), counts.sum(0), counts.diagonal()
        columns = zip(true.tolist(), named.tolist(), right.tolist(), strict=True)
        return [Rates(_share(hits, guesses), _share(hits, images), images) for images, guesses, hits in columns]

    def accuracy(self) -> float | None:
        """Share of right answers, None before any: of images, or of yes and no to each type of each image."""
        right = self.counts.diagonal(dim1=-2, dim2=-1).sum().item()
        return _share(right, self.counts.sum().item())

    def state_dict(self) -> dict[str, Tensor]:
        """What a resumed run needs to go on counting."""
        return {"counts": self.counts}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Takes over the counts of another.

        Raises:
            UserError: If they are of other types.
        """
        if state["counts"].shape != self.counts.shape:
            raise UserError(
                f"counts of types have the shape {tuple(state['counts'].shape)}; expected {tuple(self.counts.shape)}"
            )
        self.counts.copy_(state["counts"])


class CountedTypes(NamedTuple):
    """The counts of a run."""

    step: int
    """When they were written."""
    confusion: Confusion
    """The counts themselves."""


def write_confusion(run: Path, step: int, confusion: Confusion) -> None:
    """Writes ``confusion.json`` into a run folder, whole or not at all.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    record = {"step": step, "classes": confusion.classes, "counts": confusion.counts.tolist()}
    write_json(run / CONFUSION, record)


def read_confusion(run: Path) -> CountedTypes | None:
    """Reads ``confusion.json`` of a run folder; None where it is missing.

    Raises:
        UserError: If it is damaged.
    """
    path = run / CONFUSION
    if not path.is_file():
        return None
    record = read_json(path)
    try:
        counts = torch.tensor(record["counts"], dtype=torch.int64)
        confusion = Confusion(record["classes"], multi=counts.ndim == 3)
        confusion.load_state_dict({"counts": counts})
        return CountedTypes(int(record["step"]), confusion)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: no counts of types; remove the file, the next ones will replace it") from None


def confusion_picture(confusion: Confusion) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draws the matrix, or the rates where images have several types, as uint8 (H, W, 3)."""
    from matplotlib.figure import Figure  # takes a second to import, and only pictures need it

    shares, texts, across = _cells(confusion)
    height, width = shares.shape
    figure = Figure(figsize=(2.2 + 0.5 * width, 1.8 + 0.4 * height), layout="constrained", dpi=90)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(width), across, rotation=90)
    axes.set_yticks(range(height), confusion.classes)
    for (row, column), share in np.ndenumerate(shares):
        shade = "white" if share > 0.6 else "black"
        axes.text(column, row, texts[row][column], ha="center", va="center", color=shade, fontsize=8)
    axes.set_ylabel("is")
    axes.set_xlabel("" if confusion.multi else "is named")
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return np.array(Image.open(data).convert("RGB"))


def _cells(confusion: Confusion) -> tuple[np.ndarray[Any, np.dtype[np.float64]], list[list[str]], Sequence[str]]:
    # Shares that give the shade, what is written, and what stands above the columns.
    if confusion.multi:
        rates = confusion.rates()
        texts = [["-" if value is None else f"{value:.2f}" for value in rate[:2]] for rate in rates]
        shares = np.array([[value or 0 for value in rate[:2]] for rate in rates])
        return shares, texts, ("precision", "recall")
    matrix = confusion.matrix()
    shares = np.array([[count / max(1, sum(row)) for count in row] for row in matrix])
    return shares, [[str(count) for count in row] for row in matrix], confusion.classes


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
