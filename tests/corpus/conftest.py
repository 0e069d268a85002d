"""A small root with real layouts, and recipes for it."""

import pytest
from corpus_helpers import RECIPE, fill_root


@pytest.fixture
def root(tmp_path):
    """Five clean images of one's own, three pairs of GoPro, two of LOL-v1; REDS is missing."""
    fill_root(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def recipe(tmp_path):
    """Writes a recipe: the small one, with words replaced."""

    def write(*changes):
        text = RECIPE
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write
