"""From a recorded graph to OpenVINO's pair of files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from torch.export import ExportedProgram

from maskdcpt.export.onnx_file import require_onnx, write_onnx
from maskdcpt.files import TEMPORARY
from maskdcpt.inference.description import KEY, Description, to_json
from maskdcpt.inference.exported import OPENVINO, require_package


def require_openvino() -> None:
    """Refuses to begin without the packages.

    Raises:
        UserError: If one is missing, naming the extra.
    """
    require_package("openvino", OPENVINO, "writing OpenVINO files")
    require_onnx()


def write_openvino(program: ExportedProgram, description: Description, path: Path) -> None:
    """Writes a graph as ``path`` and the weights beside it, by the same name with ``.bin``.

    It goes by way of ONNX, since OpenVINO's own converter for PyTorch reports its use over the network.

    Args:
        program: The graph.
        description: What the file says of it.
        path: The file, ending in ``.xml``.

    Raises:
        OSError: If a file cannot be written.
    """
    import openvino

    with TemporaryDirectory(prefix=TEMPORARY, dir=path.parent) as folder:
        through = Path(folder) / "network.onnx"
        write_onnx(program, description, through)
        model = openvino.Core().read_model(through)
        model.set_rt_info(to_json(description), [KEY])
        openvino.save_model(model, path, compress_to_fp16=False)
