"""``maskdcpt probe``."""

import csv
import json
import re

import pytest

from maskdcpt.backbones import load_backbone
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image
from maskdcpt.pretraining.weights import weights_sha256


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(7):
        write_image(procedural_image(seed, (40, 48)), folder / f"{seed}.png")
    return folder


@pytest.fixture
def words(photos):
    return ["probe", "--data", photos, "--samples", "6", "--crop", "32", "--device", "cpu"]


def test_weights_and_random_networks_side_by_side(command, weights, words, tmp_path):
    out = tmp_path / "out"
    masks = ("--mask-ratio", "0", "0.5")
    code, printed, _ = command(*words, *masks, "--weights", weights, "--random", "nafnet-small", "--out", out)
    assert code == 0
    lines = printed.splitlines()
    assert len(lines) == 1 + 4 + 2
    assert all(re.search(r" (0|50)%( +[\d.]+ ± [\d.]+){3}$", line) for line in lines[1:5])
    assert "chance 20.0%" in lines[5]
    rows = list(csv.DictReader((out / "rows.csv").read_text().splitlines()))
    assert len(rows) == 2 * 2 * 3 * 5
    assert {row["weights"] for row in rows} == {str(weights), "nafnet-small, random weights 0"}
    summary = json.loads((out / "probe.json").read_text())
    assert summary["protocol"]["samples"] == 6
    assert summary["networks"][str(weights)]["sha256"] == weights_sha256(load_backbone(weights), None)
    for result in summary["results"]:
        chosen = [
            float(row["accuracy"])
            for row in rows
            if (row["weights"], row["classifier"], row["features"], float(row["mask_ratio"]))
            == (result["weights"], result["classifier"], result["features"], result["mask_ratio"])
        ]
        assert len(chosen) == 5
        assert result["accuracy"] == pytest.approx(sum(chosen) / 5)
    page = (out / "report.html").read_text()
    assert page.count("image/svg+xml") == 2 * 4
    assert page.count("nafnet, random weights, published") == 1
    assert "chance" in page
    again = command(*words, "--random", "nafnet-small", "--out", out)
    assert again[0] == 2
    assert "rows.csv exists; --force replaces it" in again[2]


def test_other_classes_have_no_published_numbers_beside_them(command, words, weights, tmp_path):
    types = ("--types", "snow", "moire", "haze")
    code, printed, _ = command(*words, *types, "--weights", weights, "--features", "pooled", "--out", tmp_path)
    assert code == 0
    assert "chance 33.3%" in printed
    assert "knn last" not in printed
    page = (tmp_path / "report.html").read_text()
    assert "published" not in page
    assert "Snow" in page


def test_a_recipe_describes_a_random_network(command, words, tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text("[backbone]\nname = 'nafnet'\nwidth = 2\nencoder_blocks = [1]\ndecoder_blocks = [1]\n")
    seeds = ("--random-seeds", "0", "1")
    code, printed, _ = command(*words, "--random", recipe, *seeds, "--features", "last", "--out", tmp_path / "out")
    assert code == 0
    assert f"{recipe}, random weights 1" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--weights or --random is needed"),
        (["--random", "nafnett"], "no network is called 'nafnett'; did you mean 'nafnet'?"),
        (["--random", "none.toml"], "none.toml: no such file"),
        (["--random", "nafnet-small", "nafnet-small"], "nafnet-small, random weights 0 is named twice"),
        (["--weights", "nowhere"], "nowhere: no such file or folder of weights"),
        (["--random", "nafnet-small", "--protocol", "6d"], "no probe protocol is called '6d'; known: 5d, 19"),
        (["--random", "nafnet-small", "--types", "hase", "snow"], "unknown degradation 'hase'"),
        (["--random", "nafnet-small", "--samples", "8"], "7 clean images, and 8 are needed"),
        (["--random", "nafnet-small", "--crop", "200"], "40x48 pixels, and the crop is 200"),
        (["--random", "nafnet-small", "--mask-ratio", "0.5", "--patch", "8"], "multiple of 16, the network's stride"),
        (["--random", "nafnet-small", "--features", "all"], "Expected one of ('last', 'pooled')"),
    ],
)
def test_bad_input_is_one_line(command, words, tmp_path, options, message):
    code, printed, err = command(*words, *options, "--out", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert message in err.splitlines()[-1]
    assert not (tmp_path / "out" / "rows.csv").exists()
