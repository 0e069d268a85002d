"""``maskdcpt evaluate`` from end to end."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from maskdcpt.data.procedural import procedural_image
from maskdcpt.evaluation import PROTOCOLS, levels_protocol
from maskdcpt.evaluation import case as case_module
from maskdcpt.evaluation.results import read_measurements
from maskdcpt.images import write_image

ROWS = ("rows.csv", "rows.parquet")


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_rows_summary_and_report(command, photos, weights, quick, tmp_path):
    words = [
        "evaluate",
        "--protocol",
        "quick",
        "--weights",
        weights,
        "--data",
        photos,
        "--no-efficiency",
        "--out",
    ]
    code, out, _ = command(*words, tmp_path / "a")
    assert code == 0
    assert out.splitlines()[0].split() == ["PSNR/SSIM", "input", weights.name]
    assert out.splitlines()[-1].startswith("3 images, protocol quick v1; rows in ")
    table = pq.read_table(tmp_path / "a" / "rows.parquet").to_pylist()
    assert len(table) == 3 * 3 * 2 * 5  # images, levels, arms, metrics
    assert {row["arm"] for row in table} == {"input", weights.name}
    record = summary(tmp_path / "a")
    task = next(each for each in record["means"] if each["kind"] == "task" and each["name"] == "low_light")
    values = [r["value"] for r in table if (r["task"], r["arm"], r["metric"]) == ("low_light", "input", "psnr")]
    assert task["arms"]["input"]["psnr"]["mean"] == pytest.approx(sum(values) / len(values))
    (arm,) = [arm for arm in record["arms"] if arm["kind"] == "weights"]
    assert re.fullmatch("[0-9a-f]{64}", arm["sha256"])
    hashes = {"input": "", weights.name: arm["sha256"]}
    assert {(row["arm"], row["sha256"]) for row in table} == set(hashes.items())
    with (tmp_path / "a" / "rows.csv").open(newline="") as file:
        assert {(row["arm"], row["sha256"]) for row in csv.DictReader(file)} == set(hashes.items())
    assert record["environment"]["packages"]["torch"]
    page = (tmp_path / "a" / "report.html").read_text()
    assert arm["sha256"] in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"http", page)
    assert len(page) < 15_000_000
    # The same command on another folder gives the same bytes, and on this one it is refused.
    assert command(*words, tmp_path / "b")[0] == 0
    for name in ROWS:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    code, _, err = command(*words, tmp_path / "a")
    assert code == 2
    assert "summary.json exists; --force replaces it" in err
    assert command(*words, tmp_path / "a", "--force")[0] == 0


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_killed_it_goes_on_to_the_same_rows(command, photos, weights, one_thread, tmp_path):
    words = ["evaluate", "--weights", weights, "--data", photos, "--no-efficiency", "--out"]
    program = [sys.executable, "-m", "maskdcpt", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    killed, progress = tmp_path / "killed", tmp_path / "killed" / "progress.jsonl"
    with subprocess.Popen([*program, killed], **quiet) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if progress.is_file() and progress.read_bytes().count(b"\n") >= 5:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
    assert process.returncode == -signal.SIGKILL
    kept = progress.read_bytes()
    assert 5 <= kept.count(b"\n") < 45
    assert not (killed / "rows.csv").exists()
    for folder in (killed, tmp_path / "whole"):
        assert command(*words, folder)[0] == 0
    assert progress.read_bytes() == (tmp_path / "whole" / "progress.jsonl").read_bytes()
    assert progress.read_bytes().startswith(kept[: kept.rindex(b"\n")])
    for name in ROWS:
        assert (killed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_cut_off_anywhere_it_goes_on_to_the_same_rows(command, photos, quick, tmp_path):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--no-efficiency", "--out", tmp_path / "out"]
    assert command(*words)[0] == 0
    whole = {name: (tmp_path / "out" / name).read_bytes() for name in (*ROWS, "progress.jsonl")}
    for share in (0, 0.31, 0.5, 0.77, 0.999, 1):
        for name in (*ROWS, "summary.json", "report.html"):
            (tmp_path / "out" / name).unlink()
        cut = round(share * len(whole["progress.jsonl"]))
        (tmp_path / "out" / "progress.jsonl").write_bytes(whole["progress.jsonl"][:cut])
        assert command(*words)[0] == 0
        assert {name: (tmp_path / "out" / name).read_bytes() for name in whole} == whole


def test_something_else_does_not_go_on(command, photos, weights, quick, tmp_path):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--out", tmp_path / "out", "--no-efficiency"]
    assert command(*words)[0] == 0
    (tmp_path / "out" / "summary.json").unlink()  # as if it had been interrupted at the end
    code, _, err = command(*words, "--weights", weights)
    assert code == 2
    assert f"was begun with other arms ({weights.name}); use another --out, or --force to begin anew" in err
    code, _, err = command(*words, "--images", "1")
    assert code == 2
    assert "was begun with limit 0, not 1" in err
    write_image(procedural_image(9, (64, 64)), photos / "1.png")
    code, _, err = command(*words)
    assert code == 2
    assert "was begun with other sets" in err
    (tmp_path / "out" / "evaluation.json").unlink()
    code, _, err = command(*words)
    assert code == 2
    assert "evaluation.json is gone, which says what was measured; --force begins anew" in err
    assert command(*words, "--force")[0] == 0


HOLD = """
import pathlib, sys
from maskdcpt.files import sole_owner
with sole_owner(pathlib.Path(sys.argv[1]), "evaluating in"):
    print(flush=True)
    sys.stdin.read()
"""


def test_beginning_anew_takes_nothing_from_one_that_is_at_work(command, photos, quick, tmp_path):
    out = tmp_path / "out"
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--out", out, "--no-efficiency"]
    assert command(*words)[0] == 0
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    holding = [sys.executable, "-c", HOLD, out / ".lock"]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"\n"
        code, _, err = command(*words, "--force")
        other.stdin.close()
    assert code == 2
    assert "another process is evaluating in this folder" in err
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_no_images_are_not_all(command, photos, quick, tmp_path):
    code, _, err = command(
        "evaluate", "--protocol", "quick", "--data", photos, "--out", tmp_path / "o", "--images", "0"
    )
    assert code == 2
    assert "--images is 0" in err


def test_what_nothing_was_measured_of_binds_to_nothing(command, photos, quick, tmp_path):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--out", tmp_path / "out", "--no-efficiency"]
    code, _, err = command(*words, "--restored", f"a={photos}")
    assert code == 2
    assert "no result haze/00/0.png" in err
    assert command(*words)[0] == 0


def test_restored_images_are_measured_like_the_network_that_made_them(command, photos, weights, quick, tmp_path):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--no-efficiency", "--out"]
    assert command(*words, tmp_path / "net", "--weights", f"net={weights}", "--save-images")[0] == 0
    saved = tmp_path / "net" / "images" / "net"
    assert len(list(saved.rglob("*.png"))) == 9
    code, out, _ = command(*words, tmp_path / "files", "--restored", f"files={saved}")
    assert code == 0, out
    eight = [
        [
            row["value"]
            for row in pq.read_table(tmp_path / folder / "rows.parquet").to_pylist()
            if row["arm"] == arm and row["metric"] == "psnr_8bit"
        ]
        for folder, arm in (("net", "net"), ("files", "files"))
    ]
    assert eight[0] == pytest.approx(eight[1], rel=1e-12)
    next(iter(sorted(saved.rglob("*.png")))).unlink()
    code, _, err = command(*words, tmp_path / "less", "--restored", f"files={saved}")
    assert code == 2
    assert f"{saved}: no result haze/00/0.png" in err


def test_going_on_restores_only_what_has_no_picture_of_its_own(command, photos, weights, quick, tmp_path, monkeypatch):
    out = tmp_path / "out"
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--no-efficiency", "--out", out]
    words += ["--weights", f"net={weights}"]
    asked = []

    def show(case, *rest):
        asked.append(case.place)
        return case_module.show(case, *rest)

    monkeypatch.setattr("maskdcpt.evaluation.work.show", show)
    assert command(*words)[0] == 0
    rows = (out / "rows.csv").read_bytes()
    (out / "summary.json").unlink()
    assert command(*words, "--save-images")[0] == 0
    assert len(asked) == 18  # measured without pictures, and then all of them made
    pictures = {path: path.read_bytes() for path in (out / "images" / "net").rglob("*.png")}
    assert len(pictures) == 9
    lost = min(pictures)
    lost.unlink()
    (out / "summary.json").unlink()
    asked.clear()
    assert command(*words, "--save-images")[0] == 0
    assert [f"{place}.png" for place in asked] == [lost.relative_to(out / "images" / "net").as_posix()]
    # Begun anew without pictures, those that lie there are none of this measurement.
    lost.write_bytes(b"of other weights")
    assert command(*words, "--force")[0] == 0
    (out / "summary.json").unlink()
    assert command(*words, "--save-images")[0] == 0
    assert {path: path.read_bytes() for path in pictures} == pictures
    assert (out / "rows.csv").read_bytes() == rows


def test_a_comparison_leaves_alone_what_is_being_measured(command, photos, weights, quick, tmp_path):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--no-efficiency", "--out"]
    for name in ("one", "other", "third"):
        assert command(*words, tmp_path / name)[0] == 0
    third = tmp_path / "third"
    (third / "summary.json").unlink()  # as if it were not done
    before = {path.name: path.read_bytes() for path in third.iterdir() if path.is_file()}
    for force in ([], ["--force"]):
        code, _, err = command("evaluate", "--compare", tmp_path / "one", tmp_path / "other", "--out", third, *force)
        assert code == 2
        assert err == f"error: {third}: something is measured here; name another --out for the comparison\n"
    assert {path.name: path.read_bytes() for path in third.iterdir() if path.is_file()} == before
    assert command(*words, tmp_path / "noise", "--metrics", "piqe")[0] == 0
    code, _, err = command("evaluate", "--compare", tmp_path / "one", tmp_path / "noise", "--out", tmp_path / "both")
    assert code == 2
    assert err.endswith(": no metric was measured in all of them\n")


def test_results_side_by_side(command, photos, weights, quick, tmp_path, monkeypatch):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--no-efficiency", "--out"]
    one, other = tmp_path / "one", tmp_path / "other"
    assert command(*words, one, "--weights", weights)[0] == 0
    assert command(*words, other, "--weights", weights)[0] == 0
    code, out, err = command("evaluate", "--compare", one, other, "--out", tmp_path / "both")
    assert code == 0, err
    name = f"other: {weights.name}"
    assert f"{name} - one: {weights.name}: +0.000 dB; 3 images are too few to tell" in out
    assert name in (tmp_path / "both" / "report.html").read_text()
    assert summary(tmp_path / "both")["reference"] == f"one: {weights.name}"
    assert command(*words, tmp_path / "few", "--images", "2")[0] == 0
    code, _, err = command("evaluate", "--compare", one, tmp_path / "few", "--out", tmp_path / "c")
    assert code == 2
    assert "measured with different images of each set (0 for all), 0 and 2" in err
    monkeypatch.setitem(PROTOCOLS, "quick", levels_protocol("quick", 2, (("haze", 3),)))
    assert command(*words, tmp_path / "new")[0] == 0
    code, _, err = command("evaluate", "--compare", one, tmp_path / "new", "--out", tmp_path / "c")
    assert code == 2
    assert "measured by protocols quick v1 and quick v2, which cannot be compared" in err


def test_rows_from_before_they_had_hashes_are_read_and_get_them_in_a_comparison(
    command, photos, weights, quick, tmp_path
):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--no-efficiency", "--out"]
    for name, arm in (("old", "first"), ("new", "second")):
        assert command(*words, tmp_path / name, "--weights", f"{arm}={weights}", "--baselines", "median")[0] == 0
    path = tmp_path / "old" / "rows.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["sha256"]), path)
    assert {row.sha256 for row in read_measurements(tmp_path / "old")} == {""}
    code, _, err = command("evaluate", "--compare", tmp_path / "old", tmp_path / "new", "--out", tmp_path / "both")
    assert code == 0, err
    known = {(row.arm, bool(row.sha256)) for row in read_measurements(tmp_path / "both")}
    baselines = {("old: median", False), ("new: median", False)}
    assert known == {("input", False), ("first", True), ("second", True)} | baselines
    pq.write_table(pq.read_table(path).drop_columns(["arm"]), path)
    code, _, err = command("evaluate", "--compare", tmp_path / "old", tmp_path / "new", "--out", tmp_path / "both2")
    assert code == 2
    assert err.startswith(f"error: {path}: not rows of results (")


def test_a_published_suite_on_what_is_there(command, weights, tmp_path):
    root = tmp_path / "data"
    for folder in ("cbsd68", "lol-v1/eval15/high", "lol-v1/eval15/low"):
        (root / folder).mkdir(parents=True)
        for seed in range(2):
            write_image(procedural_image(seed, (24, 32)), root / folder / f"{seed}.png")
    words = ["evaluate", "--protocol", "5d", "--data", root, "--weights", f"net={weights}", "--no-efficiency"]
    code, _, err = command(*words, "--out", tmp_path / "out")
    assert code == 2
    assert err.startswith("error: not all of protocol 5d is there: sots-outdoor test: ")
    assert "; and 1 more; --partial measures the rest" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    for folder, names in (("gt", ["0001"]), ("hazy", ["0001_0.8_0.1", "0001_0.9_0.2"])):
        (root / "sots" / "outdoor" / folder).mkdir(parents=True)
        for name in names:
            write_image(procedural_image(1, (24, 32)), root / "sots" / "outdoor" / folder / f"{name}.png")
    code, out, _ = command(*words, "--out", tmp_path / "out", "--partial")
    assert code == 0
    assert "left out: gopro test: " in out
    assert "(not all of it)" in out
    page = (tmp_path / "out" / "report.html").read_text()
    # The published variant has one of the two hazy images, the other result being overwritten by its name.
    assert out.splitlines()[-1].startswith("6 images, ")
    assert "6 images in " in page
    rows = re.findall(r"<td>([^<]*)</td><td[^>]*>((?:measured|published)[^<]*)</td>(.*?)</tr>", page)
    assert ("NAFNet+MaskDCPT", "published") in [row[:2] for row in rows]
    assert ("net", "measured, canonical") in [row[:2] for row in rows] or ("net", "measured") in [
        row[:2] for row in rows
    ]
    assert "31.41 / 0.894" in page


def test_photos_and_pairs_of_ones_own(command, photos, weights, tmp_path):
    code, out, _ = command(
        "evaluate",
        "--protocol",
        "photos",
        "--data",
        photos,
        "--weights",
        weights,
        "--no-efficiency",
        "--out",
        tmp_path / "p",
    )
    assert code == 0
    assert out.splitlines()[0].split()[0] == "PIQE"
    shutil.copytree(photos, tmp_path / "pairs" / "gt")
    shutil.copytree(photos, tmp_path / "pairs" / "lq")
    code, out, _ = command(
        "evaluate", "--protocol", "pairs", "--data", tmp_path / "pairs", "--no-efficiency", "--out", tmp_path / "q"
    )
    assert code == 0
    assert "inf/1.0000" in out  # the input is the clean image itself
    json.loads((tmp_path / "q" / "summary.json").read_text(), parse_constant=pytest.fail)


def test_nothing_but_the_embedded_photos(command, weights, tmp_path):
    words = ["evaluate", "--protocol", "synthetic-19", "--images", "1", "--preset", "smoke"]
    code, out, _ = command(*words, "--metrics", "psnr", "--out", tmp_path / "out")
    assert code == 0
    assert sum(line.startswith(("haze", "mosaic, held out")) for line in out.splitlines()) == 2
    assert "levels held out from training" in out


def test_the_cost_of_networks(command, photos, weights, quick, tmp_path):
    words = ["evaluate", "--protocol", "quick", "--data", photos, "--weights", weights, "--images", "1"]
    assert command(*words, "--out", tmp_path / "out")[0] == 0
    (cost,) = summary(tmp_path / "out")["efficiency"]
    assert cost["parameters"] == 4351 or cost["parameters"] > 1000
    assert cost["macs_per_megapixel"] > cost["parameters"]
    assert cost["seconds_per_megapixel"] > 0
    assert cost["memory_per_megapixel"] > 2**20
    assert "G MACs / megapixel" in (tmp_path / "out" / "report.html").read_text()


def test_the_list(command):
    code, out, _ = command("evaluate", "--list")
    assert code == 0
    for protocol in PROTOCOLS.values():
        assert f"{protocol.name} v{protocol.version}: " in out
    code, out, _ = command("evaluate", "--list", "--protocol", "12d")
    assert code == 0
    assert command("evaluate", "--list", "--protocol=12d")[1] == out
    assert re.search(r"^  gopro +motion_deblur +on the disk +DATA/gopro/ \(gopro, test\) +1,111$", out, re.MULTILINE)
    assert "red and blue exchanged" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--metrics", "psnrr"], "no metric is called 'psnrr'; did you mean 'psnr'?"),
        (["--restored", "a=nowhere"], "nowhere: no folder of restored images; --restored takes NAME=DIR"),
        (["--baselines", "identitty"], "did you mean 'identity'?"),
        (["--weights", "WEIGHTS", "WEIGHTS"], "the same weights are named twice"),
        (["--weights", "input=WEIGHTS"], "two things to measure are called 'input'"),
        (["--images", "-1"], "--images is -1"),
        (["--compare", "nowhere", "elsewhere"], "nowhere: no results"),
        (["--compare", "nowhere"], "two folders of results or more are needed"),
        (["--data", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(command, weights, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = command("evaluate", *(word.replace("WEIGHTS", str(weights)) for word in words))
    assert code == 2
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert message in err
    assert not list(Path().iterdir())
