"""``maskdcpt degrade``."""

import json
import re

import pytest
import torch

from maskdcpt.data import sample_photo
from maskdcpt.degradations import CATALOGUE, apply, from_dict
from maskdcpt.images import read_image, write_image


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    write_image(sample_photo("astronaut")[:, 60:92, 200:240], path)
    return path


def test_a_level_by_number_and_by_parameters_is_the_same(command, photo, tmp_path):
    index = 8
    level = CATALOGUE["haze"].levels[index]
    code, out, err = command("degrade", photo, tmp_path / "1.png", "--type", "haze", "--level", index)
    assert (code, err) == (0, "")
    record, summary = out.splitlines()
    assert re.fullmatch(rf"1 of 1 images made in [\d.]+ s: {tmp_path}/1\.png", summary)
    made = json.loads(record)
    assert (made["image"], made["source"], made["types"]) == ("1.png", "photo.png", ["haze"])
    again = apply(read_image(photo).pixels, from_dict(made["level"]), made["seed"])
    assert torch.allclose(read_image(tmp_path / "1.png").pixels, again, atol=1e-6)
    parameters = f"beta={level.beta},airlight={level.airlight}"
    assert command("degrade", photo, tmp_path / "2.png", "--type", "haze", "--level", parameters)[0] == 0
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    assert not torch.equal(read_image(tmp_path / "1.png").pixels, read_image(photo).pixels)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("jpeg", "quality=42"),
        ("motion_blur", "length=7.5"),
        ("motion_blur", "frames=9"),
        ("grey_poisson_noise", "scale=2"),
    ],
)
def test_parameters_tell_the_kind(command, photo, tmp_path, name, parameters):
    code, out, err = command("degrade", photo, tmp_path / "out.png", "--type", name, "--level", parameters)
    assert (code, err) == (0, "")
    level = json.loads(out.splitlines()[0])["level"]
    parameter, value = parameters.split("=")
    assert level[parameter] == float(value)


def test_all_levels_of_a_type_and_then_the_same_again(command, photo, tmp_path):
    count = len(CATALOGUE["low_light"].levels)
    code, out, _ = command("degrade", photo, tmp_path / "out", "--type", "low_light", "--all")
    assert code == 0
    assert out.startswith(f"{count} of {count} images made")
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert made == [f"low_light/{index:02d}/photo.png" for index in range(count)]
    code, out, _ = command("degrade", photo, tmp_path / "out", "--type", "low_light", "--all")
    assert code == 0
    assert f"{count} more were there" in out


def test_files_of_a_folder_that_are_no_images_are_counted(command, photo, tmp_path):
    (photo.parent / "photos").mkdir()
    photo.rename(photo.parent / "photos" / "photo.png")
    (photo.parent / "photos" / "Thumbs.db").touch()
    words = ("degrade", photo.parent / "photos", tmp_path / "out", "--type", "haze", "--level", "1")
    code, _, err = command(*words)
    assert code == 0
    assert (
        err.splitlines()[-1]
        == f"{photo.parent / 'photos'}: 1 file was left out, hidden or no images by their suffix: .db 1"
    )


@pytest.mark.slow
def test_every_level_of_every_type_runs_on_a_photo(command, photo, tmp_path):
    total = sum(len(entry.levels) for entry in CATALOGUE)
    code, out, _ = command("degrade", photo, tmp_path / "out", "--all")
    assert (code, out.split(" images")[0]) == (0, f"{total} of {total}")
    records = [json.loads(line) for line in (tmp_path / "out" / "degradations.jsonl").read_text().splitlines()]
    assert {name for record in records for name in record["types"]} == set(CATALOGUE.names)


def test_random_levels_follow_the_seed_and_the_type(command, photo, tmp_path):
    (tmp_path / "many").mkdir()
    for number in range(12):
        write_image(read_image(photo).pixels, tmp_path / "many" / f"{number}.png")

    def levels(seed, *words):
        out = tmp_path / f"{seed}{''.join(words)}"
        assert command("degrade", tmp_path / "many", out, "--random", "--seed", seed, *words)[0] == 0
        records = (out / "degradations.jsonl").read_text().splitlines()
        return [json.loads(record)["level"] for record in records]

    assert len({level["type"] for level in levels(0)}) > 3
    assert {level["type"] for level in levels(0, "--type", "haze")} == {"haze"}
    assert levels(1) != levels(2)


def test_lists(command):
    code, out, err = command("degrade", "--list")
    assert (code, err) == (0, "")
    for entry in CATALOGUE:
        assert re.search(rf"^ +{entry.label} +{entry.name} +{len(entry.levels)} ", out, re.MULTILINE)
    total = sum(len(entry.levels) for entry in CATALOGUE)
    assert f"{len(CATALOGUE)} types, {total} levels" in out
    code, out, _ = command("degrade", "--list", "--type", "gaussian_noise")
    assert code == 0
    assert "    0  GaussianNoise(sigma=5.0)\n" in out
    assert "   10  GaussianNoise(sigma=60.0)  held out\n" in out


def test_the_gallery_shows_every_kind_of_a_type(command, photo, tmp_path):
    page = tmp_path / "gallery.html"
    assert command("degrade", photo, "--gallery", page, "--type", "noise")[0] == 0
    text = page.read_text()
    for kind in CATALOGUE["noise"].kinds:
        assert f"<h3>{kind.title}</h3>" in text
    assert len(re.findall(r"<figcaption>\w+ [\d.]+: \d+\.\d dB</figcaption>", text)) == 3 * len(
        CATALOGUE["noise"].kinds
    )
    assert "http" not in text
    code, _, err = command("degrade", photo, "--gallery", page)
    assert (code, err) == (2, f"error: {page} exists; --force replaces it\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["IN", "--random"], "an image or folder IN and a place OUT for the result are needed"),
        (["IN", "OUT", "--level", "3", "--gallery", "OUT"], "--gallery goes without OUT and without any of --level"),
        (["--list", "--random"], "--list goes without OUT and without any of --level, --random"),
        (["IN", "OUT", "--type", "webp", "--random"], "all levels of 'webp' are held out from training"),
        (["IN", "OUT", "--type", "webp", "--all"], "all levels of 'webp' are held out from training"),
        (["IN", "OUT", "--type", "", "--random"], "unknown degradation ''"),
        (["IN", "OUT", "--type", "haze", "--level", "\u00b2"], "--level is a number or parameters such as"),
        (["IN", "OUT", "--type", "haze", "--level", "beta=0.1,beta=0.2"], "each once, not 'beta=0.1,beta=0.2'"),
        (
            ["IN", "OUT", "--type", "noise", "--level", "sigma=3"],
            "name one as --type: gaussian_noise",
        ),
        (["--gallery", "DIR"], "a page needs a file, and this is a folder"),
        (["IN", "OUT"], "one of --level, --random and --all says what is done"),
        (["IN", "OUT", "--random", "--all"], "one of --level, --random and --all says what is done"),
        (["IN", "OUT", "--level", "3"], "--level is a level of a type; --type says of which"),
        (["IN", "OUT", "--type", "hase", "--random"], "unknown degradation 'hase'; did you mean 'haze'?"),
        (["IN", "OUT", "--type", "haze", "--level", "35"], "haze has the levels 0 to 34, not 35"),
        (["IN", "OUT", "--type", "haze", "--level", "-1"], "--level is a number or parameters such as"),
        (["IN", "OUT", "--type", "haze", "--level", "beta=9,airlight=1"], "beta is 9, but must lie in [0, 1]"),
        (["IN", "OUT", "--type", "haze", "--level", "beta=x,airlight=1"], "beta is 'x', but must be a number"),
        (["IN", "OUT", "--type", "haze", "--level", "beta=0.1"], "haze: parameter 'airlight' is missing"),
        (["IN", "OUT.txt", "--type", "haze", "--level", "1"], "the name of an image has to end in one of"),
        (["NONE", "OUT", "--random"], "no such file or folder"),
        (["IN", "IN", "--type", "haze", "--level", "1"], "this is the original"),
        (["IN", "IN", "--all"], "several results need a folder to go to, and this is a file"),
    ],
)
def test_bad_input_is_one_line(command, photo, tmp_path, words, message):
    names = {"IN": photo, "OUT": tmp_path / "out.png", "OUT.txt": tmp_path / "out.txt", "NONE": tmp_path / "none"}
    names["DIR"] = tmp_path
    before = sorted(tmp_path.rglob("*"))
    code, out, err = command("degrade", *(names.get(word, word) for word in words))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
