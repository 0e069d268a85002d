"""The examples in the docstrings of restorers do what they show."""

import doctest

import pytest

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image
from maskdcpt.inference import base, restorer

EXAMPLES = [
    example for module in (base, restorer) for example in doctest.DocTestFinder().find(module) if example.examples
]


def test_every_way_of_restoring_has_an_example():
    names = {example.name.rsplit(".", 1)[-1] for example in EXAMPLES}
    assert names >= {"Restorer", "restore", "restore_all", "classify", "examine", "examine_pixels"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_do_what_they_show(example, bundled, tmp_path, monkeypatch, capsys):
    write_image(procedural_image(0, (40, 60)), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    failures, count = doctest.DocTestRunner().run(example, clear_globs=False)
    assert count > 0
    assert failures == 0, capsys.readouterr().out
