"""Exported networks in OpenVINO."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from maskdcpt.errors import UserError
from maskdcpt.inference.description import IMAGE, KEY, RESTORED, from_json
from maskdcpt.inference.exported import OPENVINO, ExportedNetwork, require_file, require_package
from maskdcpt.shortage import ran_out

SUFFIXES = (".xml", ".onnx")
"""The files that it reads."""


class OpenVINORuntime(ExportedNetwork):
    """An ``.xml`` file with its ``.bin`` beside it, or an ``.onnx`` file, in OpenVINO, with as many threads as PyTorch.

    Args:
        path: A file that ``maskdcpt export`` wrote.

    Raises:
        UserError: If the extra ``openvino`` is not installed, or the file is missing, damaged or of no network of this
            library.
    """

    def __init__(self, path: str | Path) -> None:
        openvino = require_package("openvino", OPENVINO, "the runtime openvino")
        path = Path(path)
        require_file(path)
        if path.suffix not in SUFFIXES:
            raise UserError(f"{path}: OpenVINO reads {' and '.join(SUFFIXES)} files")
        self._core = openvino.Core()
        try:
            self._model = self._core.read_model(path)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path}: damaged, or not a file for OpenVINO: {reason}") from error
        super().__init__(path, from_json(_text(self._model), str(path)))
        self._lock = threading.Lock()
        self._networks: dict[str, Any] = {}
        self._network(RESTORED)  # now, so that a graph that cannot run is refused here

    def compute(self, image: NDArray[np.float32], output: str) -> NDArray[np.float32]:
        """See the base class."""
        network = self._network(output)
        try:
            # A request holds the results, and serves one thread at a time.
            result: NDArray[np.float32] = network.create_infer_request().infer({IMAGE: image})[output].copy()
        except RuntimeError as error:
            if ran_out(error):
                raise torch.OutOfMemoryError(f"OpenVINO: {error}") from error
            raise
        return result

    def _network(self, output: str) -> Any:
        # Without the other output, what only that needs is not computed.
        with self._lock:
            if output not in self._networks:
                model = self._model.clone()
                for result in model.get_results():
                    if output not in result.output(0).get_names():
                        model.remove_result(result)
                options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
                self._networks[output] = self._compile(model, options)
            return self._networks[output]

    def _compile(self, model: Any, options: Mapping[str, Any]) -> Any:
        try:
            return self._core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            if ran_out(error):
                raise torch.OutOfMemoryError(f"OpenVINO: {error}") from error
            reason = " ".join(str(error).split())
            raise UserError(f"{self.path}: damaged, or not made for this OpenVINO: {reason}") from error


def _text(model: Any) -> str | None:
    # What an ONNX file says of itself comes in one place, what an OpenVINO file says in another.
    for place in ([KEY], ["framework", KEY]):
        if model.has_rt_info(place):
            text: str = model.get_rt_info(place).astype(str)
            return text
    return None
