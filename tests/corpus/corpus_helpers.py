"""Sources and a recipe to build from, and looking into what was built."""

import json
import os

import pyarrow.parquet as pq

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


def fill_root(root):
    """Five clean images of one's own, three pairs of GoPro, two of LOL-v1."""

    def image(seed, name):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(procedural_image(seed, (40, 48)), root / name)

    for seed in range(5):
        image(seed, f"own/{seed}.png")
    for seed in range(3):
        image(10 + seed, f"gopro/train/GOPR0001_11_00/sharp/00000{seed}.png")
        image(20 + seed, f"gopro/train/GOPR0001_11_00/blur/00000{seed}.png")
    for seed in range(2):
        image(30 + seed, f"lol-v1/our485/high/{seed}.png")
        image(40 + seed, f"lol-v1/our485/low/{seed}.png")


def rows(out, columns=None):
    """All rows of the shards, in order."""
    files = sorted((out / "data").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file, columns=columns).to_pylist()]


def contents(out):
    """Everything in a data set that has to be the same whoever makes it."""
    files = [path for path in out.rglob("*") if path.is_file()]
    kept = {path.relative_to(out).as_posix(): path.read_bytes() for path in files if path.name[0] != "."}
    return {name: data for name, data in kept.items() if name != "shards.jsonl" and not name.startswith(".")}


def facts(out):
    return json.loads((out / "build.json").read_text())


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
