"""The examples of docs/python.md and the notebook run, and what the table promises holds."""

import json
import re
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import read_image, write_image

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "python.md").read_text()
NOTEBOOK = DOCS / "restore.ipynb"


@pytest.fixture
def desk(tmp_path, bundled):
    write_image(procedural_image(0, (40, 60)), tmp_path / "photo.jpg")
    (tmp_path / "photos").mkdir()
    for number in range(2):
        write_image(procedural_image(number, (24, 30)), tmp_path / "photos" / f"{number}.png")
    return tmp_path


def test_the_examples_run_one_after_another(desk, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    names: dict = {}
    blocks = re.findall(r"<!-- run -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert printed.startswith("uint16\n{'")
    assert printed.count("restored\n") == 2
    assert [read_image(desk / name).pixels.shape for name in ("restored.png", "restored-photos/1.png")] == [
        (3, 40, 60),
        (3, 24, 30),
    ]
    assert names["careful"].options.strength == 0.7


def test_the_notebook_is_kept_without_results():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 5
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)


def test_the_notebook_runs(tmp_path, monkeypatch):
    # A debugger that waits for breakpoints in frozen modules says so on every start.
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    text = "".join(output.get("text", "") for output in outputs)
    errors = [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert all("IProgress not found" in error for error in errors), errors  # said when ipywidgets are not there
    assert text.count(".png restored") == 3
    assert "3 of them need nothing the second time" in text
    assert not list(tmp_path.iterdir())  # nothing is left on the desk of the user
