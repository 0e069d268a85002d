"""Tar files of a data set."""

import json
import math
import tarfile

import pytest
from corpus_helpers import rows

from maskdcpt.corpus.card import size_category
from maskdcpt.corpus.webdataset import json_text


@pytest.fixture
def built(command, recipe, root, tmp_path):
    out = tmp_path / "out"
    words = ("--recipe", recipe(), "--root", root, "--out", out, "--workers", 0)
    assert command("data", "build", *words)[0] == 0
    return out


def entries(folder):
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for entry in tar:
                assert entry.isreg()
                assert (entry.mtime, entry.uid, entry.gid, entry.uname) == (0, 0, 0, "")
                found[entry.name] = tar.extractfile(entry).read()
    return found


def test_tar_files_hold_every_pair_under_names_of_numbers(command, built, tmp_path):
    code, output, _ = command("data", "export", built, "--format", "webdataset", "--out", tmp_path / "tars")
    assert code == 0
    assert "4 tar files: 4 written now with 31 pairs, 0 kept" in output
    found = entries(tmp_path / "tars")
    expected = rows(built)
    assert len(found) == 3 * 31
    by_key = {}
    for name, data in found.items():
        key, _, field = name.partition(".")
        assert key.replace("-", "").isdigit()
        by_key.setdefault(key, {})[field] = data
    for row, pair in zip(expected, (by_key[key] for key in sorted(by_key)), strict=True):
        assert pair["clean.png"] == row["clean"]["bytes"]
        assert pair["degraded.png"] == row["degraded"]["bytes"]
        texts = json.loads(pair["json"])
        assert texts["key"] == row["key"]
        assert texts["licence"] == row["licence"]


def test_the_same_bytes_again_and_only_what_is_missing(command, built, tmp_path):
    command("data", "export", built, "--out", tmp_path / "a")
    command("data", "export", built, "--out", tmp_path / "b")
    first, second = ([path.read_bytes() for path in sorted((tmp_path / name).glob("*.tar"))] for name in "ab")
    assert first == second
    names = sorted((tmp_path / "a").glob("*.tar"))
    names[1].unlink()
    names[2].write_bytes(names[2].read_bytes()[:-1024])
    _, output, _ = command("data", "export", built, "--out", tmp_path / "a")
    assert "4 tar files: 2 written now" in output
    assert [path.read_bytes() for path in names] == second


def test_what_is_wrong_is_said(command, built, tmp_path):
    code, _, error = command("data", "export", tmp_path, "--out", tmp_path / "x")
    assert code == 2
    assert "no data set here" in error
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.jpg").write_bytes(b"")
    code, _, error = command("data", "export", built, "--out", tmp_path / "full")
    assert code == 2
    assert "this one has photo.jpg" in error
    shard = sorted((built / "data").iterdir())[0]
    shard.write_bytes(shard.read_bytes()[:-40])
    code, _, error = command("data", "export", built, "--out", tmp_path / "y")
    assert code == 2
    assert str(shard) in error


def test_the_help_names_every_subcommand(command):
    code, output, _ = command("data", "--help")
    assert code == 0
    assert "build" in output
    assert "export" in output
    code, _, error = command("data", "bild")
    assert code == 2
    assert "maskdcpt data knows no 'bild'; did you mean 'build'?" in error


def test_an_undamaged_pair_has_a_psnr_that_json_can_hold():
    assert json.loads(json_text({"psnr": math.inf, "key": "a", "seed": 3})) == {"psnr": None, "key": "a", "seed": 3}


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (2_482_988, "1M<n<10M"),
        (10_000_000, "10M<n<100M"),
        (2**31, "1B<n<10B"),
        (10**13, "n>1T"),
    ],
)
def test_the_card_says_the_size_as_the_hub_does(pairs, name):
    assert size_category(pairs) == name
