import csv
from statistics import fmean

import pytest
import torch

from maskdcpt import metrics
from maskdcpt.errors import UserError
from maskdcpt.evaluation import INPUT, PROTOCOLS, Row, cases, evaluate, find_protocol, levels_protocol, summarise
from maskdcpt.files import write_csv

PROTOCOL = levels_protocol("quick", 1, (("gaussian_noise", 4), ("low_light", 2)))


class Images:
    names = ("one", "two")

    def __getitem__(self, index):
        return torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(index))


class Halfway:
    """A restorer that knows the answer to the first question only, and always says haze."""

    classifier = object()

    def __init__(self, clean):
        self._clean = clean

    def restore_and_classify(self, image):
        return (image + self._clean) / 2, {"low_light": 0.9, "haze": 0.1}


def test_cases_are_the_same_every_time_and_differ_from_one_another():
    first, again = list(cases(PROTOCOL, Images())), list(cases(PROTOCOL, Images()))
    assert [(c.image, c.type) for c in first] == [
        ("one", "gaussian_noise"),
        ("one", "low_light"),
        ("two", "gaussian_noise"),
        ("two", "low_light"),
    ]
    assert all(torch.equal(a.degraded, b.degraded) for a, b in zip(first, again, strict=True))
    noise = [case.degraded - case.clean for case in first if case.type == "gaussian_noise"]
    assert not torch.allclose(noise[0], noise[1], atol=0.05)


def test_rows_hold_what_the_metrics_say():
    class First(Images):
        names = ("one",)

    rows = evaluate(PROTOCOL, {"half": Halfway(Images()[0])}, First())
    made = list(cases(PROTOCOL, First()))
    for case, row in zip(made, [row for row in rows if row.arm == INPUT], strict=True):
        assert row.psnr == pytest.approx(metrics.psnr(case.degraded, case.clean).item())
        assert row.ssim == pytest.approx(metrics.ssim(case.degraded, case.clean).item())
        assert (row.protocol, row.type, row.predicted) == ("quick v1", case.type, "")
    for before, after in zip(rows[::2], rows[1::2], strict=True):
        # Halving the error adds 20 log10(2) dB.
        assert after.psnr - before.psnr == pytest.approx(6.0206, abs=1e-3)
    assert summarise(rows, "half").accuracy == 0.5
    assert summarise(rows, "half", "low_light").accuracy == 1.0
    assert summarise(rows, INPUT).accuracy is None
    assert summarise(rows, INPUT).psnr == pytest.approx(fmean(row.psnr for row in rows if row.arm == INPUT))


def test_types_count_alike_however_many_levels_they_have():
    def row(type_name, level, psnr, predicted):
        return Row("p v1", "net", "one", type_name, level, psnr, psnr / 100, predicted)

    rows = [row("noise", "1", 20.0, "gaussian_noise"), row("noise", "2", 30.0, "haze"), row("haze", "1", 10.0, "haze")]
    found = summarise(rows, "net")
    assert (found.psnr, found.ssim, found.accuracy) == pytest.approx((17.5, 0.175, 0.75))


def test_rows_are_written_whole(tmp_path):
    rows = evaluate(PROTOCOL, {}, Images())
    write_csv(tmp_path / "rows.csv", Row, rows)
    with (tmp_path / "rows.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [float(line["psnr"]) for line in read] == [row.psnr for row in rows]
    assert [line["level"] for line in read] == [row.level for row in rows]


def test_the_protocol_covers_five_types_at_three_levels():
    levels = PROTOCOLS["synthetic-5d"].levels
    assert len(levels) == len(set(levels)) == 15
    assert len({name for name, _ in levels}) == 5


def test_unknown_protocols_are_refused():
    with pytest.raises(UserError, match="did you mean 'synthetic-5d'"):
        find_protocol("synthetic-5")
