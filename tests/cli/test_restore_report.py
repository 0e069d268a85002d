"""``maskdcpt restore --report`` and ``--runtime``."""

import re

import pytest
import torch
from PIL import Image

from maskdcpt.cli.restore import run
from maskdcpt.images import read_image, write_image
from maskdcpt.inference import Restorer
from maskdcpt.reports import RestorationReport


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        write_image(torch.rand(3, 70, 80, generator=torch.Generator().manual_seed(number)), folder / f"{number}.png")
    return folder


def test_a_page_shows_every_image_and_what_failed(command, tmp_path, weights, photos):
    (photos / "empty.png").touch()
    page = tmp_path / "pages" / "report.html"
    code, out, _ = command("restore", photos, tmp_path / "out", "--weights", weights, "--report", page)
    assert code == 1
    assert out.splitlines()[-1] == f"report: {page}"
    text = page.read_text()
    assert "3 photos" in text
    assert all(f"{number}.png" in text for number in range(3))
    assert "the file is empty" in text
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]


def test_a_page_of_a_run_that_went_on_shows_what_was_done_before(command, tmp_path, weights, photos):
    page = tmp_path / "report.html"
    words = ("restore", photos, tmp_path / "out", "--weights", weights)
    assert command(*words)[0] == 0
    (tmp_path / "out" / "1.png").unlink()
    assert command(*words, "--report", page)[0] == 0
    assert all(f"{number}.png" in page.read_text() for number in range(3))


def test_a_page_that_exists_is_not_replaced_and_nothing_is_done(command, tmp_path, weights, photos):
    page = tmp_path / "report.html"
    page.write_text("mine")
    code, _, err = command("restore", photos, tmp_path / "out", "--weights", weights, "--report", page)
    assert code == 2
    assert err == f"error: {page} exists; --force replaces it\n"
    assert not (tmp_path / "out").exists()


def cards(page):
    """What the page tells of each photo, without its pictures and its time."""
    text = re.sub(r'"data:[^"]*"', '""', page.read_text())
    found = dict(re.findall(r'data-name="([^"]*)"(.*?)</article>', text, re.DOTALL))
    return {name: re.sub(r"[\d.]+ s\b", "", card) for name, card in found.items()}


def test_a_page_grows_with_its_folder_of_results_and_forgets_nothing(command, tmp_path, weights, photos):
    Image.effect_noise((70, 80), 60).convert("CMYK").save(photos / "c.tif")
    page = tmp_path / "report.html"
    words = ("restore", photos, tmp_path / "out", "--weights", weights, "--report", page)
    assert command(*words)[0] == 0
    before = cards(page)
    assert set(before) == {str(photos / name) for name in ("0.png", "1.png", "2.png", "c.tif")}
    assert "CMYK converted to RGB" in before[str(photos / "c.tif")]
    assert "%" in before[str(photos / "1.png")]
    write_image(torch.rand(3, 70, 80), photos / "3.png")
    code, out, err = command(*words)
    assert code == 0, err
    assert "1 of 5 images restored" in out
    assert "4 done before" in out
    assert "note: " not in out
    after = cards(page)
    assert after.pop(str(photos / "3.png"))
    assert after == before


def test_only_the_page_of_the_same_results_is_replaced(command, tmp_path, weights, photos):
    page = tmp_path / "report.html"
    assert command("restore", photos, tmp_path / "out", "--weights", weights, "--report", page)[0] == 0
    before = page.read_bytes()
    for words in ((photos, tmp_path / "other"), (photos / "0.png", tmp_path / "0.png")):
        code, _, err = command("restore", *words, "--weights", weights, "--report", page)
        assert (code, err) == (2, f"error: {page} exists; --force replaces it\n")
        assert not words[1].exists()
    single = tmp_path / "single.html"
    words = ("--weights", weights, "--report", single)
    assert command("restore", photos / "0.png", *words)[0] == 0
    assert command("restore", photos / "1.png", *words)[0] == 2
    assert page.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(("runtime", "suffix"), [("onnx", ".onnx"), ("openvino", ".xml")])
def test_exported_networks_restore_as_the_weights_do(command, tmp_path, weights, photos, runtime, suffix):
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[runtime])
    network = tmp_path / f"network{suffix}"
    assert command("export", weights, network)[0] == 0
    code, out, err = command("restore", photos, tmp_path / "out", "--weights", network, "--runtime", runtime)
    assert (code, err.count("error")) == (0, 0)
    assert "3 of 3 images restored" in out
    restored = read_image(tmp_path / "out" / "0.png").pixels
    expected = Restorer.from_pretrained(weights).restore(read_image(photos / "0.png").pixels)
    assert (restored - expected).abs().max() <= 0.5 / 255 + 1e-4
    code, out, _ = command("restore", photos, tmp_path / "tiles", "--weights", network, "--tile", "64")
    assert code == 0
    assert "in tiles that know nothing of one another" in out


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2"])
def test_torch_runs_no_exported_network(command, tmp_path, photos, suffix):
    network = tmp_path / f"network{suffix}"
    network.write_bytes(b"a graph")
    code, _, err = command("restore", photos, tmp_path / "out", "--weights", network, "--runtime", "torch")
    assert code == 2
    assert err == (
        f"error: {network}: an exported network, and weights are needed here; `maskdcpt restore` runs files that end "
        "in .onnx or .xml, unless --runtime torch asks for weights\n"
    )
    assert not (tmp_path / "out").exists()


def test_runtimes_refuse_what_they_cannot_run(command, tmp_path, weights, photos):
    pytest.importorskip("onnxruntime")
    code, _, err = command("restore", photos, tmp_path / "out", "--weights", weights, "--runtime", "onnx")
    assert code == 2
    assert "this runtime takes a file that `maskdcpt export` made of such weights" in err
    code, _, err = command("restore", photos, tmp_path / "out", "--weights", "x.onnx", "--device", "cuda:7")
    assert code == 2


def test_a_page_of_a_run_that_could_not_begin_leaves_nothing_behind(command, tmp_path, weights, photos):
    page = tmp_path / "report.html"
    code, _, err = command("restore", tmp_path / "none", tmp_path / "out", "--weights", weights, "--report", page)
    assert code == 2
    assert "no such file or folder" in err
    assert [path.name for path in tmp_path.glob("report*")] == []
    (photos / "0.png").write_text("text")
    assert command("restore", photos / "0.png", tmp_path / "x.png", "--weights", weights, "--report", page)[0] == 2
    assert [path.name for path in tmp_path.glob("report*")] == []


def test_a_page_of_other_results_that_was_not_finished_is_not_mixed_in(command, tmp_path, weights, photos):
    page = tmp_path / "report.html"
    words = [str(word) for word in (photos, tmp_path / "out", "--weights", weights, "--report", page)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RestorationReport, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(words)
    code, _, err = command("restore", photos, tmp_path / "other", "--weights", weights, "--report", page)
    assert code == 2
    assert "entries of another page, which was not finished" in err
    assert not (tmp_path / "other").exists()
    assert command("restore", photos, tmp_path / "out", "--weights", weights, "--report", page)[0] == 0
    assert "3 photos" in page.read_text()


def interrupt(*args):
    raise KeyboardInterrupt
