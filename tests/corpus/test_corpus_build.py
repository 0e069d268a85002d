"""Building through the command: what comes out, what goes wrong, and going on."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from corpus_helpers import ENVIRONMENT, contents, facts, rows
from PIL import Image

from maskdcpt.data import DataConfig, SourceConfig, training_data
from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import CATALOGUE, apply, from_dict, to_dict
from maskdcpt.images import decode_image, read_image, write_image
from maskdcpt.metrics import psnr


@pytest.fixture
def build(command, recipe, root, tmp_path):
    """Builds the small data set; returns (folder, standard output)."""

    def run(*changes, out="out", words=(), code=0):
        path = recipe(*changes)
        done = command(
            "data", "build", "--recipe", path, "--root", root, "--out", tmp_path / out, "--workers", 0, *words
        )
        assert done[0] == code, done
        return tmp_path / out, done[1] + done[2]

    return run


def tensor(image):
    return decode_image(image["bytes"], "row").pixels


def test_rows_say_what_was_done_and_the_damage_can_be_made_again(build, root):
    out, _ = build()
    found = rows(out)
    assert len(found) == 31
    assert len({row["key"] for row in found}) == 31
    assert Counter((row["type"], row["made_by"]) for row in found) == {
        ("noise", "engine"): 14,
        ("motion_blur", "pair"): 6,
        ("motion_blur", "engine"): 6,
        ("low_light", "pair"): 5,
    }
    for row in found:
        clean, degraded = tensor(row["clean"]), tensor(row["degraded"])
        assert clean.shape == degraded.shape == (3, 32, 32)
        assert hashlib.sha256(row["degraded"]["bytes"]).hexdigest() == row["sha256"]
        assert hashlib.sha256(row["clean"]["bytes"]).hexdigest() == row["clean_sha256"]
        assert row["psnr"] == pytest.approx(psnr(degraded, clean).item(), abs=1e-3)
        assert row["split"] == "train"
        level = row["level"]
        if row["made_by"] == "engine":
            assert (row["source"], row["licence"], row["commercial"]) == ("own", "CC0-1.0", True)
            assert not row["real"]
            assert to_dict(CATALOGUE[row["type"]].levels[level]) == json.loads(row["degradation"])
            again = apply(clean, from_dict(json.loads(row["degradation"])), row["seed"])
            assert again.mul(255).round().equal(degraded.mul(255).round())
        else:
            assert (level, row["degradation"], row["seed"]) == (None, None, None)
            assert row["types"] == [row["type"]]
            assert row["real"] == (row["source"] == "lol-v1")
    # Pairs are the same crop of both: found again at one place of both images.
    pair = next(row for row in found if row["source"] == "gopro")
    name = pair["image"].rpartition("/")[2]
    folder = root / "gopro" / "train" / "GOPR0001_11_00"
    places = [
        {
            (top, left)
            for top in range(9)
            for left in range(17)
            if read_image(folder / kind / f"{name}.png")
            .pixels[:, top : top + 32, left : left + 32]
            .equal(tensor(pair[column]))
        }
        for kind, column in (("sharp", "clean"), ("blur", "degraded"))
    ]
    assert places[0] == places[1] != set()


def test_every_original_and_level_has_its_share(build):
    out, _ = build(("samples = 14", "samples = 70"))
    found = [row for row in rows(out, ["source", "image", "type", "level", "made_by"]) if row["type"] == "noise"]
    assert set(Counter(row["image"] for row in found).values()) == {14}
    assert set(Counter(row["level"] for row in found).values()) == {2, 3}
    assert len({row["level"] for row in found}) == len(CATALOGUE["noise"].levels)


def test_what_is_missing_is_filled_and_said_everywhere(build):
    out, said = build()
    missing = "source missing: reds: no folder"
    filled = "filled: 6 of 12 motion by the engine"
    for text in (said, (out / "README.md").read_text(), (out / "build.json").read_text()):
        assert missing in text
        assert filled in text
    share = facts(out)["components"]["motion"]
    told = ("asked", "pairs", "engine", "short", "missing")
    assert [share[name] for name in told] == [12, 6, 6, 0, ["reds"]]
    out, said = build(('otherwise = "engine"\n', ""), out="short")
    assert "shortfall: 6 of 12 motion not made" in said
    assert facts(out)["pairs"] == len(rows(out, ["key"])) == 25


def test_nothing_at_all_is_one_line(command, recipe, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, error = command("data", "build", "--recipe", recipe(), "--root", tmp_path / "empty", "--plan")
    assert code == 2
    assert error.startswith("error: nothing of tiny can be made: own: no folder")


def test_the_plan_writes_nothing(command, recipe, root, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    code, output, _ = command("data", "build", "--recipe", recipe(), "--root", root, "--plan")
    assert code == 0
    assert "tiny: 31 of 31 pairs" in output
    assert "estimate, from" in output
    assert "source missing: reds" in output
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "recipe.toml"] == before


@pytest.mark.slow
def test_the_same_bytes_whatever_the_workers_and_the_place(build, root, tmp_path):
    expected = contents(build()[0])
    assert {"README.md", "build.json", "gallery.webp", "manifest/manifest.parquet", "recipe.toml"} <= set(expected)
    assert sum(name.endswith("of-00004.parquet") for name in expected) == 4
    for workers in (1, 2):
        assert contents(build(out=f"out-{workers}", words=("--workers", workers))[0]) == expected
    (tmp_path / "elsewhere").mkdir()
    root.rename(tmp_path / "elsewhere" / "root")
    shutil.copytree(tmp_path / "elsewhere" / "root", root)
    assert contents(build(out="moved")[0]) == expected


def test_another_seed_is_another_data_set(build):
    first, second = build()[0], build(("crop = 32", "crop = 32\nseed = 1"), out="other")[0]
    hashes = [{row["sha256"] for row in rows(out, ["sha256"])} for out in (first, second)]
    assert not hashes[0] & hashes[1]


def test_a_damaged_a_missing_and_a_cut_shard_are_made_again_alone(build):
    out, _ = build()
    expected = contents(out)
    names = sorted((out / "data").iterdir())
    damaged = bytearray(names[1].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    names[1].write_bytes(damaged)
    names[2].unlink()
    times = {path: path.stat().st_mtime_ns for path in (names[0], names[3])}
    (out / "data" / ".writing-1-deadbeef.parquet").write_bytes(b"left by an interruption")
    with (out / "shards.jsonl").open("a") as file:
        file.write('{"shard": 1, "fi')  # as a crash leaves it
    _, said = build()
    assert f"{names[1]}: damaged; it is made again" in said
    assert f"{names[2]}: missing; it is made again" in said
    assert "2 of 4 shards are there and whole, and are kept" in said
    assert "shards: 2 made now, 2 kept" in said
    assert contents(out) == expected
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_another_recipe_or_other_images_in_the_same_folder_are_refused(build, root):
    out, _ = build()
    expected = contents(out)
    _, said = build(("samples = 14", "samples = 15"), code=2)
    assert f"{out} was begun with another recipe: components.noise.samples was 14 and is now 15" in said
    _, said = build(words=("--licences", "commercial"), code=2)
    assert f"{out} was begun without --licences commercial" in said
    write_image(procedural_image(9, (40, 48)), root / "own" / "9.png")
    _, said = build(code=2)
    assert f"{out} was begun with other images: source own had 5 images, and now has 6 images" in said
    assert contents(out) == expected


def test_another_version_of_what_writes_the_bytes_is_refused(build):
    out, _ = build()
    before = contents(out)
    facts_file = out / "build.json"
    facts_file.write_text(json.dumps({**facts(out), "made_with": {**facts(out)["made_with"], "opencv": "4.0"}}))
    _, said = build(code=2)
    assert f"was begun with opencv 4.0, and this is {cv2.__version__}, which may make other bytes" in said
    facts_file.write_bytes(before["build.json"])
    build()
    assert contents(out) == before


def test_folders_with_other_things_in_them_are_left_alone(build, tmp_path, root):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    _, said = build(code=2)
    assert "needs a folder of its own" in said
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name not in (".lock", "data", ".originals")] == [
        "thesis.tex"
    ]
    _, said = build(out="root", code=2)
    assert "needs a folder apart from that of the sources" in said
    _, said = build(out="root/own/new", code=2)
    assert "needs a folder apart from that of a source" in said


def test_licences_travel_and_commercial_leaves_out_what_forbids_it_or_does_not_say(build):
    out, _ = build()
    terms = {
        row["source"]: (row["licence"], row["commercial"]) for row in rows(out, ["source", "licence", "commercial"])
    }
    assert terms == {"own": ("CC0-1.0", True), "gopro": ("CC-BY-4.0", True), "lol-v1": ("not stated", None)}
    card = (out / "README.md").read_text()
    assert "| not stated | 5 | not stated |" in card
    assert "| CC-BY-4.0 | 6 | yes |" in card
    out, said = build(out="commercial", words=("--licences", "commercial"))
    assert all(row["commercial"] for row in rows(out, ["commercial"]))
    assert len(rows(out, ["key"])) == 26
    assert "licence: 2 images of lol-v1 left out" in said
    assert "source missing: lol-v1: its licence (not stated) allows no commercial use, or does not say" in said
    _, said = build(("commercial = true", "commercial = false"), out="none", words=("--licences", "commercial"))
    assert "shortfall: 14 of 14 noise not made" in said


def test_pairs_that_cannot_be_used_are_named_and_replaced(build, root):
    folder = root / "gopro" / "train" / "GOPR0001_11_00"
    write_image(procedural_image(0, (40, 40)), folder / "blur" / "000000.png")
    damaged = (folder / "blur" / "000001.png").read_bytes()
    (folder / "blur" / "000001.png").write_bytes(damaged[: len(damaged) // 2])
    out, said = build()
    motion = [row for row in rows(out) if row["source"] == "gopro"]
    assert len(motion) == 6
    assert len({row["key"] for row in motion}) == 6
    assert {row["image"].rpartition("/")[2] for row in motion} == {"000002"}
    assert "quarantine: 2 images could not be used, for which 4 pairs come from others" in said
    lines = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    assert [line["source"] for line in lines] == ["gopro"] * 2
    assert "40 x 40 pixels, and its clean image has 48 x 40" in lines[0]["problem"]
    assert "damaged or cut short" in lines[1]["problem"]
    expected = contents(out)
    assert contents(build(out="again", words=("--workers", "2"))[0]) == expected


def test_a_source_of_which_nothing_can_be_used_ends_in_one_line(build, root):
    for path in (root / "lol-v1" / "our485" / "low").iterdir():
        path.write_bytes(b"no image")
    _, said = build(code=2)
    last = said.splitlines()[-1]
    assert last.startswith("error: component dark: 2 images cannot be used, the last is ")
    assert "leave their source out of the recipe" in last


def test_clean_images_that_are_not_good_enough_are_counted(build, root):
    own = root / "own"
    shutil.copy(own / "0.png", own / "copy.png")
    (own / "broken.png").write_bytes(b"no image")
    write_image(procedural_image(50, (31, 64)), own / "small.png")
    write_image(torch.full((3, 48, 48), 0.5), own / "grey.png")
    soft = cv2.GaussianBlur(procedural_image(60, (68, 68)).permute(1, 2, 0).numpy(), (0, 0), 3)
    write_image(torch.from_numpy(soft).permute(2, 0, 1).clamp(0, 1), own / "soft.png")
    Image.fromarray(np.uint8(procedural_image(51, (48, 48)).permute(1, 2, 0) * 255)).save(
        own / "packed.jpg", quality=40
    )
    out, said = build(("flat = 1.0\nsharpness = 0.0", "flat = 0.9\nsharpness = 0.75"))
    left_out = facts(out)["sources"]["own"]["left_out"]
    assert left_out == {"blurred": 1, "compressed": 1, "duplicate": 1, "flat": 1, "too small": 1, "unreadable": 1}
    assert "originals: of 11 in own left out: 1 blurred, 1 compressed, 1 duplicate" in said
    assert "broken.png" in (out / "quarantine.jsonl").read_text()
    used = {row["image"] for row in rows(out, ["image", "made_by"]) if row["made_by"] == "engine"}
    assert used == {"0.png", "1.png", "2.png", "3.png", "4.png"}


def test_small_images_are_kept_whole_where_the_recipe_says_so(build, root):
    for path in (root / "own").iterdir():
        path.unlink()
    write_image(procedural_image(50, (20, 64)), root / "own" / "small.png")
    out, _ = build(("crop = 32", 'crop = 32\nsmall = "keep"'))
    sizes = {tensor(row["clean"]).shape for row in rows(out) if row["made_by"] == "engine"}
    assert sizes == {(3, 20, 32)}


@pytest.mark.parametrize("name", ["../root", "/etc", "own/../../x", "own/..", ".hidden", ""])
def test_names_that_lead_elsewhere_are_refused(command, recipe, root, name):
    path = recipe(('clean = ["own"]', f'clean = ["{name}"]'))
    code, _, error = command("data", "build", "--recipe", path, "--root", root, "--plan")
    assert code == 2
    assert f"{name!r} is no name of a source" in error


def test_a_picture_that_is_too_large_is_not_decoded(build, root):
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60_000, 50_000, 8, 2, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    huge += struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))
    write_image(procedural_image(0, (60, 60)), root / "own" / "large.png")
    (root / "own" / "huge.png").write_bytes(huge)
    (root / "gopro" / "train" / "GOPR0001_11_00" / "blur" / "000001.png").write_bytes(huge)
    out, _ = build(("flat = 1.0", "flat = 1.0\nmax_pixels = 3000"))
    assert facts(out)["sources"]["own"]["left_out"] == {"unreadable": 2}
    said = (out / "quarantine.jsonl").read_text()
    assert "large.png: 60 x 60 pixels, more than filters.max_pixels (3,000)" in said
    assert said.count("too many pixels to be decoded safely") == 2
    assert len(rows(out, ["key"])) == 31


def test_images_outside_are_not_followed_by_links_of_a_data_set(build, root, tmp_path):
    write_image(procedural_image(70, (40, 48)), tmp_path / "secret.png")
    folder = root / "gopro" / "train" / "GOPR0001_11_00"
    for kind in ("sharp", "blur"):
        (folder / kind / "000009.png").symlink_to(tmp_path / "secret.png")
    out, _ = build()
    assert not any("000009" in row["image"] for row in rows(out, ["image"]))


def test_names_that_are_no_text_are_told_as_such(build, root):
    name = os.fsdecode(b"caf\xe9 ?|.png")
    (root / "own" / "0.png").rename(root / "own" / name)
    out, _ = build()
    keys = {row["image"] for row in rows(out, ["image"])}
    assert "caf\\xe9 ?|.png" in keys


def test_a_link_that_leads_nowhere_is_named_and_replaced(build, root):
    folder = root / "gopro" / "train" / "GOPR0001_11_00" / "blur"
    (folder / "000001.png").unlink()
    (folder / "000001.png").symlink_to(folder / "away.png")
    out, said = build()
    assert len(rows(out, ["key"])) == 31
    assert "quarantine: 1 images could not be used" in said


def test_a_mixture_of_another_size(command, recipe, root, tmp_path):
    words = ("data", "build", "--recipe", recipe(), "--root", root, "--workers", "0")
    code, output, _ = command(*words, "--pairs", "10", "--out", tmp_path / "ten")
    assert code == 0, output
    assert Counter(row["type"] for row in rows(tmp_path / "ten")) == {"noise": 4, "motion_blur": 4, "low_light": 2}
    code, _, error = command(*words, "--pairs", "32", "--plan")
    assert code == 2
    assert "pairs is 32; it lies in [1, 31]" in error


def test_it_can_be_trained_on(build):
    out, _ = build()
    source = SourceConfig(kind="shards", folder=str(out / "data"))
    config = DataConfig(sources=(source,), types=("noise", "motion_blur", "low_light"), labels="multi")
    data = training_data(config)
    assert len(data.names) == 31
    rng = np.random.default_rng(0)
    pairs = [data.read(data.draw(rng)) for _ in range(20)]
    assert all(pair.degraded is not None for pair in pairs)


def test_the_manifest_has_every_row_and_where_it_is(build):
    out, _ = build()
    manifest = pq.read_table(out / "manifest" / "manifest.parquet").to_pylist()
    found = rows(out)
    plain = [{name: value for name, value in row.items() if name not in ("clean", "degraded")} for row in found]
    assert [{**row} for row in plain] == [
        {name: value for name, value in row.items() if name not in ("shard", "row")} for row in manifest
    ]
    for row in manifest[::7]:
        shard = pq.read_table(out / "data" / row["shard"], columns=["key"])
        assert shard["key"][row["row"]].as_py() == row["key"]


def test_the_datasets_library_is_told_what_is_an_image(build):
    out, _ = build()
    metadata = pq.read_schema(next((out / "data").iterdir())).metadata[b"huggingface"]
    features = json.loads(metadata)["info"]["features"]
    assert features["clean"] == features["degraded"] == {"_type": "Image"}
    assert features["types"] == {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}
    assert features["psnr"]["dtype"] == "float32"
    card = (out / "README.md").read_text()
    assert "    path: data/train-*.parquet" in card.split("---")[1]


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line_and_loses_nothing(build, recipe, root, tmp_path):
    expected = contents(build()[0])
    # Larger files cannot be written: some shards fit, others do not.
    sizes = sorted(len(data) for name, data in expected.items() if name.startswith("data/"))
    limit = (sizes[0] + sizes[1]) // 2 if sizes[0] < sizes[1] else sizes[0]
    out = tmp_path / "full"
    script = (
        f"import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from maskdcpt.cli.main import main\nif __name__ == '__main__': main(sys.argv[1:])\n"
    )
    file = tmp_path / "limited.py"
    file.write_text(script)
    words = ["data", "build", "--recipe", recipe(), "--root", root, "--out", out, "--workers", 2]
    result = subprocess.run(
        [sys.executable, file, *map(str, words)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert "cannot be written (" in last
    assert "what is done is kept, and the same command goes on" in last
    assert "Traceback" not in result.stderr
    assert not list((out / "data").glob(".writing-*"))
    assert contents(build(out="full")[0]) == expected


def test_levels_that_are_held_out_never_occur(build):
    out, _ = build(("samples = 14", "samples = 66"))
    held = [to_dict(level) for level in CATALOGUE["noise"].held_out]
    assert held
    texts = [row["degradation"] for row in rows(out, ["degradation"]) if row["degradation"]]
    assert not any(json.loads(text) in held for text in texts)
