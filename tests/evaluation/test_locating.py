"""Finding the images of protocols on made-up disks."""

import pytest

from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError
from maskdcpt.evaluation import PROTOCOLS
from maskdcpt.evaluation.locate import locate
from maskdcpt.images import write_image

FIVE = {
    "sots/outdoor/gt": ["0001", "0002"],
    "sots/outdoor/hazy": ["0001_0.8_0.1", "0001_0.9_0.2", "0002_0.8_0.2"],
    "rain100l/target": ["1"],
    "rain100l/input": ["1"],
    "cbsd68": ["101085", "101087"],
    "gopro/test/GOPR0384/sharp": ["000001"],
    "gopro/test/GOPR0384/blur": ["000001"],
    "lol-v1/eval15/high": ["1", "22"],
    "lol-v1/eval15/low": ["1", "22"],
}


def make_tree(root, tree, size=(24, 32)):
    for folder, names in tree.items():
        (root / folder).mkdir(parents=True)
        for seed, name in enumerate(names):
            write_image(procedural_image(seed, size), root / folder / f"{name}.png")
    return root


def test_the_sets_of_a_published_suite(tmp_path):
    located = locate(PROTOCOLS["5d"], make_tree(tmp_path, FIVE))
    found = {each.name: [item.key for item in each.items] for each in located.sets}
    assert list(found) == [each.name for each in PROTOCOLS["5d"].sets]
    assert found["sots-outdoor"] == [f"outdoor/hazy/{name}" for name in FIVE["sots/outdoor/hazy"]]
    # Results under the name of the clean image overwrite one another.
    assert [key[-12:] for key in found["sots-outdoor @ saved"]] == ["0001_0.9_0.2", "0002_0.8_0.2"]
    assert found["cbsd68 sigma 25"] == ["101085", "101087"]
    assert len(located.problems) == 5  # one a set, though two measure on haze
    assert f"cbsd68 test: 2 images instead of 68 in {tmp_path / 'cbsd68'}" in located.problems


def test_faults_are_named_and_left_out(tmp_path):
    make_tree(tmp_path, FIVE)
    (tmp_path / "rain100l" / "target" / "1.png").unlink()
    write_image(procedural_image(0, (24, 40)), tmp_path / "lol-v1" / "eval15" / "low" / "22.png")
    (tmp_path / "lol-v1" / "eval15" / "low" / "1.png").write_bytes(b"no image")
    write_image(procedural_image(0, (8, 40)), tmp_path / "cbsd68" / "101087.png")
    located = locate(PROTOCOLS["5d"], tmp_path)
    text = "\n".join(located.problems)
    assert {each.name for each in located.sets} == {
        "sots-outdoor",
        "sots-outdoor @ saved",
        "cbsd68 sigma 25",
        "gopro",
    }
    assert "rain100l test: nothing of it in" in text
    assert "2 of 2 cannot be measured, such as eval15/low/1 (not an image that can be read)" in text
    assert "1 of 2 cannot be measured, such as 101087 (40 x 8 pixels are too few; 11 or more a side are needed)" in text


def test_a_missing_set_tells_where_to_get_it(tmp_path):
    located = locate(PROTOCOLS["hide"], tmp_path)
    assert not located.sets
    assert located.problems == (
        f"hide test: {tmp_path / 'hide'} is not there (2,025 images expected; https://github.com/joanshen0508/HA_deblur)",
    )


def test_a_part_of_a_split_is_told_by_its_keys(tmp_path):
    tree = {f"cdd-11/test/{kind}": ["1", "2"] for kind in ("clear", "haze", "low_haze", "low_haze_rain")}
    located = locate(PROTOCOLS["mixed"], make_tree(tmp_path, tree))
    found = {each.name: [item.key for item in each.items] for each in located.sets}
    assert found["cdd-11 haze"] == ["test/haze/1", "test/haze/2"]
    assert found["cdd-11 low_haze_rain"] == ["test/low_haze_rain/1", "test/low_haze_rain/2"]
    assert set(found) == {"cdd-11 haze", "cdd-11 low_haze", "cdd-11 low_haze_rain"}
    assert all(item.clean is not None for each in located.sets for item in each.items)


def test_pairs_of_ones_own(tmp_path):
    make_tree(tmp_path, {"noise/gt": ["a", "b"], "noise/lq": ["a", "c"], "dark/high": ["x"], "dark/low": ["x"]})
    located = locate(PROTOCOLS["pairs"], tmp_path)
    assert [(each.name, each.spec.task, [item.key for item in each.items]) for each in located.sets] == [
        ("dark", "dark", ["x"]),
        ("noise", "noise", ["a"]),
    ]
    assert located.problems == ("noise: 2 images have no partner, such as b",)
    single = locate(PROTOCOLS["pairs"], tmp_path / "dark")
    assert [each.name for each in single.sets] == ["dark"]
    with pytest.raises(UserError, match="neither it nor a folder in it has gt and lq"):
        locate(PROTOCOLS["pairs"], tmp_path / "dark" / "low")


def test_photos_of_ones_own(tmp_path):
    make_tree(tmp_path, {"haze": ["a"], "snow": ["b", "c"]})
    located = locate(PROTOCOLS["photos"], tmp_path)
    assert [(each.name, len(each.items)) for each in located.sets] == [("haze", 1), ("snow", 2)]
    assert all(item.clean is None for each in located.sets for item in each.items)


def test_where_data_is_needed(tmp_path):
    assert locate(PROTOCOLS["synthetic-5d"], None).sets[0].where == "embedded test images"
    with pytest.raises(UserError, match="protocol 5d needs --data"):
        locate(PROTOCOLS["5d"], None)
    with pytest.raises(UserError, match="no such folder"):
        locate(PROTOCOLS["5d"], tmp_path / "nowhere")


TWELVE = """
cbsd68/1 kodak24/1 mcmaster/1 urban100/1
sidd/val/target/1 sidd/val/input/1
gopro/test/G/sharp/1 gopro/test/G/blur/1
reds/val/val_sharp/000/1 reds/val/val_blur/000/1
hide/GT/1 hide/test/test-close-ups/1
dpdd/test_c/target/1 dpdd/test_c/source/2
realdof/target/1 realdof/source/1
sots/outdoor/gt/1 sots/outdoor/hazy/1_0.8_0.1
rain100l/target/1 rain100l/input/1 rain100h/target/1 rain100h/input/1 test100/target/1 test100/input/1
test1200/target/1 test1200/input/1 test2800/target/1 test2800/input/1 synrain-13k/test/target/1 synrain-13k/test/input/1
realrain-1k/RealRain-1k-L/test/target/1 realrain-1k/RealRain-1k-L/test/input/1
realrain-1k/RealRain-1k-H/test/target/1 realrain-1k/RealRain-1k-H/test/input/1
snow100k/test/Snow100K-S/gt/1 snow100k/test/Snow100K-S/synthetic/1
snow100k/test/Snow100K-M/gt/1 snow100k/test/Snow100K-M/synthetic/1
snow100k/test/Snow100K-L/gt/1 snow100k/test/Snow100K-L/synthetic/1
csd/Test/Gt/1 csd/Test/Snow/1
lol-v1/eval15/high/1 lol-v1/eval15/low/1
lol-v2/Synthetic/Test/Normal/1 lol-v2/Synthetic/Test/Low/1
lol-v2/Real_captured/Test/Normal/normal1 lol-v2/Real_captured/Test/Low/low1
lsrw/Eval/Huawei/high/1 lsrw/Eval/Huawei/low/1 lsrw/Eval/Nikon/high/1 lsrw/Eval/Nikon/low/1
raw-moire/testset/gt_RGB/1_gt raw-moire/testset/moire_RGB/1_m
raindrop/test_a/gt/1_clean raindrop/test_a/data/1_rain raindrop/test_b/gt/1_clean raindrop/test_b/data/1_rain
rainds/RainDS_syn/test/gt/norain-1 rainds/RainDS_syn/test/raindrop/rd-1 rainds/RainDS_syn/test/rainstreak/rain-1
rainds/RainDS_real/test_set/gt/1 rainds/RainDS_real/test_set/raindrop/1 rainds/RainDS_real/test_set/rainstreak/1
udc/UDC_val_test/Poled/HQ/1 udc/UDC_val_test/Poled/LQ/1 udc/UDC_val_test/Toled/HQ/1 udc/UDC_val_test/Toled/LQ/1
realblur/RealBlur-J_ECC_IMCORR_centroid_itensity_ref/s/gt/gt_1
realblur/RealBlur-J_ECC_IMCORR_centroid_itensity_ref/s/blur/blur_1
realblur/RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref/s/gt/gt_1
realblur/RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref/s/blur/blur_1
rsblur/RSBlur/s/1/gt/gt_sharp rsblur/RSBlur/s/1/real_blur/real_blur
"""
"""Every set of the twelve tasks in its layout, with one image each."""


def make_twelve(root):
    for name in TWELVE.split():
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(procedural_image(0, (16, 16)), path)
    for letter, middle in (("J", ""), ("R", "BM3D_")):
        place = f"RealBlur-{letter}_{middle}ECC_IMCORR_centroid_itensity_ref/s"
        (root / "realblur" / f"RealBlur_{letter}_test_list.txt").write_text(
            f"{place}/gt/gt_1.png {place}/blur/blur_1.png\n"
        )
    lines = "RSBlur/s/1/gt/gt_sharp.png RSBlur/s/1/real_blur/real_blur.png\n"
    (root / "rsblur" / "RSBlur_real_test.txt").write_text(lines)
    return root


def test_all_52_sets_of_the_twelve_tasks_are_found_in_their_layouts(tmp_path):
    located = locate(PROTOCOLS["12d"], make_twelve(tmp_path))
    assert [each.name for each in located.sets] == [each.name for each in PROTOCOLS["12d"].sets]
    assert {each.name: len(each.items) for each in located.sets if len(each.items) != 1} == {}
    for each in located.sets:
        (item,) = each.items
        assert item.clean is not None
        assert (item.degraded is None) == bool(each.spec.damages), each.name
    by_name = {each.name: each.items[0] for each in located.sets}
    assert by_name["rainds-syn"].type == by_name["rainds-real"].type == "raindrop"
    assert "Huawei" in str(by_name["lsrw-huawei"].degraded)
