"""What several commands are tested with."""

import pytest

from maskdcpt.data.procedural import procedural_image
from maskdcpt.evaluation import PROTOCOLS, levels_protocol
from maskdcpt.images import write_image


@pytest.fixture
def photos(tmp_path):
    """A folder of three small photos of different sizes."""
    folder = tmp_path / "clean"
    folder.mkdir()
    for seed in range(3):
        write_image(procedural_image(seed, (24 + 8 * seed, 32)), folder / f"{seed}.png")
    return folder


@pytest.fixture
def quick(monkeypatch):
    """A protocol called quick: haze at one level, low light at two."""
    levels = (("haze", 3), ("low_light", 2), ("low_light", 4))
    monkeypatch.setitem(PROTOCOLS, "quick", levels_protocol("quick", 1, levels, "a quick one"))
