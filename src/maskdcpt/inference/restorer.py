"""A trained network ready to use on anybody's images."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any, overload

import torch
from PIL import Image
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.backbones.hub import locate_weights
from maskdcpt.backbones.weights import find_weights
from maskdcpt.config import to_dict
from maskdcpt.devices import find_device, move
from maskdcpt.errors import UserError, naming
from maskdcpt.images import ImageT, from_tensor, read_image, to_pil, to_tensor
from maskdcpt.inference.calibration import Calibration, load_calibration
from maskdcpt.inference.engine import Engine, ExportedEngine, TorchEngine
from maskdcpt.inference.evidence import Evidence, parts
from maskdcpt.inference.exported import ExportedNetwork
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.verdict import Verdict, judge
from maskdcpt.inference.work import Restored, Workshop
from maskdcpt.pretraining import ClassificationDecoder, load_model

BUNDLED = "default"
"""The name that stands for the weights that come with the library."""
AUTOMATIC = RestoreOptions()


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
        """The types of damage that it names; none without a classifier."""
        self.options = options
        self.calibration = calibration
        self._engine = engine
        self._workshop = Workshop(engine, options)

    @overload
    def restore(self, image: str | Path) -> Image.Image: ...

    @overload
    def restore(self, image: ImageT) -> ImageT: ...

    def restore(self, image: str | Path | ImageT) -> Image.Image | ImageT:
        """Restores an image of any size: in one piece where memory suffices, else in tiles with the same result.

        Args:
            image: A path or any form that ``maskdcpt.images.to_tensor`` takes.

        Returns:
            The restored image, of the same size and kind, type of values included; for a path an upright Pillow
            image with the file's colour profile and EXIF in its ``info``.

        Raises:
            UserError: If it cannot be read, memory does not suffice, or the network's output is not finite.
        """
        if isinstance(image, str | Path):
            picture = read_image(image)
            with naming(image):
                restored = to_pil(self.restore_pixels(picture.pixels).pixels)
            restored.info.update(picture.metadata)
            return restored
        return from_tensor(self.restore_pixels(to_tensor(image)).pixels, image)

    def restore_pixels(self, pixels: Tensor, *, classify: bool = False) -> Restored:
        """Restores an image, and tells what had to be done for it.

        Args:
            pixels: RGB (3, H, W) in [0, 1], float32.
            classify: Whether to name what has damaged it as well.

        Returns:
            The restored image in the memory of the machine, clamped to [0, 1], with notes for people.

        Raises:
            UserError: As for ``restore``, and as for ``classify`` if that is asked for.
        """
        if classify:
            self._require_classifier()
        return self._workshop.restore(pixels, classify=classify)

    def classify(self, image: str | Path | ImageT) -> dict[str, float]:
        """Names what has damaged an image.

        Args:
            image: As for ``restore``.

        Returns:
            Name of the type of damage to its probability, best first; they sum to 1, unless the classifier has learned
            that several types can come together.

        Raises:
            UserError: If the weights have no classifier, and as for ``restore``.
        """
        self._require_classifier()
        if isinstance(image, str | Path):
            pixels = read_image(image).pixels
            with naming(image):
                return self._workshop.classify(pixels)
        return self._workshop.classify(to_tensor(image))

    def restore_and_classify(self, image: ImageT) -> tuple[ImageT, dict[str, float]]:
        """Does both in one pass through the network, which takes little longer than either.

        Args:
            image: Any form that ``maskdcpt.images.to_tensor`` takes.

        Returns:
            What ``restore`` and ``classify`` return.

        Raises:
            UserError: As for ``classify``.
        """
        restored = self.restore_pixels(to_tensor(image), classify=True)
        return from_tensor(restored.pixels, image), dict(restored.types)

    def examine(self, image: str | Path | ImageT) -> Verdict:
        """Tells what is to be thought of an image before it is restored.

        An image of more than 512 x 512 pixels is judged by four parts of 256 x 256, the middles of its quarters, so
        that the cost does not grow with it.

        Args:
            image: As for ``restore``.

        Returns:
            The types of damage, and whether the image looks clean or unfamiliar.

        Raises:
            UserError: As for ``classify``.
        """
        if isinstance(image, str | Path):
            pixels = read_image(image).pixels
            with naming(image):
                return judge(self.gather_evidence(pixels), self.calibration)
        return judge(self.gather_evidence(to_tensor(image)), self.calibration)

    def gather_evidence(self, pixels: Tensor) -> Evidence:
        """What the network shows of an image, which verdicts are made from.

        Args:
            pixels: RGB (3, H, W) in [0, 1].

        Raises:
            UserError: As for ``classify``.
        """
        self._require_classifier()
        logits, squares = [], []
        for part in parts(pixels):
            seen = self._workshop.look(part)
            logits.append(seen.logits.double())
            squares.append((seen.restored - part.cpu()).square().mean().item())
        mean = torch.stack(logits).mean(0)
        return Evidence(self._workshop.ranking(mean), tuple(mean[0].tolist()), fmean(squares) ** 0.5)

    def describe(self) -> dict[str, Any]:
        """All that results depend on besides the image, as plain values."""
        return {
            **self._engine.describe(),
            "calibration": None if self.calibration is None else to_dict(self.calibration),
            "options": to_dict(self.options),
            "device": self.device.type,
        }

    def _require_classifier(self) -> None:
        if not self.classes:
            raise UserError("these weights have no classifier; pre-training makes one")


class Restorer(BaseRestorer):
    """A network of this library, ready to use.

    Args:
        backbone: The network that restores. It is moved to the device and set to evaluation mode.
        classifier: Reads the network's features; without it ``classify`` is an error.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` is CUDA where present, else the CPU.
        options: How images are restored.
        calibration: What ``examine`` can tell with these weights.

    Raises:
        UserError: If there is no such device.
    """

    def __init__(
        self,
        backbone: Backbone,
        classifier: ClassificationDecoder | None = None,
        device: str = "auto",
        options: RestoreOptions = AUTOMATIC,
        calibration: Calibration | None = None,
    ) -> None:
        place = find_device(device)
        self.backbone = backbone.eval()
        self.classifier = classifier.eval() if classifier is not None else None
        for module in (self.backbone, self.classifier):
            if module is not None:
                move(module, place)
        super().__init__(TorchEngine(self.backbone, self.classifier, place, options.compile), options, calibration)

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path, device: str = "auto", options: RestoreOptions = AUTOMATIC
    ) -> Restorer:
        """Loads weights.

        Args:
            name_or_path: As for ``maskdcpt.load_backbone``, or the name ``user/name`` of a model on the Hugging Face
                Hub, which is downloaded; what exists here is a path. A file of another release has no classifier.
                ``default`` is reserved for weights that come with the library; this version has none.
            device: As for the class.
            options: As for the class.

        Raises:
            UserError: If weights are missing or damaged or cannot be downloaded, there is a calibration that is not
                theirs, or there is no such device.
        """
        if str(name_or_path) == BUNDLED:
            raise UserError(
                "no weights come with this version yet; name those of a training run, "
                "such as --weights demo-out/finetune after `maskdcpt demo`"
            )
        path = locate_weights(name_or_path)
        backbone, classifier = load_model(path)
        calibration = load_calibration(find_weights(path)) if classifier is not None else None
        return cls(backbone, classifier, device, options, calibration)


class ExportedRestorer(BaseRestorer):
    """An exported network, ready to use on the CPU.

    Args:
        network: The network.
        options: How images are restored.

    Raises:
        UserError: If options ask for what exported networks cannot do.
    """

    def __init__(self, network: ExportedNetwork, options: RestoreOptions = AUTOMATIC) -> None:
        if options.compile or options.precision not in ("auto", "float32"):
            raise UserError(f"{network.path}: an exported network computes in float32 as it is; leave out the rest")
        super().__init__(ExportedEngine(network), options)
