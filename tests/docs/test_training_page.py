"""What the page on training tells people to type is understood, and its scripts do what it says."""

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from maskdcpt.cli import finetune, pretrain
from maskdcpt.cli.recipe import read_command
from maskdcpt.data import training_data
from maskdcpt.data.config import DataConfig, SourceConfig
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import read_image, write_image
from maskdcpt.pretraining import METHODS
from maskdcpt.recipes import presets
from maskdcpt.training import FinetuneConfig, PretrainConfig

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
COMMANDS = {"pretrain": (pretrain.Options, PretrainConfig), "finetune": (finetune.Options, FinetuneConfig)}

SHELL = "".join(re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL))
LINES = [
    *re.findall(r"^(?:torchrun .*|srun )?maskdcpt ((?:pretrain|finetune) .*)$", SHELL, flags=re.MULTILINE),
    *(
        line if "--run-dir" in line else f"{line} --run-dir r"
        for line in re.findall(r"`maskdcpt (pretrain \w+.*?)`", PAGE)
    ),
]


def scripts(kind):
    return "".join(re.findall(rf"<!-- run -->\n```{kind}\n(.*?)```", PAGE, flags=re.DOTALL))


@pytest.mark.parametrize("line", [line for line in dict.fromkeys(LINES) if "--help" not in line])
def test_commands_are_understood(line):
    kind, *words = shlex.split(line)
    read_command(kind, *COMMANDS[kind], words)


def test_there_are_commands_of_every_sort():
    assert len(LINES) >= 14
    assert sum("5d" in line for line in LINES) >= 7


def test_tables_name_every_recipe_and_method():
    for name in {*presets("pretrain"), *presets("finetune"), *METHODS}:
        assert re.search(rf"^\| `{name}` \|", PAGE, flags=re.MULTILINE), name


def test_links_bring_data_sets_into_the_form_of_pairs(tmp_path):
    for folder, name in (
        ("OTS/original", "0025.jpg"),
        ("OTS/degraded", "0025_0.8_0.04.jpg"),
        ("OTS/degraded", "0025_1_0.2.jpg"),
        ("GoPro/train/GOPR0372_07_00/sharp", "000047.png"),
        ("GoPro/train/GOPR0372_07_00/blur", "000047.png"),
        ("GoPro/train/GOPR0374_11_00/sharp", "000047.png"),
        ("GoPro/train/GOPR0374_11_00/blur", "000047.png"),
    ):
        place = tmp_path / "data" / "5d" / folder
        place.mkdir(parents=True, exist_ok=True)
        write_image(procedural_image(len(folder), (40, 48)), place / name)
    subprocess.run(["sh", "-ec", scripts("sh")], cwd=tmp_path, check=True)
    sources = (
        SourceConfig(kind="pairs", folder="OTS", type="haze"),
        SourceConfig(kind="pairs", folder="GoPro", type="motion_blur"),
    )
    folder = tmp_path / "data" / "5d"
    data = training_data(DataConfig(folder=str(folder), sources=sources, types=("haze", "motion_blur")))
    assert data.names == [
        "OTS/0025_0.8_0.04 haze",
        "OTS/0025_1_0.2 haze",
        "GoPro/GOPR0372_07_00-000047 motion_blur",
        "GoPro/GOPR0374_11_00-000047 motion_blur",
    ]
    sharp = read_image(folder / "GoPro" / "clean" / "GOPR0374_11_00-000047.png").pixels
    assert sharp.equal(read_image(folder / "GoPro" / "train" / "GOPR0374_11_00" / "sharp" / "000047.png").pixels)


def test_the_manifest_holds_three_levels_of_noise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "5d" / "BSD400-WED"
    folder.mkdir(parents=True)
    write_image(procedural_image(0, (40, 48)), folder / "a.png")
    write_image(procedural_image(1, (40, 48)), folder / "b.png")
    exec(scripts("python"), {})
    source = SourceConfig(kind="manifest", folder="BSD400-WED/noise.parquet", repeat=5)
    data = training_data(DataConfig(folder="data/5d", sources=(source,), types=("gaussian_noise",)))
    assert len(data.names) == 6
    rng = np.random.default_rng(0)
    drawn = [data.read(data.draw(rng)) for _ in range(60)]
    assert {pair.level.sigma for pair in drawn} == {15, 25, 50}
    assert all(pair.degraded is None for pair in drawn), "noise is drawn anew each time"
