"""``maskdcpt data verify``: sound data sets pass, and every fault that is put into one is named."""

import dataclasses
import json
import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.datasets import DATASETS, DataSet, Licence, verify
from maskdcpt.datasets import registry as known
from maskdcpt.datasets.layouts import Images
from maskdcpt.datasets.shift import Alignment, common_shift
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.images import write_image
from maskdcpt.parallel import usual_workers

SIZE = (256, 260)


def scene(seed):
    return procedural_image(seed, SIZE)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(image, path)


def small(name, folder, train, test, **more):
    """A data set of few images: published counts of real ones cannot be met here."""
    return DataSet(
        name=name,
        title=name,
        types=("haze",),
        real=False,
        splits={
            split: Images(f"{split}/gt/{{image}}", f"{split}/hazy/{{image}}_{{n}}", "haze")
            for split in ("train", "test")
        },
        counts={"train": train, "test": test},
        licence=Licence("none", None),
        homepage="https://example.org",
        citation="Nobody, 2000",
        folder=folder,
        **more,
    )


@pytest.fixture(autouse=True)
def sets(monkeypatch):
    entries = {
        **{name: DATASETS[name] for name in ("gopro", "cbsd68", "realblur-j")},
        "mist": small("mist", "mist", 3, 2),
        "fog": small("fog", "fog", 1, 0),
    }
    monkeypatch.setattr(known, "DATASETS", entries)
    monkeypatch.setattr("maskdcpt.datasets.verify.DATASETS", entries)


@pytest.fixture(scope="module")
def sound_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    levels = CATALOGUE["haze"].levels
    for split, seeds in (("train", (0, 1)), ("test", (2, 3))):
        for seed in seeds:
            write(root / "mist" / split / "gt" / f"{seed}.png", scene(seed))
            write(root / "mist" / split / "hazy" / f"{seed}_1.png", apply(scene(seed), levels[9 * seed], seed))
    write(root / "mist" / "train" / "hazy" / "0_2.jpg", apply(scene(0), levels[-1], 7))
    return root


@pytest.fixture
def root(sound_tree, tmp_path):
    """A root with one sound data set, to be spoilt."""
    shutil.copytree(sound_tree, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def run(capsys):
    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["data", "verify", *map(str, words), "--workers", "1"])
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return call


def test_all_is_well(run, root):
    code, out, err = run(root)
    assert code == 0, out
    assert out.splitlines() == ["mist: good", "  train    3 of 3", "  test     2 of 2", "all is well"]
    assert "checking" in err


def test_processes_find_the_same_as_one(root):
    write(root / "mist" / "test" / "hazy" / "3_1.png", scene(3)[:, 1:])
    alone, together = (verify.verify(root, workers=workers, progress=False) for workers in (1, 2))
    assert alone == together
    assert alone.problems == 1
    assert usual_workers() >= 1


def truncate(root):
    path = root / "mist" / "train" / "hazy" / "0_2.jpg"
    path.write_bytes(path.read_bytes()[:-200])


def bomb(root):
    """A PNG that says it is 100,000 pixels square."""
    path = root / "mist" / "train" / "gt" / "0.png"
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


def shift(root):
    path = root / "mist" / "train" / "hazy" / "1_1.png"
    pixels = np.asarray(Image.open(path))
    Image.fromarray(np.roll(pixels, (2, -3), axis=(0, 1))).save(path)


def swap(root):
    first, second = (root / "mist" / "test" / "hazy" / f"{seed}_1.png" for seed in (2, 3))
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def leak(root):
    shutil.copy(root / "mist" / "test" / "gt" / "2.png", root / "mist" / "train" / "gt" / "9.png")
    shutil.copy(root / "mist" / "test" / "hazy" / "2_1.png", root / "mist" / "train" / "hazy" / "9_1.png")
    (root / "mist" / "train" / "hazy" / "0_2.jpg").unlink()


def leak_between_sets(root):
    image = Image.open(root / "mist" / "test" / "gt" / "3.png")
    (root / "fog" / "train" / "gt").mkdir(parents=True)
    (root / "fog" / "train" / "hazy").mkdir()
    image.save(root / "fog" / "train" / "gt" / "x.jpg", quality=60)
    image.save(root / "fog" / "train" / "hazy" / "x_1.jpg", quality=60)


def link_out(root):
    (root / "mist" / "train" / "gt" / "7.png").symlink_to("/etc/hostname")


FAULTS = {
    "damaged image without a clean one": (
        lambda root: (root / "mist" / "train" / "gt" / "1.png").unlink(),
        ["2 of 3: 1 are missing", "1 missing", "train/gt/1.* for train/hazy/1_1.png"],
        1,
    ),
    "missing pair": (
        lambda root: (root / "mist" / "test" / "hazy" / "2_1.png").unlink(),
        ["1 of 2: 1 are missing", "note: 1 clean images have no damaged one", "test/gt/2.png"],
        1,
    ),
    "too many": (
        lambda root: write(
            root / "mist" / "test" / "hazy" / "2_5.png", apply(scene(2), CATALOGUE["haze"].levels[3], 1)
        ),
        ["3 of 2: 1 too many"],
        1,
    ),
    "cut short": (truncate, ["1 cannot be read", "0_2.jpg: the image is damaged or cut short"], 1),
    "bomb": (bomb, ["1 cannot be read", "0.png: too many pixels to be decoded safely"], 1),
    "two sizes": (
        lambda root: write(root / "mist" / "test" / "hazy" / "3_1.png", scene(3)[:, 1:]),
        ["1 differ in size", "test/hazy/3_1: 260 x 255 and its clean image 260 x 256"],
        1,
    ),
    "shifted": (shift, ["1 do not align", "train/hazy/1_1: lies 3.0 px left of and 2.0 px below its clean image"], 1),
    "swapped": (swap, ["2 do not align", "test/hazy/2_1: shows nothing of its clean image"], 2),
    "leak": (leak, ["leak: 1 picture in both mist train and mist test", "train/gt/9.png = test/gt/2.png"], 1),
    "leak between sets": (
        leak_between_sets,
        ["leak: 1 picture in both fog train and mist test", "train/gt/x.jpg = test/gt/3.png", "fog: good"],
        1,
    ),
    "link out": (link_out, ["1 are not read", "train/gt/7.png is a link that leads out of the folder"], 1),
    "pipe": (
        lambda root: os.mkfifo(root / "mist" / "train" / "gt" / "7.png"),
        ["1 are not read", "train/gt/7.png is no file"],
        1,
    ),
    "broken link": (
        lambda root: [
            (root / "mist/test/hazy/2_1.png").unlink(),
            (root / "mist/test/hazy/2_1.png").symlink_to("nothing.png"),
        ],
        ["1 cannot be read", "2_1.png: no such file"],
        1,
    ),
    "twins": (
        lambda root: shutil.copy(root / "mist/train/gt/0.png", root / "mist/train/gt/0.jpg"),
        ["train/gt/0.jpg and train/gt/0.png have one name apart from the suffix"],
        1,
    ),
    "nothing": (
        lambda root: (root / "gopro").mkdir(),
        ["gopro: 1 problem", "train    not there", "nothing here fits its layout; see maskdcpt data list --name gopro"],
        1,
    ),
}


@pytest.mark.parametrize(("spoil", "lines", "problems"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_named(run, root, spoil, lines, problems):
    spoil(root)
    code, out, _ = run(root)
    assert code == 1
    for line in lines:
        assert line in out, out
    assert out.splitlines()[-1] == f"{problems} problem{'s' if problems > 1 else ''}"


def test_a_picture_twice_in_a_split_is_a_note(run, root):
    write(root / "mist" / "train" / "gt" / "1.png", scene(0))
    write(root / "mist" / "train" / "hazy" / "1_1.png", apply(scene(0), CATALOGUE["haze"].levels[1], 1))
    code, out, _ = run(root)
    assert code == 0
    assert "note: mist train has 1 picture more than once\n    train/gt/0.png = train/gt/1.png" in out


def test_frames_of_a_scene_are_no_copies(run, tmp_path):
    for scene_name, seed in (("a", 1), ("b", 2), ("c", 1)):
        for frame in range(3):
            for side in ("sharp", "blur"):
                write(tmp_path / "gopro" / "train" / scene_name / side / f"{frame}.png", scene(seed))
    code, out, _ = run(tmp_path)
    assert code == 1
    assert "gopro train has 1 picture more than once\n    train/a/sharp/0.png = train/c/sharp/0.png" in out
    assert "9 of 2,103: 2,094 are missing" in out


def test_a_list_with_tricks_spoils_its_set_alone(run, root):
    (root / "realblur").mkdir()
    (root / "realblur" / "RealBlur_J_train_list.txt").write_text("../mist/a.png ../mist/b.png\n")
    code, out, _ = run(root)
    assert code == 1
    assert "'../mist/a.png' leads out of the folder of the data set" in out
    assert "mist: good" in out


def test_sets_that_share_a_folder_need_not_all_be_there(run, root, monkeypatch):
    shutil.move(root / "mist", root / "lol")
    entries = {
        **{name: small(name, "lol", 3, 2) for name in ("lol-a", "lol-b")},
        "lol-c": dataclasses.replace(small("lol-c", "lol", 1, 1), splits={"train": Images("x/{n}")}),
    }
    for module in ("registry", "verify"):
        monkeypatch.setattr(f"maskdcpt.datasets.{module}.DATASETS", entries)
    code, out, _ = run(root)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines() if line[0] != " "] == ["lol-a", "lol-b", "all is well"]
    code, out, _ = run(root, "--names", "lol-c")
    assert code == 1
    assert "nothing here fits its layout" in out


def test_a_name_that_is_no_text_spoils_nothing(run, root, tmp_path):
    bad = os.fsencode(root / "mist" / "test" / "hazy") + b"/9\xff_1.png"
    shutil.copy(os.fsencode(root / "mist" / "test" / "hazy" / "2_1.png"), bad)
    code, out, _ = run(root, "--json", "--report", tmp_path / "page.html")
    assert code == 1
    assert "9\\udcff" in out
    assert "9\\udcff_1" in (tmp_path / "page.html").read_text()
    assert run(root)[0] == 1


def test_a_quick_look_reads_little_and_says_so(run, root, monkeypatch):
    leak(root)
    shift(root)
    monkeypatch.setattr("maskdcpt.datasets.verify.QUICK", 1)
    code, out, _ = run(root, "--quick")
    assert code == 0, "what is wrong with images that were not looked at is not seen"
    assert "note: a quick look: some images of each split were read, and no duplicates looked for" in out


def test_json_and_a_page(run, root, tmp_path):
    shift(root)
    leak_between_sets(root)
    page = tmp_path / "page.html"
    code, out, _ = run(root, "--json", "--report", page)
    assert code == 1
    found = json.loads(out)
    assert found["problems"] == 2
    assert [each["name"] for each in found["sets"]] == ["mist", "fog"]
    assert found["sets"][0]["splits"][0]["shifts"][0]["where"] == "train/hazy/1_1"
    assert found["overlaps"][0]["leak"]
    text = page.read_text()
    assert "train/hazy/1_1" in text
    assert "train/gt/x.jpg" in text
    assert "2 problems" in text
    code, _, err = run(root, "--report", page)
    assert (code, err) == (2, f"error: {page} exists; --force replaces it\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "error: nowhere: no such folder"),
        (["{empty}"], "empty: no folder with the name of a data set here; see maskdcpt data list; not known: Mistt"),
        (["{root}", "--names", "mst"], "error: no data set is called 'mst'; did you mean 'mist'?"),
        (["{root}", "--names", "gopro"], "gopro: no such folder, so gopro is not there to be checked"),
        (["{root}", "--workers", "0"], "error: --workers is 0; it lies in [1, 1024]"),
    ],
)
def test_bad_input_is_one_line(root, tmp_path, capsys, words, message):
    (tmp_path / "empty" / "Mistt").mkdir(parents=True)
    with pytest.raises(SystemExit) as end:
        main(["data", "verify", *(word.format(root=root, empty=tmp_path / "empty") for word in words)])
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_shift_of_all_pairs_is_seen_through_blur_that_hides_each():
    rng = np.random.default_rng(0)
    spread = rng.normal(0, 1.5, (60, 2))
    assert common_shift([Alignment("aligned", *each) for each in spread]) is None
    right, down = common_shift([Alignment("shift", *each) for each in spread + np.array((2, 0))])
    assert right == pytest.approx(2, abs=0.6)
    assert abs(down) < 0.6
    assert common_shift([Alignment("shift", 2.0, 0.0)] * 10) is None, "too few to tell"
    assert common_shift([Alignment("untold")] * 60) is None, "nothing to tell from"
