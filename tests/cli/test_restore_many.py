"""``maskdcpt restore`` on hundreds of files, some of them broken, and killed on the way."""

import subprocess
import sys
import time

import pytest
import torch

from maskdcpt.images import write_image

# Restores a folder, and tells in a file of each image that goes through the network, which takes a moment for it.
SLOW = """
import sys, time
from maskdcpt.cli.main import main
from maskdcpt.inference.stages import Stages
work = Stages.work
def slow(self, job, frames):
    for pixels in work(self, job, frames):
        with open(sys.argv[1], "a") as log:
            log.write("image\\n")
        time.sleep(0.05)
        yield pixels
Stages.work = slow
main(sys.argv[2:])
"""


def files(folder):
    """Names of all files that are not hidden."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(name.as_posix() for name in names if not any(part.startswith(".maskdcpt") for part in name.parts))


# A folder of 300 files, twenty of them broken.
@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many") / "photos"
    generator = torch.Generator().manual_seed(0)
    endings = ("png", "jpg", "webp", "tif", "bmp", "ppm")
    for number in range(300):
        path = folder / f"{number % 7}" / f"{number:03}.{endings[number % len(endings)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(torch.rand(3, 6 + number % 5, 8, generator=generator), path)
        if number % 15 == 7:
            data = path.read_bytes()
            path.write_bytes((data[: len(data) // 2], b"", b"text" * 20)[number % 3])
    return folder


def test_all_others_are_restored_and_every_reason_is_told(many, tmp_path, command, weights):
    code, out, err = command("restore", many, tmp_path / "out", "--weights", weights)
    assert code == 1
    assert len(files(tmp_path / "out")) == 280
    assert "280 of 300 images restored" in out
    reasons = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(reasons) == 20
    assert all(str(many) in reason for reason in reasons)


@pytest.mark.slow
def test_killed_half_way_it_goes_on_without_doing_anything_again(many, tmp_path, weights):
    log, out = tmp_path / "log", tmp_path / "out"
    words = [sys.executable, "-c", SLOW, log, "restore", many, out, "--weights", weights, "--clean", "restore"]
    count = 0
    for stop in (60, 160):
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
            while not log.exists() or log.read_text().count("image") < stop:
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
        count += 1
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert len(files(out)) == 280
    # At most three images are on their way at any time.
    assert 280 <= log.read_text().count("image") <= 280 + 3 * count
    whole = tmp_path / "whole"
    subprocess.run([*words[:6], whole, *words[7:]], capture_output=True, check=False)
    assert {name: (out / name).read_bytes() for name in files(out)} == {
        name: (whole / name).read_bytes() for name in files(whole)
    }
