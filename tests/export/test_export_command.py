"""``maskdcpt export``: what it says, and how it refuses."""

import re

import pytest
from export_helpers import make_network

from maskdcpt.backbones import save_backbone


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    save_backbone(make_network("swinir"), folder)
    return folder


def test_it_tells_what_was_exported_and_how_well(command, folder, tmp_path):
    code, out, err = command("export", folder, tmp_path / "deep" / "net.pt2", "--seed", 3)
    assert (code, err) == (0, "")
    first, types, weights, *same, last = out.splitlines()
    assert first == "network: swinir, stride 4, reach 14 pixels"
    assert types == "types of damage: none, the weights have no classifier"
    assert re.fullmatch(r"weights: sha256 [0-9a-f]{64}, licence not stated", weights)
    assert same[0] == "same on 1 x 3 x 5 x 5: greatest difference 0.0e+00, PSNR inf dB"
    assert len(same) == 5
    assert re.fullmatch(rf"torch-export: {tmp_path}/deep/net.pt2 \(\d+\.\d MB\)", last)


@pytest.mark.parametrize(
    ("weights", "target", "more", "message"),
    [
        ("none", "net.onnx", (), "none: no such file or folder of weights"),
        (None, "net.pth", (), "net.pth: its suffix is no format's; expected .onnx (onnx), .pt2 (torch-export)"),
        (None, "net.onnx", ("--format", "openvino"), "net.onnx: a file of the format openvino ends in .xml"),
        (None, "net.onnx", ("--format", "torchscript"), "invalid choice 'torchscript'"),
        (None, "there.pt2", (), "there.pt2: exists already; --force replaces files"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_line(command, folder, tmp_path, weights, target, more, message):
    (tmp_path / "there.pt2").write_text("mine")
    place = folder if weights is None else tmp_path / weights
    code, out, err = command("export", place, tmp_path / target, *more)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["there.pt2"]
