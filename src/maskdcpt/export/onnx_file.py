"""From a recorded graph to an ONNX file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from maskdcpt.errors import UserError
from maskdcpt.files import write_bytes
from maskdcpt.inference.description import IMAGE, KEY, LOGITS, RESTORED, Description, to_json
from maskdcpt.inference.exported import EXPORT, require_package

OPSET = 20
"""Version of ONNX's operators: the first with GELU as one operator; ONNX Runtime reads it since 1.17 (2024)."""

LARGEST = 2**31 - 1
"""Bytes that an ONNX file can have without others beside it."""

AXES = {
    IMAGE: ("batch", None, "height", "width"),
    RESTORED: ("batch", None, "height", "width"),
    LOGITS: ("batch", None),
}
"""What the open sizes of inputs and outputs are called."""


def require_onnx() -> None:
    """Refuses to begin without the packages.

    Raises:
        UserError: If one is missing, naming the extra.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        require_package(package, EXPORT, "writing ONNX files")


def write_onnx(program: ExportedProgram, description: Description, path: Path) -> None:
    """Writes a graph, checked by ONNX's own checker, types and shapes of every operator included.

    Args:
        program: The graph.
        description: What the file says of it.
        path: The file.

    Raises:
        UserError: If the weights are too large for one file.
        OSError: If the file cannot be written.
    """
    import onnx

    model = convert(program, description)
    if model.ByteSize() > LARGEST:
        raise UserError(
            f"{model.ByteSize() / 1e9:.1f} GB of weights: an ONNX file holds at most {LARGEST / 1e9:.1f} GB"
        )
    onnx.checker.check_model(model, full_check=True)
    write_bytes(path, model.SerializeToString())


def convert(program: ExportedProgram, description: Description) -> Any:
    """An ``onnx.ModelProto`` of a graph.

    Args:
        program: The graph.
        description: What the file says of it.
    """
    import onnx

    names = [RESTORED, LOGITS][: 2 if description.types else 1]
    with _quiet():
        made = torch.onnx.export(
            program, (), dynamo=True, opset_version=OPSET, input_names=[IMAGE], output_names=names, verbose=False
        )
    if made is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model: Any = made.model_proto
    _name_axes(model)
    model.producer_name, model.producer_version = "maskdcpt", description.version
    model.doc_string = (
        f"{description.family} for image restoration: {IMAGE} is RGB float32 (N, 3, H, W) in [0, 1] of any size, "
        f"{RESTORED} the same, not clamped."
    )
    onnx.helper.set_model_props(model, {KEY: to_json(description)})
    return model


def _name_axes(model: Any) -> None:
    for value in (*model.graph.input, *model.graph.output):
        for dimension, name in zip(value.type.tensor_type.shape.dim, AXES[value.name], strict=True):
            if name is not None:
                dimension.dim_param = name
    del model.graph.value_info[:]  # what sizes inside are called, by other names


@contextmanager
def _quiet() -> Iterator[None]:
    # The converter tells its own developers, at the level of warnings, of each thing that it leaves as it is.
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
