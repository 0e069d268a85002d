"""The example of docs/tiles.md runs, and its table has every option."""

import dataclasses
import re
from pathlib import Path

import torch

from maskdcpt.inference import RestoreOptions

PAGE = (Path(__file__).parents[2] / "docs" / "tiles.md").read_text()


def test_the_example_runs(bundled, capsys):
    (example,) = re.findall(r"<!-- run -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names = {"pixels": torch.rand(3, 40, 60)}
    exec(example, names)
    assert names["restored"].pixels.shape == (3, 40, 60)
    assert capsys.readouterr().out == "()\n"


def test_the_table_has_every_option():
    told = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert told == [field.name for field in dataclasses.fields(RestoreOptions)]
