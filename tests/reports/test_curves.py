"""Curves: what is drawn, and over what."""

import base64
import re

import numpy as np
import pytest

from maskdcpt.reports.curves import logged_terms, term_curves, thinned, time_unit
from maskdcpt.reports.plots import COLOURS, Curve, plot


def svg(picture):
    return base64.b64decode(picture.source.split(",")[1]).decode()


def colours(picture):
    return {colour for colour in COLOURS if f"stroke: {colour}" in svg(picture)}


def test_thinned_curves_keep_their_mean_and_short_ones_every_point():
    values = np.random.default_rng(0).normal(size=4000)
    curve = Curve("run", list(range(4000)), values.tolist())
    short = thinned(curve)
    assert len(short.x) == len(short.y) == 400
    assert short.y == pytest.approx(values.reshape(400, 10).mean(1))
    assert short.x == pytest.approx(np.arange(4000).reshape(400, 10).mean(1))
    assert thinned(Curve("run", [1, 2], [3.0, 4.0])) == Curve("run", [1, 2], [3.0, 4.0])
    odd = thinned(Curve("run", list(range(401)), [1.0] * 400 + [7.0]))
    assert odd.y[-1] == 7.0
    assert len(odd.y) == 201


def test_every_logged_term_is_drawn_once():
    rows = [{"step": 1, "seconds": 1.0, "lr": 0.1, "skipped": 0, "accuracy": 0.5, "own": 1.0, "loss": 2.0}]
    assert logged_terms(rows) == ["loss", "accuracy", "own"]
    titles = [picture.caption for picture in term_curves({"run": rows}, logged_terms(rows))]
    assert titles == ["Loss", "Accuracy", "own"]


def test_what_is_no_number_is_no_point():
    rows = [{"step": n, "seconds": 1.0, "psnr": value} for n, value in enumerate((1.0, None, 3.0))]
    assert "nan" not in svg(term_curves({"run": rows}, ["psnr"])[0])
    assert term_curves({"run": rows}, ["accuracy"]) == []


@pytest.mark.parametrize(("seconds", "name"), [(119, "seconds"), (120, "minutes"), (7199, "minutes"), (7200, "hours")])
def test_time_is_told_in_a_unit_that_suits_it(seconds, name):
    rows = [{"step": n, "seconds": seconds * n, "psnr": 1.0} for n in (0, 1)]
    text = svg(term_curves({"run": rows}, ["psnr"], over_time=True)[0])
    assert f">{name}</text>" in text
    assert time_unit(seconds).name == name


def test_a_run_has_the_same_colour_in_every_plot():
    with_both = {"a": [{"step": 1, "seconds": 1, "psnr": 2.0}, {"step": 2, "seconds": 1, "psnr": 2.0}], "b": []}
    with_both["b"] = [{"step": n, "seconds": 1, "accuracy": 1.0, "psnr": 1.0} for n in (1, 2)]
    both, one = term_curves(with_both, ["psnr", "accuracy"])
    assert colours(both) == set(COLOURS[:2])
    assert colours(one) == {COLOURS[1]}
    assert re.search(r">b</text>", svg(one)), "it still says whose curve it is"


def test_more_curves_than_colours_are_all_drawn_and_named():
    curves = [Curve(f"run-{number}", [0, 1], [number, number + 1]) for number in range(19)]
    text = svg(plot("many", curves, x="step", y="value"))
    assert all(f">run-{number}</text>" in text for number in range(19))
    assert "stroke-dasharray" in text
