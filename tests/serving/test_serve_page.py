"""The page on serving is in step with the command, and its example works."""

import re
from dataclasses import fields
from pathlib import Path

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import FORMATS, read_image, write_image
from maskdcpt.serving import Limits

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()


def test_the_table_has_every_limit_and_its_default():
    found = dict(re.findall(r"^\| `--([\w-]+)` \| (\d+) \|", PAGE, flags=re.MULTILINE))
    assert found == {field.name.replace("_", "-"): str(field.default) for field in fields(Limits)}


def test_the_page_names_every_format():
    assert ", ".join(f"`{name}`" for name in sorted({name.lower() for name in FORMATS.values()})) in PAGE


def test_the_example_runs(tmp_path, monkeypatch, capsys, server):
    monkeypatch.chdir(tmp_path)
    write_image(procedural_image(0, (24, 32)), tmp_path / "photo.jpg")
    (script,) = re.findall(r"<!-- run -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(script, {"ADDRESS": server.address})
    assert "restoring changes it" in capsys.readouterr().out
    assert read_image(tmp_path / "restored.png").pixels.shape == (3, 24, 32)
