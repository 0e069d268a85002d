"""A small root with real layouts, recipes for it, and the command."""

import pytest

from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image

RECIPE = """
name = "tiny"
crop = 32
shard = 8
clean = ["own"]

[filters]
flat = 1.0
sharpness = 0.0

[[folders]]
name = "own"
licence = "CC0-1.0"
commercial = true

[[components]]
name = "noise"
type = "noise"
make = "engine"
samples = 14

[[components]]
name = "motion"
type = "motion_blur"
make = "pairs"
sources = ["gopro", "reds"]
most_each = 2
samples = 12
otherwise = "engine"

[[components]]
name = "dark"
type = "low_light"
make = "pairs"
sources = ["lol-v1"]
samples = 5
"""
"""31 pairs: 14 by the engine, 12 of motion blur of which 3 x 2 are there, 5 crops of two pairs of low light."""


@pytest.fixture
def command(capsys):
    """Runs ``maskdcpt`` in this process: words to (exit code, standard output, standard error)."""

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def root(tmp_path):
    """Five clean images of one's own, three pairs of GoPro, two of LOL-v1; REDS is missing."""
    root = tmp_path / "root"

    def image(seed, name, size=(40, 48)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(procedural_image(seed, size), root / name)

    for seed in range(5):
        image(seed, f"own/{seed}.png")
    for seed in range(3):
        image(10 + seed, f"gopro/train/GOPR0001_11_00/sharp/00000{seed}.png")
        image(20 + seed, f"gopro/train/GOPR0001_11_00/blur/00000{seed}.png")
    for seed in range(2):
        image(30 + seed, f"lol-v1/our485/high/{seed}.png")
        image(40 + seed, f"lol-v1/our485/low/{seed}.png")
    return root


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
