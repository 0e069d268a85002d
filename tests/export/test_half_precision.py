"""Weights at half precision: half as large, proven to restore the same, and otherwise not written."""

import re

import pytest
import torch

from maskdcpt import Restorer
from maskdcpt.backbones import create_backbone, save_backbone
from maskdcpt.errors import UserError
from maskdcpt.export import export_half, half
from maskdcpt.pretraining import load_model, save_model


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Small middles of the sample photos."""
    monkeypatch.setattr(half, "SIDE", 24)


def test_the_command_writes_a_folder_that_everything_reads(command, universal_weights, tmp_path):
    target = tmp_path / "deep" / "half"
    code, out, err = command("export", universal_weights, target, "--format", "half")
    assert (code, err) == (0, "")
    network, types, weights, same, size, after = out.splitlines()
    assert network.startswith("network: nafnet")
    assert types.startswith("types of damage: noise, ")
    assert "clean" not in types
    assert re.fullmatch(r"same on 60 photos: PSNR \d{2,3}\.\d dB or more, the same named first in \d+", same)
    assert re.fullmatch(rf"half: {target} \(0\.\d MB\)", size)
    assert after.startswith(f"next: maskdcpt calibrate {target}")
    names = ["README.md", "classifier.safetensors", "config.json", "model.safetensors"]
    assert sorted(path.name for path in target.iterdir()) == names
    for name in names[1::2]:
        ratio = (target / name).stat().st_size / (universal_weights / name).stat().st_size
        assert ratio < 0.75, "the rest of so small a file are names"
    restorer = Restorer.from_pretrained(target, "cpu")
    assert {values.dtype for values in restorer.backbone.state_dict().values()} == {torch.float32}
    assert restorer.classes[-1] == "clean"
    image = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    whole = Restorer.from_pretrained(universal_weights, "cpu")
    assert (restorer.restore(image) - whole.restore(image)).abs().max() < 1 / 255
    assert f"sha256 {whole_hash(target)}," in weights


def whole_hash(folder):
    from maskdcpt.pretraining.weights import weights_sha256

    return weights_sha256(*load_model(folder))


def test_a_network_without_a_classifier_and_one_that_is_half_already(tmp_path, universal_weights):
    (tmp_path / "alone").mkdir()
    save_backbone(load_model(universal_weights)[0], tmp_path / "alone")
    made = export_half(tmp_path / "alone", tmp_path / "half")
    assert made.named_alike is None
    assert made.psnr >= half.LEAST
    again = export_half(tmp_path / "half", tmp_path / "again")
    assert again.psnr == float("inf"), "nothing is lost a second time"


def test_what_half_precision_harms_is_not_written(tmp_path):
    torch.manual_seed(0)
    network = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1])
    with torch.no_grad():
        # Numbers that half precision takes for zero, and what makes them count.
        network.intro.weight.fill_(2e-8)
        network.ending.weight.fill_(3_000)
        for name, values in network.named_parameters():
            if name.endswith(("beta", "gamma", "bias")):
                values.zero_()
    (tmp_path / "weights").mkdir()
    save_backbone(network, tmp_path / "weights")
    with pytest.raises(UserError, match=r"at half precision it restores otherwise: -?\d+\.\d dB PSNR .* 50 are needed"):
        export_half(tmp_path / "weights", tmp_path / "half")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["weights"]


def test_numbers_that_half_precision_does_not_reach_are_told(tmp_path, universal_weights):
    backbone, classifier = load_model(universal_weights)
    with torch.no_grad():
        list(classifier.state_dict().values())[-1].add_(1e5)
    (tmp_path / "weights").mkdir()
    save_model(tmp_path / "weights", backbone, classifier)
    with pytest.raises(UserError, match=r"has values beyond 65504, which half precision does not reach"):
        export_half(tmp_path / "weights", tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_nothing_is_replaced(command, universal_weights, tmp_path):
    (tmp_path / "there").mkdir()
    code, _, err = command("export", universal_weights, tmp_path / "there", "--format", "half", "--force")
    assert (code, err.count("\n")) == (2, 1)
    assert "exists already, and weights at half precision need a new folder" in err
