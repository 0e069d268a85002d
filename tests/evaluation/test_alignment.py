"""Pairs that do not align are told of, and those that do are not."""

import json
import shutil

import pytest
import torch

from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.evaluation import case
from maskdcpt.evaluation.alignment import set_alignments
from maskdcpt.images import write_image

SIZE = (256, 264)


@pytest.fixture
def pairs(tmp_path):
    """Three pairs that align."""
    for name in ("gt", "lq"):
        (tmp_path / "pairs" / name).mkdir(parents=True)
    for seed in range(3):
        clean = procedural_image(seed, SIZE)
        write_image(clean, tmp_path / "pairs" / "gt" / f"{seed}.png")
        write_image(clean * 0.7, tmp_path / "pairs" / "lq" / f"{seed}.png")
    return tmp_path / "pairs"


@pytest.fixture
def evaluate(pairs, tmp_path, capsys):
    def run(*words):
        line = ["evaluate", "--protocol", "pairs", "--data", pairs, "--metrics", "psnr", "--out", tmp_path / "out"]
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in (*line, *words)])
        out, err = capsys.readouterr()
        assert end.value.code == 0, err
        warnings = [line for line in out.splitlines() if line.startswith("warning: ")]
        return warnings, json.loads((tmp_path / "out" / "summary.json").read_text())["alignment"]

    return run


def test_aligned_pairs_are_no_matter(evaluate, tmp_path):
    warnings, (told,) = evaluate()
    assert not warnings
    assert (told["set"], told["pairs"], told["untold"], told["off"], told["common"]) == ("pairs", 3, 0, [], None)
    assert "do not align" not in (tmp_path / "out" / "report.html").read_text()


def test_shifted_and_exchanged_pairs_are_named_everywhere(evaluate, pairs, tmp_path):
    clean = procedural_image(1, SIZE)
    write_image(torch.roll(clean, (2, -3), (-2, -1)), pairs / "lq" / "1.png")
    shutil.copy(pairs / "gt" / "0.png", pairs / "lq" / "2.png")
    warnings, (told,) = evaluate()
    assert [each["image"] for each in told["off"]] == ["1", "2"]
    expected = (
        "pairs: 2 of 3 pairs do not align (1 lies 3.0 px left of and 2.0 px below its clean image; "
        "2 shows nothing of its clean image): its values measure that as well"
    )
    assert warnings == [f"warning: {expected}"]
    assert told["warning"] == expected
    assert expected in (tmp_path / "out" / "report.html").read_text()
    # An evaluation that was interrupted tells the same.
    for name in ("summary.json", "rows.csv"):
        (tmp_path / "out" / name).unlink()
    assert evaluate() == (warnings, [told])


def test_results_side_by_side_keep_the_warning(evaluate, pairs, tmp_path, capsys):
    write_image(torch.roll(procedural_image(1, SIZE), 3, -1), pairs / "lq" / "1.png")
    warnings, told = evaluate()
    shutil.copytree(tmp_path / "out", tmp_path / "again")
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "--compare", str(tmp_path / "out"), str(tmp_path / "again"), "--out", str(tmp_path / "both")])
    assert end.value.code == 0
    (warning,) = warnings
    assert warning in capsys.readouterr().out.splitlines()
    assert json.loads((tmp_path / "both" / "summary.json").read_text())["alignment"] == told
    assert "do not align" in (tmp_path / "both" / "report.html").read_text()


def test_what_is_too_small_is_not_judged(evaluate):
    warnings, (told,) = evaluate("--preset", "smoke")
    assert not warnings
    assert told["untold"] == 3


def row(image, kind, right=0.0, down=0.0, name="s"):
    return {"set": name, "image": str(image), "alignment": {"kind": kind, "right": right, "down": down}}


def test_of_a_large_set_a_sample_is_compared(evaluate, tmp_path, monkeypatch):
    monkeypatch.setattr(case, "COMPARED", 2)
    _, (told,) = evaluate()
    assert told["pairs"] == 2
    rows = [json.loads(line) for line in (tmp_path / "out" / "progress.jsonl").read_text().splitlines()]
    assert [row["image"] for row in rows if "alignment" in row] == ["0", "2"]


def test_a_shift_of_all_pairs_shows_although_each_may_be_blur():
    rows = [row(n, "aligned", 2 + 0.1 * (n % 3), -1) for n in range(40)]
    (told,) = set_alignments([*rows, {"set": "made", "image": "x"}])
    assert told.common == pytest.approx((2.1, -1))
    assert told.warning.startswith("s: all pairs are shifted alike, by +2.1 px to the right and -1.0 px down")
    (few,) = set_alignments(rows[:20])
    assert not few.warning
    one, other = set_alignments([row(0, "untold"), row(0, "unlike", name="t")])
    assert (one.set, one.untold, one.warning) == ("s", 1, "")
    assert other.off == (("0", "shows nothing of its clean image"),)
