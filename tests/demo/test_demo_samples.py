"""The part of the demo that needs no training: sample photos, restored by the weights of the package."""

import re

import pytest
import torch

from maskdcpt import Restorer, create_backbone
from maskdcpt.data import sample_photo
from maskdcpt.demo import samples as part
from maskdcpt.demo import write_samples_page
from maskdcpt.errors import UserError
from maskdcpt.images import read_image
from maskdcpt.metrics import psnr

FEW = (("camera", "noise"), ("camera", "clean"))


@pytest.fixture
def small(monkeypatch):
    """Two samples, of which the middles are taken for the whole."""
    monkeypatch.setattr(part, "SAMPLES", FEW)
    monkeypatch.setattr(part, "sample_photo", lambda name: sample_photo(name)[:, 200:264, 200:280])


def test_photos_are_damaged_named_restored_and_shown(small, universal_weights, tmp_path):
    lines = []
    restorer = Restorer.from_pretrained(universal_weights, "cpu")
    noisy, untouched = part.restore_samples(tmp_path, restorer, lines.append)
    clean = sample_photo("camera")[:, 200:264, 200:280]
    damaged, same = (read_image(tmp_path / "damaged" / f"camera-{name}.png").pixels for _, name in FEW)
    assert torch.equal(same, clean)
    assert noisy.psnr[0] == pytest.approx(psnr(damaged, clean).item(), abs=1e-3)
    assert untouched.psnr[0] == float("inf")
    assert re.fullmatch(r"[A-Z].* \(\d+%\)", noisy.found)
    assert lines[1].startswith("  No damage: camera: named ")
    assert "inf" not in lines[1]
    restored = read_image(tmp_path / "restored" / "camera-noise.png").pixels
    assert noisy.psnr[1] == pytest.approx(psnr(restored, clean).item(), abs=0.2)
    page = write_samples_page([noisy, untouched], tmp_path / "new" / "page.html").read_text()
    assert len(re.findall(r'src="data:image/webp;base64,', page)) == 6
    assert f"Noise: camera; named {noisy.found}" in page
    assert "pre-training" in page, "it says that more is to come"


def test_every_sample_can_be_made():
    for name, damage in part.SAMPLES:
        photo = sample_photo(name)[:, :48, :64]
        assert torch.equal(part._damaged(photo, name, damage), photo) == (damage == "clean")


def test_weights_that_name_nothing_are_refused(small, tmp_path):
    network = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1])
    with pytest.raises(UserError, match="no classifier"):
        part.restore_samples(tmp_path, Restorer(network, device="cpu"), print)


def test_the_command_begins_with_the_weights_of_the_package(small, command, bundled, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise UserError("training begins")

    monkeypatch.setattr("maskdcpt.cli.demo.run_demo", stop)
    code, out, err = command("demo", "--preset", "smoke", "--out", tmp_path / "out")
    assert (code, err) == (2, "error: training begins\n")
    assert (tmp_path / "out" / "report.html").is_file(), "the page is there before anything is trained"
    assert out.splitlines()[-1] == f"page so far: {tmp_path / 'out' / 'report.html'}"
