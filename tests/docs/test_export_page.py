"""What the page on exporting tells people to type works, and its tables are those of the package."""

import re
import shlex
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from maskdcpt import Restorer
from maskdcpt.backbones import create_backbone
from maskdcpt.cli.main import main
from maskdcpt.export import FORMATS, half
from maskdcpt.export.onnx_file import OPSET
from maskdcpt.export.parity import TOLERANCE
from maskdcpt.inference.description import Description
from maskdcpt.pretraining import ClassificationDecoder, ClassifierConfig, save_model

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text()

COMMANDS = re.findall(r"<!-- run -->\n```sh\n(.*?)```", PAGE, flags=re.DOTALL)


def test_weights_at_half_precision_are_made_and_calibrated(tmp_path, monkeypatch, command, weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("maskdcpt.inference.calibrate.CROP", 24)
    monkeypatch.setattr(half, "SIDE", 24)
    shutil.copytree(weights, tmp_path / "runs" / "finetune")
    assert len(COMMANDS) == 2
    for line in COMMANDS[1].splitlines():
        code, out, err = command(*shlex.split(line)[1:])
        assert code == 0, err
        if "export" in line:
            assert out.count("the same named first in") == 1
            assert f"below {half.LEAST:.0f} dB PSNR" in PAGE
            assert f"same on {re.findall(r'restore ([0-9]+) pictures', PAGE)[0]} photos" in out
    assert Restorer.from_pretrained("small", "cpu").calibration is not None


@pytest.mark.slow
def test_everything_runs(tmp_path, monkeypatch, capsys):
    for package, extra in (("onnxruntime", "export"), ("openvino", "openvino")):
        pytest.importorskip(package, reason=f"needs the extra {extra!r}, which `make test` installs")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "finetune").mkdir(parents=True)
    network = create_backbone("nafnet", width=2, encoder_blocks=[1], middle_blocks=0, decoder_blocks=[0])
    classifier = ClassificationDecoder([2], ["haze", "low_light"], ClassifierConfig(blocks=1, features="last"))
    save_model(tmp_path / "runs" / "finetune", network, classifier)
    commands = COMMANDS[0].splitlines()
    assert len(commands) == len(FORMATS)
    for line in commands:
        program, *words = shlex.split(line)
        assert program == "maskdcpt"
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0, line
        told = capsys.readouterr()
        assert told.err == ""
        assert "types of damage: haze, low_light" in told.out
        assert told.out.count("greatest difference") == 5
        assert f": {words[-1]} (" in told.out
    (script,) = re.findall(r"<!-- run -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names: dict = {}
    exec(script, names)
    assert (names["faster"](names["batch"]) - names["restored"]).abs().max() < 1e-5
    with torch.no_grad():
        assert (network.eval()(names["batch"]) - names["restored"]).abs().max() < 1e-5


def test_the_tables_are_those_of_the_package():
    for name, details in FORMATS.items():
        assert re.search(rf"^\| `{name}` \| `{details.suffix}`", PAGE, flags=re.MULTILINE)
    assert f"operator set {OPSET} |" in PAGE
    assert f"differs by more than {TOLERANCE:g}," in PAGE
    assert all(f"`{field.name}`" in PAGE for field in fields(Description))
