"""What every restorer can do, whatever runs its network."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias, overload

import torch
from PIL import Image
from torch import Tensor

from maskdcpt.config import to_dict
from maskdcpt.errors import RestoreWarning, UserError, naming
from maskdcpt.images import Array, Held, ImageT, hold, hold_file
from maskdcpt.inference.calibration import Calibration
from maskdcpt.inference.engine import Engine
from maskdcpt.inference.evidence import Evidence, parts
from maskdcpt.inference.examined import Examined
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.verdict import Verdict, judge
from maskdcpt.inference.work import Restored, Watch, Workshop

AnyImage: TypeAlias = str | Path | Array | Image.Image | Tensor
"""What can be restored."""


class BaseRestorer:
    """Restores images and names what damaged them. Several threads may use one at the same time.

    Args:
        engine: The network.
        options: How images are restored.
        calibration: What ``examine`` can tell with these weights.
    """

    def __init__(self, engine: Engine, options: RestoreOptions, calibration: Calibration | None = None) -> None:
        self.device = engine.device
        self.classes = engine.classes
        """What it names: types of damage, and ``clean`` where it knows that; nothing without a classifier."""
        self.options = options
        self.calibration = calibration
        self._engine = engine
        self._workshop = Workshop(engine, options)

    @overload
    def restore(self, image: str | Path) -> Image.Image: ...

    @overload
    def restore(self, image: ImageT) -> ImageT: ...

    def restore(self, image: AnyImage) -> Array | Image.Image | Tensor:
        """Restores an image of any size: in one piece where memory suffices, else in tiles with the same result.

        Whatever could not be kept, or had to be done in another way than usual, is told by a ``RestoreWarning``.

        Args:
            image: A path, or one of the forms that ``maskdcpt.images.hold`` takes: an array, grey or RGB, with or
                without opacity; a Pillow image; a tensor (3, H, W), or a batch (N, 3, H, W), which is restored one
                by one.

        Returns:
            The restored image, of the same size and kind, type of values and opacity included. Of a path its first
            frame, upright, as the Pillow image that is nearest to the file, with colour profile, EXIF, XMP and
            resolution in its ``info``.

        Raises:
            UserError: If it cannot be read, memory does not suffice, or the network's output is not finite.

        Example:
            >>> import numpy as np
            >>> from maskdcpt import Restorer
            >>> restorer = Restorer.from_pretrained("default")
            >>> restorer.restore("photo.jpg").save("restored.png")
            >>> scan = np.full((40, 60, 2), 0.5, np.float32)  # grey, with opacity
            >>> restorer.restore(scan).shape
            (40, 60, 2)
        """
        restored, notes = self._restore(image)
        _tell(notes)
        return restored

    @overload
    def restore_all(self, images: Iterable[str] | Iterable[Path]) -> Iterator[Image.Image]: ...

    @overload
    def restore_all(self, images: Iterable[ImageT]) -> Iterator[ImageT]: ...

    @overload
    def restore_all(self, images: Iterable[AnyImage]) -> Iterator[Array | Image.Image | Tensor]: ...

    def restore_all(self, images: Iterable[Any]) -> Iterator[Any]:
        """Restores images one by one, each when it is asked for.

        Args:
            images: Paths and images in memory, in any mixture. No more of them is taken than has been asked for.

        Yields:
            What ``restore`` returns for each, in order.

        Raises:
            UserError: As for ``restore``, with the number of the image, counted from 0; none is restored after it.

        Example:
            >>> import numpy as np
            >>> from maskdcpt import Restorer
            >>> restorer = Restorer.from_pretrained("default")
            >>> video = (np.full((40, 60, 3), level, np.uint8) for level in range(100))
            >>> first = next(restorer.restore_all(video))
            >>> first.dtype, first.shape
            (dtype('uint8'), (40, 60, 3))
            >>> list(restorer.restore_all([first, "photo.gif"]))
            Traceback (most recent call last):
            ...
            maskdcpt.errors.UserError: image 1: photo.gif: no such file
        """
        for number, image in enumerate(images):
            with naming(f"image {number}"):
                restored, notes = self._restore(image)
            _tell(f"image {number}: {note}" for note in notes)
            yield restored

    def restore_pixels(self, pixels: Tensor, *, classify: bool = False, watch: Watch | None = None) -> Restored:
        """Restores an image, and tells what had to be done for it.

        Args:
            pixels: RGB (3, H, W) in [0, 1], float32.
            classify: Whether to name what has damaged it as well.
            watch: Is told how far it is, where it is restored in tiles, from the thread that calls this.

        Returns:
            The restored image in the memory of the machine, clamped to [0, 1], with notes for people.

        Raises:
            UserError: As for ``restore``, and as for ``classify`` if that is asked for.
        """
        if classify:
            self._require_classifier()
        return self._workshop.restore(pixels, classify=classify, watch=watch)

    def classify(self, image: str | Path | ImageT) -> dict[str, float]:
        """Names what has damaged an image.

        Args:
            image: As for ``restore``, but no batch.

        Returns:
            Name of the type of damage to its probability, best first; they sum to 1, unless the classifier has learned
            that several types can come together. Where it has learned what images without damage are, ``clean`` is
            one of the names.

        Raises:
            UserError: If the weights have no classifier, and as for ``restore``.

        Example:
            >>> from maskdcpt import Restorer
            >>> types = Restorer.from_pretrained("default").classify("photo.jpg")
            >>> list(types.values()) == sorted(types.values(), reverse=True)
            True
        """
        self._require_classifier()
        held = _open(image)
        with _naming(image):
            return self._workshop.classify(held.pixels)

    def restore_and_classify(self, image: ImageT) -> tuple[ImageT, dict[str, float]]:
        """Does both in one pass through the network, which takes little longer than either.

        Args:
            image: As for ``restore``, but no path and no batch.

        Returns:
            What ``restore`` and ``classify`` return.

        Raises:
            UserError: As for ``classify``.
        """
        held: Held[ImageT] = hold(image)
        found: Restored = self.restore_pixels(held.pixels, classify=True)
        restored = held.put_back(found.pixels)
        _tell([*held.notes, *found.notes])
        return restored, dict(found.types)

    def examine(self, image: str | Path | ImageT) -> Verdict:
        """Tells what is to be thought of an image before it is restored.

        An image of more than 512 x 512 pixels is judged by four parts of 256 x 256, the middles of its quarters, so
        that the cost does not grow with it.

        Args:
            image: As for ``restore``, but no batch.

        Returns:
            The types of damage, and whether the image looks clean or unfamiliar.

        Raises:
            UserError: As for ``classify``.

        Example:
            >>> from maskdcpt import Restorer
            >>> verdict = Restorer.from_pretrained("default").examine("photo.jpg")
            >>> verdict.clean is None  # which weights without a calibration cannot tell
            True
        """
        held = _open(image)
        with _naming(image):
            return self.examine_pixels(held.pixels).verdict

    def examine_pixels(self, pixels: Tensor) -> Examined:
        """Looks at an image, which may be restored afterwards.

        Of an image of at most 512 x 512 pixels that is restored in float32, in one piece and one orientation, looking
        and restoring are one pass through the network: what is found is restored already.

        Args:
            pixels: RGB (3, H, W) in [0, 1].

        Raises:
            UserError: As for ``classify``.

        Example:
            >>> import torch
            >>> from maskdcpt import Restorer
            >>> examined = Restorer.from_pretrained("default").examine_pixels(torch.rand(3, 40, 60))
            >>> restored = None if examined.verdict.clean else examined.restore().pixels
        """
        evidence, restored = self._look(pixels)
        return Examined(judge(evidence, self.calibration), pixels, self._workshop, restored)

    def gather_evidence(self, pixels: Tensor) -> Evidence:
        """What the network shows of an image, which verdicts are made from.

        Args:
            pixels: RGB (3, H, W) in [0, 1].

        Raises:
            UserError: As for ``classify``.
        """
        return self._look(pixels)[0]

    def describe(self) -> dict[str, Any]:
        """All that results depend on besides the image, to rounding, as plain values."""
        return {
            **self._engine.describe(),
            "calibration": None if self.calibration is None else to_dict(self.calibration),
            "options": self.options.as_dict(),
            "device": self.device.type,
        }

    def _restore(self, image: AnyImage) -> tuple[Array | Image.Image | Tensor, list[str]]:
        if isinstance(image, Tensor) and image.ndim == 4 and len(image):
            held = [hold(each) for each in image]  # before any work, for one of them may be refused
            restored = [self.restore_pixels(each.pixels) for each in held]
            batch = torch.stack([each.put_back(found.pixels) for each, found in zip(held, restored, strict=True)])
            return batch, [note for each in restored for note in each.notes]
        one = _open(image)
        with _naming(image):
            found = self.restore_pixels(one.pixels)
        given = one.put_back(found.pixels)
        place = f"{image}: " if isinstance(image, str | Path) else ""
        return given, [f"{place}{note}" for note in (*one.notes, *found.notes)]

    def _look(self, pixels: Tensor) -> tuple[Evidence, Restored | None]:
        self._require_classifier()
        seen, squares = [], []
        for part in parts(pixels):
            seen.append(self._workshop.look(part))
            squares.append((seen[-1].restored - part.cpu()).square().mean().item())
        mean = torch.stack([each.logits.double() for each in seen]).mean(0)
        evidence = Evidence(self._workshop.ranking(mean), tuple(mean[0].tolist()), fmean(squares) ** 0.5)
        return evidence, seen[0].final if len(seen) == 1 else None

    def _require_classifier(self) -> None:
        if not self.classes:
            raise UserError("these weights have no classifier; pre-training makes one")


def _open(image: Any) -> Held[Any]:
    return hold_file(image) if isinstance(image, str | Path) else hold(image)


def _naming(image: object) -> AbstractContextManager[None]:
    return naming(image) if isinstance(image, str | Path) else nullcontext()


def _tell(notes: Iterable[str]) -> None:
    for note in dict.fromkeys(notes):
        warnings.warn(note, RestoreWarning, stacklevel=3)  # which is whoever called what calls this
