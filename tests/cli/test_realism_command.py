"""``maskdcpt realism``."""

import re

import pytest
import torch

from maskdcpt.data import sample_photo
from maskdcpt.images import write_image


@pytest.fixture
def photos(tmp_path):
    """A folder of two photos."""
    (tmp_path / "photos").mkdir()
    for name in ("chelsea", "coffee"):
        write_image(sample_photo(name)[:, 100:164, 100:180], tmp_path / "photos" / f"{name}.png")
    return tmp_path / "photos"


def test_a_page_with_every_type_and_a_table(command, photos, tmp_path):
    page = tmp_path / "page.html"
    code, out, _ = command("realism", f"haze={photos}", f"low_light={photos}", "--data", photos, "--out", page)
    assert code == 0
    lines = out.splitlines()
    assert re.fullmatch(r"Haze( +[\d.]+/[\d.]+){4}", lines[1])
    # The "real" photos are the clean ones here.
    assert lines[1].count("/0.000") == 4
    assert not lines[1].split()[1].startswith("0.000/")
    text = page.read_text()
    assert text.count("image/svg+xml") == 8
    assert "Naming the real photos" not in text
    again = command("realism", f"haze={photos}", "--out", page)
    assert again[0] == 2
    assert "--force replaces it" in again[2]


def test_a_classifier_names_the_real_photos(command, weights, photos, tmp_path):
    page = tmp_path / "page.html"
    words = ["realism", f"haze={photos}", "--data", photos, "--out", page, "--weights", weights, "--device", "cpu"]
    code, out, _ = command(*words)
    assert code == 0
    assert sum(int(count) for count in re.findall(r" (\d+)(?:,|$)", out.splitlines()[2])) == 2
    assert "Naming the real photos" in page.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one TYPE=DIR or more is needed"),
        (["haze"], "'haze' is not TYPE=DIR, such as haze=photos/haze"),
        (["hase=photos"], "unknown degradation 'hase'; did you mean 'haze'?"),
        (["haze=nowhere"], "nowhere: no such folder"),
        (["haze=a", "haze=b"], "a type of damage is named twice"),
        (["webp=a"], "all levels of 'webp' are held out"),
    ],
)
def test_bad_input_is_one_line(command, tmp_path, words, message):
    code, out, err = command("realism", *words, "--out", tmp_path / "page.html")
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert not (tmp_path / "page.html").exists()


def test_images_of_one_pixel_are_compared(command, tmp_path):
    (tmp_path / "one").mkdir()
    write_image(torch.full((3, 1, 1), 0.5), tmp_path / "one" / "x.png")
    words = (f"haze={tmp_path / 'one'}", "--data", tmp_path / "one", "--out", tmp_path / "page.html")
    code, out, _ = command("realism", *words)
    assert code == 0
    assert "nan/nan" in out
