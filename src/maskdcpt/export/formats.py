"""The formats that networks are exported to: how each is written, and run again to see whether that went well."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.export import ExportedProgram

from maskdcpt.errors import UserError
from maskdcpt.export.onnx_file import require_onnx, write_onnx
from maskdcpt.export.openvino_file import require_openvino, write_openvino
from maskdcpt.export.parity import Outputs
from maskdcpt.inference.description import KEY, Description, to_json
from maskdcpt.inference.exported import ExportedNetwork
from maskdcpt.inference.onnx_runtime import OnnxRuntime
from maskdcpt.inference.openvino_runtime import OpenVINORuntime

FormatName: TypeAlias = Literal["onnx", "torch-export", "openvino"]
"""ONNX; PyTorch's own ``torch.export``; OpenVINO's pair of files."""

Run: TypeAlias = Callable[[Tensor], Outputs]
"""From images to what a network makes of them."""


class Format(NamedTuple):
    """One kind of file."""

    suffix: str
    """What its name ends in."""
    require: Callable[[], None]
    """Refuses to begin without the packages that it needs."""
    write: Callable[[ExportedProgram, Description, Path], None]
    """Writes a graph with its description; where there is a second file, that stands beside under the same stem."""
    load: Callable[[Path, Description], Run]
    """Makes it ready to run."""
    smallest: Callable[[int], int]
    """From a network's stride to the shortest side of an image that it takes."""
    beside: str | None = None
    """Suffix of the second file."""


def _require_nothing() -> None:
    """PyTorch is always there."""


def _write_program(program: ExportedProgram, description: Description, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of its own insides
        torch.export.save(program, path, extra_files={f"{KEY}.json": to_json(description)})


def _load_program(path: Path, description: Description) -> Run:
    stored = {f"{KEY}.json": ""}
    module = torch.export.load(path, extra_files=stored).module()
    if json.loads(stored[f"{KEY}.json"]) != json.loads(to_json(description)):
        raise RuntimeError(f"{path}: its description was not written as it was given")

    def run(batch: Tensor) -> Outputs:
        with torch.inference_mode():
            restored, *logits = module(batch)
        kind = torch.sigmoid if description.multi_label else lambda values: values.softmax(1)
        return (restored, *(kind(values.double()) for values in logits))

    return run


def _load_network(kind: Callable[[Path], ExportedNetwork]) -> Callable[[Path, Description], Run]:
    def load(path: Path, description: Description) -> Run:
        network = kind(path)
        if network.description != description:
            raise RuntimeError(f"{path}: its description was not written as it was given")
        return lambda batch: (network(batch), *([network.classify(batch)] if network.types else []))

    return load


FORMATS: dict[FormatName, Format] = {
    "onnx": Format(".onnx", require_onnx, write_onnx, _load_network(OnnxRuntime), smallest=lambda stride: 1),
    "torch-export": Format(".pt2", _require_nothing, _write_program, _load_program, smallest=lambda stride: stride + 1),
    "openvino": Format(
        ".xml",
        require_openvino,
        write_openvino,
        _load_network(OpenVINORuntime),
        smallest=lambda stride: 1,
        beside=".bin",
    ),
}
"""Every format by its name."""


def format_for(path: Path, name: FormatName | None) -> FormatName:
    """The format of a file: the one that is named, which its suffix must fit, or the one of its suffix.

    Raises:
        UserError: If the suffix is no format's, or another's than the one named.
    """
    if name is not None:
        if path.suffix != FORMATS[name].suffix:
            raise UserError(f"{path}: a file of the format {name} ends in {FORMATS[name].suffix}")
        return name
    for known, details in FORMATS.items():
        if path.suffix == details.suffix:
            return known
    known_suffixes = ", ".join(f"{details.suffix} ({known})" for known, details in FORMATS.items())
    raise UserError(f"{path}: its suffix is no format's; expected {known_suffixes}")
