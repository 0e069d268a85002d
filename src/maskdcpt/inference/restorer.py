"""A trained network ready to use on anybody's images."""

from __future__ import annotations

from pathlib import Path

from maskdcpt.backbones import Backbone
from maskdcpt.backbones.hub import locate_weights
from maskdcpt.backbones.weights import find_weights
from maskdcpt.devices import find_device, move
from maskdcpt.errors import UserError
from maskdcpt.inference.base import BaseRestorer
from maskdcpt.inference.calibration import Calibration, load_calibration
from maskdcpt.inference.engine import ExportedEngine, TorchEngine
from maskdcpt.inference.exported import ExportedNetwork
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.pretraining import Classifier, load_model

__all__ = ["AUTOMATIC", "BaseRestorer", "ExportedRestorer", "Restorer"]

AUTOMATIC = RestoreOptions()
EXPORTED = (".onnx", ".xml", ".pt2")
"""What the names of files end in that ``maskdcpt export`` writes."""


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

    Example:
        >>> import torch
        >>> from maskdcpt import Restorer, create_backbone
        >>> network = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1])
        >>> restorer = Restorer(network, device="cpu")
        >>> restorer.restore(torch.rand(2, 3, 50, 70)).shape
        torch.Size([2, 3, 50, 70])
    """

    def __init__(
        self,
        backbone: Backbone,
        classifier: Classifier | None = None,
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
            device: As for the class.
            options: As for the class.

        Raises:
            UserError: If weights are missing or damaged or cannot be downloaded, it is an exported network, there is a
                calibration that is not theirs, or there is no such device.
        """
        if Path(name_or_path).suffix.lower() in EXPORTED and not Path(name_or_path).is_dir():
            raise UserError(
                f"{name_or_path}: an exported network, and weights are needed here; `maskdcpt restore` runs files that "
                "end in .onnx or .xml, unless --runtime torch asks for weights"
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
