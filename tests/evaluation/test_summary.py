"""Means, intervals and differences, against plain arithmetic."""

import math

import numpy as np
import pytest

from maskdcpt.evaluation.bootstrap import RESAMPLES, estimate, resampled_means
from maskdcpt.evaluation.results import Measurement, read_measurements, write_measurements
from maskdcpt.evaluation.summary import as_plain, summarise_rows


def rows(values, *, arm, group="all", task="t", name="s", variant="canonical", metric="psnr", level="", predicted=""):
    return [
        Measurement("p v1", group, task, name, variant, f"{place}.png", "haze", level, arm, predicted, metric, value)
        for place, value in enumerate(values)
    ]


def line(results, kind, name, variant="canonical"):
    (found,) = [each for each in results.lines if (each.kind, each.name, each.variant) == (kind, name, variant)]
    return found


def test_intervals_are_those_of_resampling():
    rng = np.random.default_rng(0)
    values = rng.normal(30, 2, (40, 1))
    keys = [f"{n}" for n in range(40)]
    means = resampled_means(values, keys)
    assert means.shape == (RESAMPLES, 1)
    # The spread of the mean is that of the values over the root of their number.
    assert means.std() == pytest.approx(values.std() / math.sqrt(40), rel=0.06)
    found = estimate(values.mean(), means[:, 0], 40)
    assert found.low < values.mean() < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(40), rel=0.08)
    assert np.array_equal(means, resampled_means(values, keys))
    # Columns are drawn alike: what differs by a constant differs by it in every draw.
    both = resampled_means(np.concatenate((values, values + 1), 1), keys)
    assert np.allclose(both[:, 1] - both[:, 0], 1)


def test_means_count_images_then_sets_then_tasks():
    measured = [
        *rows([10, 20], arm="input", name="a", task="x"),
        *rows([30], arm="input", name="b", task="x"),
        *rows([50, 60, 70], arm="input", name="c", task="y", group="other"),
    ]
    results = summarise_rows(measured, {}, {}, {})
    means = {(each.kind, each.name): each.values["input"]["psnr"].mean for each in results.lines}
    assert means == {
        ("set", "a"): 15,
        ("set", "b"): 30,
        ("set", "c"): 60,
        ("task", "x"): 22.5,
        ("task", "y"): 60,
        ("group", "all"): 22.5,
        ("group", "other"): 60,
        ("mean", "mean"): 41.25,
    }
    assert line(results, "set", "b").values["input"]["psnr"].low is None  # too few


def test_levels_of_one_image_are_no_more_images():
    measured = [*rows([10, 20], arm="input", level="1"), *rows([14, 24], arm="input", level="2")]
    found = line(summarise_rows(measured, {}, {}, {}), "set", "s").values["input"]["psnr"]
    assert (found.mean, found.images) == (17, 2)
    sets = [*rows([10, 20], arm="input", name="a"), *rows([14, 24], arm="input", name="b")]
    assert line(summarise_rows(sets, {}, {}, {}), "task", "t").values["input"]["psnr"].images == 2


def test_the_published_variant_has_its_own_means():
    measured = [
        *rows([10, 20], arm="input", name="a"),
        *rows([30, 40], arm="input", name="a @ other", variant="published"),
        *rows([60], arm="input", name="b", task="u"),
    ]
    results = summarise_rows(measured, {"a @ other": "a"}, {}, {})
    assert line(results, "task", "t").values["input"]["psnr"].mean == 15
    assert line(results, "task", "t", "published").values["input"]["psnr"].mean == 35
    assert line(results, "mean", "mean").values["input"]["psnr"].mean == 37.5
    assert line(results, "mean", "mean", "published").values["input"]["psnr"].mean == 47.5


def test_differences_are_paired():
    # Images differ far more from one another than arms do, and still the difference is certain.
    base = np.linspace(10, 50, 30)
    noise = np.random.default_rng(1).normal(0, 0.05, 30)
    measured = [
        *rows(base - 5, arm="input"),
        *rows(base, arm="first"),
        *rows(base + 0.1 + noise, arm="better"),
        *rows(base + noise - noise.mean(), arm="same"),
    ]
    results = summarise_rows(measured, {}, {}, {})
    assert results.reference == "first"
    found = {each.arm: each for each in results.differences if each.kind == "set"}
    assert found["better"].estimate.mean == pytest.approx(0.1 + noise.mean())
    assert found["better"].statement == "interval excludes 0, 30 images"
    assert found["same"].statement == "interval includes 0, 30 images"
    assert found["input"].estimate.mean == pytest.approx(-5)
    alone = summarise_rows([row for row in measured if row.arm in ("input", "first")], {}, {}, {})
    assert alone.reference == "input"
    assert alone.differences[0].estimate.mean == pytest.approx(5)


def test_infinite_values_have_no_interval_and_are_no_json_numbers():
    results = summarise_rows(rows([30, math.inf, 20], arm="input"), {}, {}, {})
    found = line(results, "set", "s").values["input"]["psnr"]
    assert found.mean == math.inf
    assert found.low is None
    assert as_plain(results)["means"][0]["arms"]["input"]["psnr"]["mean"] is None


def test_a_metric_that_not_all_sets_have():
    measured = [
        *rows([1, 2], arm="input", name="a", task="x", metric="psnr"),
        *rows([5, 6], arm="input", name="a", task="x", metric="piqe"),
        *rows([7, 9], arm="input", name="b", task="y", metric="piqe"),
    ]
    results = summarise_rows(measured, {}, {}, {})
    assert set(line(results, "set", "b").values["input"]) == {"piqe"}
    assert set(line(results, "mean", "mean").values["input"]) == {"piqe"}
    assert line(results, "mean", "mean").values["input"]["piqe"].mean == 6.75


def test_an_infinite_difference_is_not_for_want_of_images():
    measured = [*rows([math.inf] * 40, arm="input"), *rows([50.0] * 40, arm="a"), *rows([51.0] * 40, arm="b")]
    reason = "not a finite number: an original is given back exactly by one of the two, or by both"
    found = {each.arm: each for each in summarise_rows(measured, {}, {}, {}).differences if each.kind == "set"}
    assert found["input"].statement == reason
    assert found["b"].statement.endswith("40 images")
    measured += rows([math.inf] * 40, arm="c")
    (exact,) = [
        each
        for each in summarise_rows([row for row in measured if row.arm in ("input", "c")], {}, {}, {}).differences
        if each.kind == "set"
    ]
    assert exact.statement == reason


def test_types_may_be_named_by_a_kind_of_their_levels():
    # A network may call Gaussian noise by the kind of level or by the type it belongs to.
    measured = [
        Measurement("p v1", "g", "t", "s", "canonical", "a", kind, level, "net", named, "psnr", 1.0)
        for kind, level, named in (
            ("noise", "1", "gaussian_noise"),
            ("gaussian_noise", "2", "haze"),
            ("snow", "3", "haze"),
            ("poisson_noise", "4", "gaussian_noise"),
        )
    ]
    named = summarise_rows(measured, {}, {"net": ["gaussian_noise", "haze"]}, {}).named["net"]
    # Neither snow nor other noise than Gaussian is a type that it knows.
    assert (named.right, named.known, named.accuracy) == (1, 2, 0.5)
    assert named.counts["snow"] == {"haze": 1}


def test_rows_are_read_back_and_are_the_same_bytes(tmp_path):
    measured = rows([1.5, math.inf, 1 / 3], arm="input")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_measurements(tmp_path / name, measured)
    assert read_measurements(tmp_path / "one") == measured
    for name in ("rows.csv", "rows.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_tasks_of_types_that_a_network_does_not_know_are_averaged_apart():
    measured = [
        Measurement("p v1", "g", kind, kind, "canonical", image, kind, "1", arm, named, "psnr", value)
        for kind, base in (("haze", 10.0), ("snow", 20.0), ("jpeg", 40.0))
        for arm, named, gain in (("input", "", 0), ("net", "haze", 1))
        for image, value in (("a", base + gain), ("b", base + gain + 2))
    ]
    results = summarise_rows(measured, {}, {"net": ["haze"]}, {})
    assert line(results, "group", "types unknown to net").values["net"]["psnr"].mean == 32
    assert not [
        each
        for each in summarise_rows(measured, {}, {"net": ["haze", "snow", "jpeg"]}, {}).lines
        if "unknown" in each.name
    ]
