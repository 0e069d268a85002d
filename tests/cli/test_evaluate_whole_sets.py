"""``maskdcpt evaluate`` with metrics that judge a test set as a whole, by a stand-in of the package they need."""

import json
import sys

import pyarrow.parquet as pq
import pytest

from maskdcpt.images import read_image
from maskdcpt.metrics import fid

FILES = ("rows.csv", "rows.parquet")


@pytest.fixture
def words(photos, quick, inception):
    return ["evaluate", "--protocol", "quick", "--data", photos, "--baselines", "median", "--no-efficiency"]


def fid_rows(folder):
    rows = pq.read_table(folder / "rows.parquet").to_pylist()
    return {(row["set"], row["arm"]): row["value"] for row in rows if row["metric"] == "fid"}


def means(folder, kind):
    record = json.loads((folder / "summary.json").read_text())
    return {each["name"]: each["arms"] for each in record["means"] if each["kind"] == kind}


def test_a_set_has_one_value_for_all_its_images_and_damages(command, words, photos, tmp_path):
    out = tmp_path / "out"
    code, printed, err = command(*words, "--metrics", "psnr", "fid", "--save-images", "--out", out)
    assert code == 0, err
    values = fid_rows(out)
    assert set(values) == {(name, arm) for name in ("haze", "low_light") for arm in ("input", "median")}
    clean = [read_image(path).pixels for path in sorted(photos.iterdir())]
    for (name, arm), value in values.items():
        restored = [read_image(path).pixels for path in sorted((out / "images" / arm / name).rglob("*.png"))]
        assert len(restored) == (3 if name == "haze" else 6)
        assert value == pytest.approx(fid(restored, clean), rel=1e-5, abs=1e-9)
    table = means(out, "task")
    assert table["haze"]["median"]["fid"]["mean"] == values["haze", "median"]
    assert table["haze"]["median"]["fid"]["low"] is None
    assert table["haze"]["median"]["fid"]["images"] == 3
    assert table["haze"]["median"]["psnr"]["images"] == 3
    both = (values["haze", "median"] + values["low_light", "median"]) / 2
    assert means(out, "mean")["mean"]["median"]["fid"]["mean"] == pytest.approx(both)
    assert printed.splitlines()[0].split() == ["PSNR", "input", "median"]
    page = (out / "report.html").read_text()
    assert "FID" in page
    assert f"{values['haze', 'median']:.2f}" in page


def test_alone_it_makes_table_summary_and_report(command, words, tmp_path):
    code, printed, err = command(*words, "--metrics", "fid", "--out", tmp_path / "out")
    assert code == 0, err
    assert printed.splitlines()[0].split() == ["FID", "input", "median"]
    assert "a metric of whole sets, which has no interval" in printed
    assert means(tmp_path / "out", "set")["haze"]["input"]["fid"]["images"] == 3
    assert "Inception" in (tmp_path / "out" / "report.html").read_text()


def test_an_interruption_costs_no_more_than_what_it_took(command, words, tmp_path):
    out = tmp_path / "out"
    line = [*words, "--metrics", "psnr", "fid", "--out", out]
    assert command(*line)[0] == 0
    whole = {name: (out / name).read_bytes() for name in FILES}
    progress = (out / "progress.jsonl").read_bytes()
    for name in (*FILES, "summary.json", "report.html"):
        (out / name).unlink()
    (out / "progress.jsonl").write_bytes(progress[: len(progress) // 2])
    features = sorted((out / "features").rglob("*.safetensors"))
    assert len(features) == 9
    features[0].unlink()  # of an image whose row is there
    stamps = {path: path.stat().st_mtime_ns for path in features[1:3]}
    (features[1].parent / ".writing-1-beef.safetensors").write_bytes(b"half")
    assert command(*line)[0] == 0
    assert {name: (out / name).read_bytes() for name in FILES} == whole
    assert {path: path.stat().st_mtime_ns for path in features[1:3]} == stamps
    assert sorted((out / "features").rglob("*.safetensors")) == features
    # One that is damaged is named.
    features[2].write_bytes(b"nothing")
    (out / "summary.json").unlink()
    code, _, err = command(*line)
    assert code == 2
    assert err.splitlines()[-1].startswith(f"error: {features[2]}: cannot be read (")
    assert err.splitlines()[-1].endswith("remove it, and the same command makes it anew")
    features[2].unlink()
    assert command(*line)[0] == 0
    assert {name: (out / name).read_bytes() for name in FILES} == whole


def test_side_by_side(command, words, tmp_path):
    for name in ("one", "other"):
        assert command(*words, "--metrics", "psnr", "fid", "--out", tmp_path / name)[0] == 0
    line = ["evaluate", "--compare", tmp_path / "one", tmp_path / "other", "--out", tmp_path / "both"]
    code, _, err = command(*line)
    assert code == 0, err
    assert means(tmp_path / "both", "task")["haze"]["other: median"]["fid"]["images"] == 3


def test_a_set_of_one_image_is_refused_before_any_work(command, words, tmp_path):
    code, _, err = command(*words, "--metrics", "psnr", "fid", "--images", "1", "--out", tmp_path / "out")
    assert (code, err) == (2, "error: haze: FID needs 2 images or more of each set, and this has 1\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("metric", ["psnr", "fid"])
def test_what_needs_clean_images_is_refused_where_there_are_none(command, photos, tmp_path, metric):
    line = [
        "evaluate",
        "--protocol",
        "photos",
        "--data",
        photos,
        "--metrics",
        metric,
        "--out",
        tmp_path / "out",
    ]
    code, _, err = command(*line)
    assert code == 2
    assert err == f"error: no set of protocol photos here has clean images, as {metric} needs; piqe does without\n"
    assert not (tmp_path / "out").exists()


def test_without_its_package_it_says_which(command, words, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_fid.inception", None)
    code, _, err = command(*words, "--metrics", "fid", "--out", tmp_path / "out")
    assert code == 2
    assert err.splitlines()[-1].endswith('fid needs the package pytorch_fid: pip install "maskdcpt[metrics]"')
