"""The example of docs/images.md runs, and its table says what the package can hold."""

import re
from pathlib import Path

import numpy as np
import tifffile

from maskdcpt.images import decode_document
from maskdcpt.images.formats import ALL
from maskdcpt.images.limits import DEFAULT_LIMIT

PAGE = (Path(__file__).parents[2] / "docs" / "images.md").read_text()


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    samples = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    tifffile.imwrite("photo.tif", samples, photometric="rgb", metadata=None, software=False)
    (code,) = re.findall(r"<!-- run -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == "TIFF 16 (30, 20) 1\n16-bit reduced to 8-bit\n"
    assert decode_document(Path("restored.jpg").read_bytes(), "a").size == (30, 20)


def _holds(cell: str, title: str) -> bool:
    """Whether a cell of the table says that a format of its row has room for something."""
    return re.sub(r" \(.*", "", cell) in ("yes", "all or nothing") or title in cell.split(", ")


def test_every_format_and_the_limit_are_told():
    table = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| .+? \| \d", line)]
    for each in ALL:
        names, depths, grey, opacity, frames = next(row for row in table if re.search(rf"\b{each.title}\b", row[0]))[:5]
        assert {int(number) for number in re.findall(r"\d+", re.sub(r"\(.*?\)", "", depths))} == set(each.depths)
        told = _holds(grey, each.title), _holds(opacity, each.title), _holds(frames, each.title)
        assert told == (each.grey, each.alpha, each.frames), names
    assert f"{DEFAULT_LIMIT:,}" in PAGE
