"""What the README tells people to type does what it says."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import CATALOGUE
from maskdcpt.images import read_image, write_image

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DEGRADATIONS = (ROOT / "docs" / "degradations.md").read_text()


def blocks(page: str, kind: str) -> list[str]:
    found = re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", page, flags=re.DOTALL)
    return [block for name, block in found if name == kind]


COMMANDS = "".join(blocks(README, "sh")).splitlines()
PYTHON = blocks(README, "python")

# Appended to the commands that train, which otherwise take minutes.
QUICK = "--train.steps 2 --train.batch 2 --data.crop 32 --data.workers 0 --train.device cpu"


# Runs the command with other weights in the place of the package's, which tests do not depend on.
STANDING_IN = """
import sys
from pathlib import Path
from maskdcpt import weights
from maskdcpt.cli.main import main
weights._folder = lambda folder=Path(sys.argv[1]): folder
main(sys.argv[2:])
"""


@pytest.fixture
def desk(tmp_path):
    """A folder with everything the README speaks of."""
    write_image(procedural_image(0, (40, 60)), tmp_path / "photo.jpg")
    for folder in ("photos", "clean-images", "test-images"):
        (tmp_path / folder).mkdir()
        for seed in range(2):
            write_image(procedural_image(seed, (40, 48)), tmp_path / folder / f"{seed}.png")
    return tmp_path


def run(line: str, folder: Path, package: Path) -> subprocess.CompletedProcess:
    program, *words = shlex.split(line)
    assert program == "maskdcpt"
    if words[0] in ("pretrain", "finetune"):
        words += QUICK.split()
    if words[0] == "finetune":
        words += ["--validation.images", "1", "--validation.crop", "32"]
    command = [sys.executable, "-c", STANDING_IN, package, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_command_runs(desk, stand_in):
    assert len(COMMANDS) >= 6
    for line in COMMANDS:
        result = run(line, desk, stand_in)
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    assert read_image(desk / "photo_restored.jpg").pixels.shape == read_image(desk / "photo.jpg").pixels.shape
    assert sorted(path.name for path in (desk / "restored-photos").glob("[!.]*")) == ["0.png", "1.png"]
    for name in ("config.toml", "environment.json", "metrics.jsonl", "tensorboard", "checkpoints", "report.html"):
        assert (desk / "runs" / "finetune" / name).exists(), name
    assert len((desk / "runs" / "evaluation" / "rows.csv").read_text().splitlines()) == 1 + 2 * 15 * 2 * 5


def test_the_python_example_runs(desk, bundled, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    assert len(PYTHON) == 1
    names: dict = {}
    exec(PYTHON[0], names)
    assert names["restored"].shape == names["images"].shape
    assert (desk / "restored-again.jpg").is_file()
    assert "Haze(" in capsys.readouterr().out


def test_the_page_of_degradations_does_what_it_says(desk, stand_in):
    for line in "".join(blocks(DEGRADATIONS, "sh")).splitlines():
        result = run(line, desk, stand_in)
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    assert (desk / "hazy.png").is_file()
    assert len(list((desk / "every-level" / "snow").glob("*/photo.png"))) == 9
    names: dict = {}
    exec("".join(blocks(DEGRADATIONS, "python")), names)
    assert names["again"].shape == names["both"].shape == names["hazy"].shape == names["image"].shape


def test_the_table_of_degradations_is_the_catalogue():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\d+) \|", DEGRADATIONS, flags=re.MULTILINE)
    found = [(int(label), name, int(levels)) for label, name, levels in rows]
    assert found == [(entry.label, entry.name, len(entry.levels)) for entry in CATALOGUE]
    assert f"at {sum(len(entry.levels) for entry in CATALOGUE)} levels" in DEGRADATIONS


def test_the_two_commands_exist():
    for target in ("demo", "test"):
        result = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert f"make {target}" in README


def test_sections_stand_in_the_order_people_need_them():
    places = [
        README.index(text)
        for text in ("docs/images/demo.webp", "## Restore your photo", "make demo", "## Pre-train", "## Python")
    ]
    assert places == sorted(places)


def test_files_that_pages_point_to_exist():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_nothing_shown_is_left_out_of_the_test():
    for page in (README, DEGRADATIONS):
        shown = [line for block in re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL) for line in block.splitlines()]
        commands = {line for line in shown if line.startswith("maskdcpt")}
        assert commands == set("".join(blocks(page, "sh")).splitlines())
