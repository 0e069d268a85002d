"""Patterns and lists: what they match, what they refuse, what they miss."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.datasets import DATASETS
from maskdcpt.datasets.layouts import Images, Listed, Pattern, Several
from maskdcpt.datasets.tree import inside, walk_images
from maskdcpt.errors import UserError

WORD = st.text("abcxyz019.-", min_size=1, max_size=6)


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@given(scene=WORD, frame=WORD)
def test_a_pattern_gives_back_what_it_was_filled_with(scene, frame):
    pattern = Pattern("[GOPRO/]train/{scene}/blur/{frame}")
    values = {"scene": scene, "frame": frame}
    assert pattern.match(pattern.fill(values)) == values
    assert pattern.match(f"GOPRO/train/{scene}/blur/{frame}") == values
    assert pattern.match(f"test/{scene}/blur/{frame}") is None
    assert pattern.match(f"train/{scene}/{scene}/blur/{frame}") is None


def test_a_name_stands_for_the_same_wherever_it_occurs():
    pattern = Pattern("input/{image}/{image}_ap{aperture}_*")
    assert pattern.match("input/IMG_1/IMG_1_ap2_03") == {"image": "IMG_1", "aperture": "2"}
    assert pattern.match("input/IMG_1/IMG_2_ap2_03") is None
    assert Pattern("a[b].c{n:[0-9]{2}}").match("ab.c07") == {"n": "07"}
    assert Pattern("a[b].c{n:[0-9]{2}}").match("abxc07") is None, "a dot is a dot"
    assert Pattern("[x/]{part:train|test}/{n:[0-9]+}").shown == "[x/]{train|test}/{n}"
    assert Pattern("a/b/{c}/d").start == "a/b"
    assert Pattern("a/b{c}").start == "a"
    assert Pattern("[a/]b/{c}").start == ""


@pytest.mark.parametrize(
    ("name", "files", "pairs"),
    [
        (
            "reside-ots",
            ["clear/0025.jpg", "clear/0031.png", "haze/OTS/0025_0.8_0.04.jpg", "haze/OTS/0025_1_0.2.jpg"],
            {"haze/OTS/0025_0.8_0.04": "clear/0025.jpg", "haze/OTS/0025_1_0.2": "clear/0025.jpg"},
        ),
        (
            "gopro",
            [f"GOPRO_Large/train/G_{n}/{side}/000047.png" for n in (1, 2) for side in ("blur", "blur_gamma", "sharp")],
            {f"GOPRO_Large/train/G_{n}/blur/000047": f"GOPRO_Large/train/G_{n}/sharp/000047.png" for n in (1, 2)},
        ),
        (
            "sidd",
            [f"Data/0001_001_S6_00100_L/0001_{what}_SRGB_0{n}.PNG" for what in ("GT", "NOISY") for n in (10, 11)],
            {
                f"Data/0001_001_S6_00100_L/0001_NOISY_SRGB_0{n}": f"Data/0001_001_S6_00100_L/0001_GT_SRGB_0{n}.PNG"
                for n in (10, 11)
            },
        ),
        (
            "lol-v2-real",
            ["Real_captured/Train/Low/low00001.png", "Real_captured/Train/Normal/normal00001.png"],
            {"Real_captured/Train/Low/low00001": "Real_captured/Train/Normal/normal00001.png"},
        ),
        (
            "dpdd",
            [f"train_c/{name}.png" for name in ("source/P17", "source/P19", "target/P16", "target/P18")],
            {"train_c/source/P17": "train_c/target/P16.png", "train_c/source/P19": "train_c/target/P18.png"},
        ),
        (
            "outdoor-rain",
            ["in/im_0001_s80_a04.png", "gt/im_0001.png"],
            {"in/im_0001_s80_a04": "gt/im_0001.png"},
        ),
    ],
)
def test_sets_whose_names_are_peculiar(tmp_path, name, files, pairs):
    put(tmp_path, *files)
    members = DATASETS[name].splits["train"].members(tmp_path)
    assert {member.key: member.clean.relative_to(tmp_path).as_posix() for member in members} == pairs


def test_kinds_of_damage_in_one_set(tmp_path):
    put(tmp_path, *(f"CDD-11_train/{kind}/00001.png" for kind in ("clear", "haze", "low_haze_rain")))
    members = DATASETS["cdd-11"].splits["train"].members(tmp_path)
    assert [(member.key, member.type, member.basic) for member in members] == [
        ("CDD-11_train/haze/00001", "haze", ()),
        ("CDD-11_train/low_haze_rain/00001", "low_light_weather", ("low_light", "haze", "rain_streak")),
    ]
    assert not DATASETS["cdd-11"].splits["test"].members(tmp_path)


def test_what_has_no_partner_is_told(tmp_path):
    put(tmp_path, "gt/1.png", "gt/2.png", "in/1_a.png", "in/3_a.png", "in/.hidden_a.png", "in/notes.txt")
    survey = Images("gt/{image}", "in/{image}_a", "haze").survey(tmp_path)
    assert [member.key for member in survey.members] == ["in/1_a"]
    assert survey.clean == (tmp_path / "gt" / "2.png",)
    assert survey.missing == ("gt/3.* for in/3_a.png",)


def test_pairs_by_order_need_all_files(tmp_path):
    files = DATASETS["dpdd"].splits["val"]
    put(tmp_path, "val_c/source/1.png", "val_c/source/3.png", "val_c/target/0.png")
    survey = files.survey(tmp_path)
    assert not survey.members
    assert "2 damaged images and 1 clean ones, which are paired by their order" in survey.missing[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["gt/1.png", "gt/1.jpg", "in/1.png"], r"gt/1.jpg and gt/1.png have one name apart from the suffix"),
        (["gt/1.png", "x/gt/1.png", "in/1.png"], r"gt/1.png and x/gt/1.png would both be the clean image of a pair"),
    ],
)
def test_twins_are_refused(tmp_path, files, message):
    put(tmp_path, *files)
    with pytest.raises(UserError, match=message):
        Images("[x/]gt/{image}", "in/{image}", "haze").members(tmp_path)


LIST = Listed(("train.txt", "lists/train.txt"), "motion_blur", "{scene}/blur/{n}", "{scene}/gt/{n}")


def test_lists_in_either_order_and_either_place(tmp_path):
    put(tmp_path, "s1/gt/1.png", "s1/blur/1.png", "s2/gt/1.png", "s2/blur/1.png", "s3/gt/1.png")
    (tmp_path / "lists").mkdir()
    lines = "\ufeffs1/gt/1.png s1/blur/1.png\r\n\ns2/blur/1.png s2/gt/1.png\ns3/gt/1.png s3/blur/1.png\n"
    (tmp_path / "lists" / "train.txt").write_text(lines)
    survey = LIST.survey(tmp_path)
    assert [(member.key, member.scene, member.clean.is_file()) for member in survey.members] == [
        ("s1/blur/1", "s1", True),
        ("s2/blur/1", "s2", True),
    ]
    assert survey.missing == ("s3/blur/1.png",)
    assert LIST.survey(tmp_path / "lists").members == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../gt/1.png ../blur/1.png", "line 1: '../gt/1.png' leads out of the folder"),
        ("s/gt/1.png /etc/blur/1.png", "line 1: '/etc/blur/1.png' leads out of the folder"),
        ("s/gt/1.png C:/blur/1.png", "line 1: 'C:/blur/1.png' leads out of the folder"),
        ("..\\gt\\1.png s/blur/1.png", "leads out of the folder"),
        ("out/gt/1.png s/blur/1.png", "line 1: 'out/gt/1.png' leads out of the folder of the data set by a link"),
        ("s/gt/1.png", "line 1: 's/gt/1.png' is no pair; expected {scene}/blur/{n} and {scene}/gt/{n}"),
        ("s/gt/1.png s/gt/2.png", "is no pair"),
        ("s/gt/1.png s/blur/1.png\ns/gt/1.png s/blur/1.png", "line 2: s/blur/1.png is listed twice"),
    ],
)
def test_hostile_and_broken_lists_are_refused(tmp_path, line, message):
    secret = tmp_path / "secret"
    put(secret, "gt/1.png")
    folder = tmp_path / "set"
    put(folder, "s/gt/1.png", "s/blur/1.png")
    (folder / "out").symlink_to(secret)
    (folder / "train.txt").write_text(f"{line}\n")
    with pytest.raises(UserError) as error:
        LIST.survey(folder)
    assert message in str(error.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00binary", None])
def test_what_is_no_list_is_refused(tmp_path, content):
    folder = tmp_path / "set"
    folder.mkdir()
    if content is None:
        (tmp_path / "elsewhere.txt").write_text("s/gt/1.png s/blur/1.png\n")
        (folder / "train.txt").symlink_to(tmp_path / "elsewhere.txt")
    else:
        (folder / "train.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"train.txt: (no text|a link that leads out)"):
        LIST.survey(folder)


def test_a_list_of_endless_length_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("maskdcpt.datasets.layouts.LISTED", 10)
    (tmp_path / "train.txt").write_text("s/gt/1.png s/blur/1.png\n")
    with pytest.raises(UserError, match=r"train.txt: 24 bytes; a list of pairs has at most 10"):
        LIST.survey(tmp_path)


def test_links_out_of_a_folder_are_not_followed(tmp_path):
    put(tmp_path / "private", "photo.png", "album/1.png")
    folder = tmp_path / "real"
    put(folder, "a/1.png", "b.png", "c.txt")
    (folder / "a" / "2.png").symlink_to(folder / "b.png")
    (folder / "again").symlink_to(folder / "a")
    (folder / "round").symlink_to(folder)
    (folder / "stolen.png").symlink_to(tmp_path / "private" / "photo.png")
    (folder / "album").symlink_to(tmp_path / "private" / "album")
    (folder / "broken.png").symlink_to(folder / "nothing.png")
    images, refused = walk_images(folder)
    assert {"a/1.png", "a/2.png", "b.png", "again/1.png"} <= set(images)
    assert not any("album" in name or "stolen" in name for name in images)
    assert len(images) < 30, "links that lead round in circles end"
    assert refused == [f"{name} is a link that leads out of the folder" for name in ("album", "stolen.png")]
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert walk_images(link) == (images, refused), "a data set's own folder may be a link"
    assert walk_images(folder, "album") == ([], ["album is a link that leads out of the folder"])
    assert walk_images(folder, "nowhere") == ([], [])


@given(st.lists(st.sampled_from(["..", "a", ".", "b/..", "", "/"]), min_size=1, max_size=5).map("/".join))
def test_no_name_leads_out(name):
    folder = os.path.abspath("somewhere")
    try:
        path = inside(Path(folder), name, "list")
    except UserError:
        return
    assert os.path.realpath(path).startswith(folder)


def test_parts_of_a_split_share_clean_images(tmp_path):
    put(tmp_path, "gt/1.png", "gt/2.png", "drop/1.png", "rain/2.png")
    files = Several((Images("gt/{n}", "drop/{n}", "raindrop"), Images("gt/{n}", "rain/{n}", "rain_streak")))
    survey = files.survey(tmp_path)
    assert [(member.key, member.type) for member in survey.members] == [
        ("drop/1", "raindrop"),
        ("rain/2", "rain_streak"),
    ]
    assert not survey.clean
