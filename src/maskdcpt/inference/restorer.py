"""A trained network ready to use on anybody's images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import overload

import torch
from PIL import Image
from torch import Tensor

from maskdcpt.backbones import Backbone, Features
from maskdcpt.backbones.hub import locate_weights
from maskdcpt.backbones.weights import find_weights
from maskdcpt.devices import find_device, move
from maskdcpt.errors import UserError, naming
from maskdcpt.images import ImageT, from_tensor, read_image, to_pil, to_tensor
from maskdcpt.inference.calibration import Calibration, load_calibration
from maskdcpt.inference.evidence import Evidence, parts
from maskdcpt.inference.verdict import Verdict, judge
from maskdcpt.pretraining import ClassificationDecoder, classifier_features, load_model

BUNDLED = "default"
"""The name that stands for the weights that come with the library."""


class Restorer:
    """Restores images and names what damaged them.

    Args:
        backbone: The network that restores. It is moved to the device and set to evaluation mode.
        classifier: Reads the network's features; without it ``classify`` is an error.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` is CUDA where present, else the CPU.
        calibration: What ``examine`` can tell with these weights.

    Raises:
        UserError: If there is no such device.
    """

    def __init__(
        self,
        backbone: Backbone,
        classifier: ClassificationDecoder | None = None,
        device: str = "auto",
        calibration: Calibration | None = None,
    ) -> None:
        self.calibration = calibration
        self.device = find_device(device)
        self.backbone = backbone.eval()
        self.classifier = classifier.eval() if classifier is not None else None
        for module in (self.backbone, self.classifier):
            if module is not None:
                move(module, self.device)

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path, device: str = "auto") -> Restorer:
        """Loads weights.

        Args:
            name_or_path: As for ``maskdcpt.load_backbone``, or the name ``user/name`` of a model on the Hugging Face
                Hub, which is downloaded; what exists here is a path. A file of another release has no classifier.
                ``default`` is reserved for weights that come with the library; this version has none.
            device: As for the class.

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
        return cls(backbone, classifier, device, calibration)

    @overload
    def restore(self, image: str | Path) -> Image.Image: ...

    @overload
    def restore(self, image: ImageT) -> ImageT: ...

    def restore(self, image: str | Path | ImageT) -> Image.Image | ImageT:
        """Restores an image of any size, in one pass over the whole of it.

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
                restored = to_pil(self._restore(picture.pixels))
            restored.info.update(picture.metadata)
            return restored
        return from_tensor(self._restore(to_tensor(image)), image)

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
        if isinstance(image, str | Path):
            pixels = read_image(image).pixels
            with naming(image):
                return self._classify(pixels)
        return self._classify(to_tensor(image))

    def restore_and_classify(self, image: ImageT) -> tuple[ImageT, dict[str, float]]:
        """Does both in one pass through the network, which takes little longer than either.

        Args:
            image: Any form that ``maskdcpt.images.to_tensor`` takes.

        Returns:
            What ``restore`` and ``classify`` return.

        Raises:
            UserError: As for ``classify``.
        """
        classifier = self._required_classifier()
        with self._running(to_tensor(image)) as x:
            features = self._features(x, classifier)
            restored, logits = self.backbone.forward_head(features, x), self._logits(features, classifier)
        return from_tensor(_picture(restored), image), _ranking(classifier, logits)

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
        classifier = self._required_classifier()
        logits, squares = [], []
        for part in parts(pixels):
            with self._running(part) as x:
                features = self._features(x, classifier)
                logits.append(self._logits(features, classifier).cpu().double())
                restored = _picture(self.backbone.forward_head(features, x))
                squares.append((restored - x[0]).square().mean().item())
        mean = torch.stack(logits).mean(0)
        return Evidence(_ranking(classifier, mean), tuple(mean[0].tolist()), fmean(squares) ** 0.5)

    def _restore(self, pixels: Tensor) -> Tensor:
        with self._running(pixels) as x:
            restored = self.backbone(x)
        return _picture(restored)

    def _classify(self, pixels: Tensor) -> dict[str, float]:
        classifier = self._required_classifier()
        with self._running(pixels) as x:
            logits = self._logits(self._features(x, classifier), classifier)
        return _ranking(classifier, logits)

    def _features(self, x: Tensor, classifier: ClassificationDecoder) -> Features:
        return self.backbone.forward_features(x, early=classifier.config.features == "all")

    def _logits(self, features: Features, classifier: ClassificationDecoder) -> Tensor:
        logits: Tensor = classifier(classifier_features(features, self.backbone, classifier.config.features))
        return logits

    def _required_classifier(self) -> ClassificationDecoder:
        if self.classifier is None:
            raise UserError("these weights have no classifier; pre-training makes one")
        return self.classifier

    @contextmanager
    def _running(self, pixels: Tensor) -> Iterator[Tensor]:
        # Makes the batch of one that the network reads. A tensor that leaves inference mode through an operation,
        # as the clamped image does, is an ordinary one again.
        try:
            with torch.inference_mode():
                yield pixels[None].to(self.device, memory_format=torch.channels_last)
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
                raise
            size = f"{pixels.shape[-1]} x {pixels.shape[-2]} pixels"
            raise UserError(f"not enough memory on {self.device} for {size}; scale the image down or cut it") from None


def _picture(restored: Tensor) -> Tensor:
    return _finite(restored[0]).clamp(0, 1)


def _ranking(classifier: ClassificationDecoder, logits: Tensor) -> dict[str, float]:
    probabilities = classifier.probabilities(_finite(logits.cpu()).double())[0]
    order = probabilities.argsort(descending=True, stable=True)
    return {classifier.classes[index]: probabilities[index].item() for index in order.tolist()}


def _finite(values: Tensor) -> Tensor:
    if not values.isfinite().all():
        raise UserError("the network's output is not finite; its weights are damaged, or do not suit the image")
    return values
