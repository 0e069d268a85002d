"""Exported networks in ONNX Runtime."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from maskdcpt.errors import UserError
from maskdcpt.inference.description import IMAGE, KEY, RESTORED, from_json
from maskdcpt.inference.exported import EXPORT, ExportedNetwork, require_file, require_package
from maskdcpt.shortage import ran_out


class OnnxRuntime(ExportedNetwork):
    """An ``.onnx`` file in ONNX Runtime, with as many threads as PyTorch.

    Args:
        path: A file that ``maskdcpt export`` wrote.

    Raises:
        UserError: If the extra ``export`` is not installed, or the file is missing, damaged or of no network of this
            library.
    """

    def __init__(self, path: str | Path) -> None:
        self._onnx = require_package("onnx", EXPORT, "reading ONNX files")
        self._runtime = require_package("onnxruntime", EXPORT, "running ONNX files")
        path = Path(path)
        require_file(path)
        self._model = self._read(path)
        texts = {entry.key: entry.value for entry in self._model.metadata_props}
        super().__init__(path, from_json(texts.get(KEY), str(path)))
        self._lock = threading.Lock()
        self._sessions: dict[str, Any] = {}
        self._session(RESTORED)  # now, so that a graph that cannot run is refused here

    def compute(self, image: NDArray[np.float32], output: str) -> NDArray[np.float32]:
        """See the base class."""
        session = self._session(output)
        try:
            result: NDArray[np.float32] = session.run([output], {IMAGE: image})[0]
        except Exception as error:  # ONNX Runtime's errors share no other class
            if ran_out(error):
                raise torch.OutOfMemoryError(f"ONNX Runtime: {error}") from error
            raise
        return result

    def _read(self, path: Path) -> Any:
        from google.protobuf.message import DecodeError

        try:
            return self._onnx.load(path, load_external_data=False)  # a file names no others
        except DecodeError:
            raise UserError(f"{path}: damaged, or not an ONNX file") from None

    def _session(self, output: str) -> Any:
        # ONNX Runtime computes the whole of a graph whatever is asked for, so each output gets a graph of its own.
        with self._lock:
            if output not in self._sessions:
                self._sessions[output] = self._start(output)
            return self._sessions[output]

    def _start(self, output: str) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors
        # Both serve inputs of one size; with many they keep the memory of the largest for good.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        try:
            part = self._onnx.utils.Extractor(self._model).extract_model([IMAGE], [output])
            return self._runtime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # as above
            if ran_out(error):
                raise torch.OutOfMemoryError(f"ONNX Runtime: {error}") from error
            reason = " ".join(str(error).split())
            raise UserError(f"{self.path}: damaged, or not made for this ONNX Runtime: {reason}") from error
