"""The page on verdicts does what it says, with the numbers that the code has."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image
from maskdcpt.inference import calibrate, calibration, evidence
from maskdcpt.reports import previews, restoration

PAGE = (Path(__file__).parents[2] / "docs" / "verdict.md").read_text()
TEXT = " ".join(PAGE.split())


def test_the_commands_run(tmp_path, monkeypatch, capsys, weights):
    monkeypatch.setattr(calibrate, "CROP", 24)
    shutil.copytree(weights, tmp_path / "runs" / "finetune")
    (tmp_path / "photos").mkdir()
    write_image(procedural_image(0, (24, 32)), tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"<!-- run -->\n```sh\n(.*?)```", PAGE, flags=re.DOTALL)[0].splitlines()
    assert len(lines) == 3
    for line in lines:
        with pytest.raises(SystemExit) as end:
            main(shlex.split(line)[1:])
        assert end.value.code == 0, capsys.readouterr()


def test_the_numbers_are_those_of_the_code():
    side = 2 * evidence.SIDE
    assert side**2 == evidence.PARTS * evidence.SIDE**2
    assert f"Up to {side} x {side} pixels it is looked at as a whole" in TEXT
    assert f"four parts of {evidence.SIDE} x {evidence.SIDE} at full resolution" in TEXT
    assert f"The middle {calibrate.CROP} x {calibrate.CROP} pixels of each" in TEXT
    assert "{:.0%} are learnt from, {:.0%} set the thresholds, {:.0%} test".format(*calibrate.PARTS) in TEXT.replace(
        " %", "%"
    )
    assert calibrate.STRANGE == 3
    assert f"wrong alarms of {calibrate.LIMIT:.0%}" in TEXT.replace(" %", "%")
    assert calibration.LEAST_FOUND == 1 / 5
    assert f"scaled down to {previews.WHOLE} pixels" in TEXT
    assert f"at most {previews.CHARACTERS:,} characters a photo" in TEXT
    assert f"after {restoration.CHARACTERS // 10**6} MB of pictures" in TEXT
