"""The page on evaluation does what it says, and names every protocol."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.evaluation import PROTOCOLS
from maskdcpt.evaluation.bootstrap import LEVEL, RESAMPLES
from maskdcpt.images import write_image

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()


def test_the_commands_run(tmp_path, monkeypatch, capsys, weights):
    shutil.copytree(weights, tmp_path / "runs" / "finetune")
    (tmp_path / "datasets" / "kodak24").mkdir(parents=True)
    write_image(procedural_image(0, (24, 32)), tmp_path / "datasets" / "kodak24" / "kodim01.png")
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"<!-- run -->\n```sh\n(.*?)```", PAGE, flags=re.DOTALL)[0].splitlines()
    assert len(lines) == 5
    for line in lines:
        words = shlex.split(line)[1:]
        quick = (
            [] if "--list" in words else ["--images", "1", "--metrics", "psnr", "--no-efficiency", "--preset", "smoke"]
        )
        with pytest.raises(SystemExit) as end:
            main([*words, *quick])
        assert end.value.code == 0, capsys.readouterr()
    assert (tmp_path / "runs" / "evaluation-noise" / "report.html").is_file()


def test_every_protocol_is_on_the_page():
    table = PAGE.split("## Protocols")[1].split("All measure RGB")[0]
    assert set(re.findall(r"`([\w-]+)`", "".join(re.findall(r"^\|(.*?)\|", table, flags=re.MULTILINE)))) == set(
        PROTOCOLS
    )
    assert f"Intervals hold {LEVEL:.0%} of {RESAMPLES} means".replace("95%", "95 %") in PAGE
