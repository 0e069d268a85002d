"""The weights of the package: what their name stands for, where it is understood, and what is said without them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

import maskdcpt
from maskdcpt import Restorer, load_backbone, weights
from maskdcpt.backbones import Backbone, create_backbone, save_backbone
from maskdcpt.backbones.hub import locate_weights
from maskdcpt.data import DataConfig
from maskdcpt.errors import UserError
from maskdcpt.files import read_json
from maskdcpt.images import read_image, write_image
from maskdcpt.inference.calibration import load_calibration
from maskdcpt.pretraining import load_model
from maskdcpt.pretraining.weights import weights_sha256
from maskdcpt.training import FinetuneConfig
from maskdcpt.training.finetune import finetuning

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A photo in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    write_image(torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0)), tmp_path / "photo.png")
    return tmp_path / "photo.png"


def state_of(module):
    return torch.cat([values.flatten() for values in module.state_dict().values()])


def test_every_way_of_loading_knows_the_name(bundled):
    expected = state_of(load_backbone(bundled))
    for loaded in (
        load_backbone("default"),
        load_model("default")[0],
        Backbone.from_pretrained("default"),
        Restorer.from_pretrained("default", "cpu").backbone,
        finetuning(FinetuneConfig(data=DataConfig(clean=0.05)), "default")[0].backbone,
    ):
        assert torch.equal(state_of(loaded), expected)


def test_the_name_wins_over_a_folder_and_a_path_over_the_name(bundled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("default").mkdir()
    own = create_backbone("nafnet", width=2, encoder_blocks=[1], decoder_blocks=[1])
    save_backbone(own, Path("default"))
    assert locate_weights("default") == bundled
    assert load_backbone("default").config.width == 4
    for place in ("./default", Path("default"), tmp_path / "default"):
        assert load_backbone(place).config.width == 2
        assert Restorer.from_pretrained(place, "cpu").backbone.config.width == 2


def test_without_weights_it_is_one_line(command, photo, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "_folder", lambda: tmp_path / "nothing")
    for words in (["restore", photo], ["classify", photo], ["calibrate", "default"], ["export", "default", "x.pt2"]):
        code, out, err = command(*words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("error: the weights called 'default' are missing from this installation; install")
    with pytest.raises(UserError, match=r"a folder of your own of that name is \./default"):
        load_backbone("default")
    assert sorted(tmp_path.iterdir()) == [photo]


def test_a_photo_is_restored_beside_itself(command, bundled, photo):
    code, out, err = command("restore", photo)
    assert (code, err) == (0, "")
    result = photo.with_name("photo_restored.png")
    assert out.splitlines()[-1].endswith(f": {result}")
    expected = Restorer.from_pretrained(bundled, "cpu").restore(read_image(photo).pixels)
    assert (read_image(result).pixels - expected).abs().max() <= 0.5 / 255 + 1e-6
    code, _, err = command("restore", photo)
    assert (code, err) == (2, f"error: 1 of 1 files exist, {result} the first; --force replaces them\n")
    assert command("restore", photo, "--force")[0] == 0
    assert command("restore", photo, "--format", "jpg")[0] == 0
    assert command("restore", photo, "--suffix=-new")[0] == 0
    assert {path.name for path in photo.parent.glob("photo[_-]*")} == {
        "photo_restored.png",
        "photo_restored.jpg",
        "photo-new.png",
    }


def test_without_a_name_for_it_the_result_never_replaces_its_original(command, bundled, photo):
    before = photo.read_bytes()
    code, _, err = command("restore", photo, "--suffix", "", "--force")
    assert (code, "this is the original" in err) == (2, True)
    assert photo.read_bytes() == before


def test_a_folder_is_restored_beside_itself_and_goes_on(command, bundled, photo, monkeypatch):
    folder = photo.parent / "photos"
    (folder / "trip").mkdir(parents=True)
    shutil.copy(photo, folder / "a.png")
    shutil.copy(photo, folder / "trip" / "b.png")
    monkeypatch.chdir(folder)
    assert command("restore", ".")[0] == 0
    results = photo.parent / "photos_restored"
    assert {path.relative_to(results).as_posix() for path in results.rglob("*.png")} == {"a.png", "trip/b.png"}
    code, out, _ = command("restore", "../photos")
    assert (code, "2 done before" in out) == (0, True)


def test_classify_needs_no_weights_to_be_named_and_knows_clean_images(command, bundled, photo):
    code, out, _ = command("classify", photo, "--json")
    assert code == 0
    types = json.loads(out)["types"]
    assert set(types) == {*maskdcpt.degradations.CATALOGUE.names, "clean"}
    code, out, _ = command("classify", photo)
    named = [f"{name} {probability:.1%}" for name, probability in list(types.items())[:5]]
    assert (code, out) == (0, f"{photo}: {', '.join(named)}\n"), "the likeliest few"


def test_numbers_of_16_bits_are_read_as_float32(universal_weights, tmp_path):
    backbone = load_backbone(universal_weights)
    for place in ("backbone", "model"):
        (tmp_path / place).mkdir()
    save_backbone(backbone.half(), tmp_path / "backbone")
    half = load_backbone(tmp_path / "backbone")
    single = load_backbone(tmp_path / "backbone" / "model.safetensors")  # beside its config.json
    shutil.copy(tmp_path / "backbone" / "model.safetensors", tmp_path / "alone.safetensors")
    for loaded in (half, single, load_backbone(tmp_path / "alone.safetensors")):
        assert {values.dtype for values in loaded.state_dict().values()} == {torch.float32}
        assert torch.equal(state_of(loaded), state_of(backbone).float())
    # The hash is of what is computed with, so that writing these weights again in float32 does not change it.
    save_backbone(half, tmp_path / "model")
    assert weights_sha256(load_backbone(tmp_path / "model"), None) == weights_sha256(half, None)


def test_the_weights_that_are_packed_are_those_that_were_measured(script):
    """The very weights of the package, with their calibration and card; all other tests have small ones instead."""
    folder = ROOT / "src" / "maskdcpt" / "weights" / "default"
    facts = read_json(folder / script.FACTS)
    backbone, classifier = load_model(folder)
    assert weights_sha256(backbone, classifier) == facts["sha256"]
    assert classifier.classes == DataConfig(clean=0.05).classes
    assert load_calibration(folder).clean.found > 0
    rows = script.read_table(folder / script.ROWS)
    assert (folder / script.CARD).read_text() == script.render(folder, facts, rows)
    assert sum((folder / name).stat().st_size for name in ("model.safetensors", "classifier.safetensors")) < 12e6


def test_weights_are_part_of_what_is_packed():
    assert weights._folder() == Path(maskdcpt.__file__).parent / "weights"
    place = "src/maskdcpt/weights/default/model.safetensors"
    assert (ROOT / place).is_file()
    # Hatchling packs all files of the package but those that git ignores.
    ignored = subprocess.run(["git", "check-ignore", "-q", place], cwd=ROOT, check=False)
    if ignored.returncode == 128:
        pytest.skip("no git repository")
    assert ignored.returncode == 1
