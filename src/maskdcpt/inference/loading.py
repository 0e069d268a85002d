"""From the name of weights and of a runtime to what restores."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from maskdcpt.devices import find_device
from maskdcpt.errors import UserError
from maskdcpt.inference.onnx_runtime import OnnxRuntime
from maskdcpt.inference.openvino_runtime import OpenVINORuntime
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.restorer import AUTOMATIC, BaseRestorer, ExportedRestorer, Restorer

Runtime: TypeAlias = Literal["auto", "torch", "onnx", "openvino"]

RUNTIMES = {"onnx": OnnxRuntime, "openvino": OpenVINORuntime}
"""What runs exported networks."""

USUAL = {".onnx": "onnx", ".xml": "openvino"}
"""Suffix of an exported network to the runtime that takes it unless another is asked for."""


def load_restorer(
    name_or_path: str | Path, device: str = "auto", options: RestoreOptions = AUTOMATIC, runtime: Runtime = "auto"
) -> BaseRestorer:
    """Loads weights or an exported network.

    Args:
        name_or_path: As for ``Restorer.from_pretrained``, or a file that ``maskdcpt export`` wrote for ONNX Runtime or
            OpenVINO.
        device: As for ``Restorer``; exported networks run on the CPU.
        options: As for ``Restorer``.
        runtime: What runs it; ``auto`` is torch for weights, and what the file was made for else.

    Raises:
        UserError: As ``Restorer.from_pretrained``, and if the runtime cannot run it there or is not installed.
    """
    chosen = USUAL.get(Path(name_or_path).suffix.lower(), "torch") if runtime == "auto" else runtime
    if chosen == "torch":
        return Restorer.from_pretrained(name_or_path, device, options)
    if device not in ("auto", "cpu"):
        find_device(device)
        raise UserError(f"exported networks run on the CPU, not on {device}; leave the device out")
    return ExportedRestorer(RUNTIMES[chosen](name_or_path), options)
