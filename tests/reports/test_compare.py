"""Runs side by side, and runs that are not to be compared."""

from pathlib import Path

import pytest

from maskdcpt.backbones import create_backbone
from maskdcpt.errors import UserError
from maskdcpt.files import unique_names
from maskdcpt.reports import compare_runs, curves, steps_text, time_text, write_comparison
from maskdcpt.reports.record import read_records


def test_names_are_as_short_as_they_can_be():
    places = [Path(place) for place in ("/a/x/run", "/a/y/run", "/b/x/run", "/a/other")]
    assert unique_names(places) == ["a/x/run", "y/run", "b/x/run", "other"]


def test_results_are_held_against_the_first_run(make_run):
    comparison = compare_runs([make_run("one", psnr={4: 20.0}), make_run("two", psnr={2: 30.0, 4: 23.0})])
    haze, rain, mean = comparison.results
    assert (haze.title, rain.title, mean.title) == ("haze", "rain_streak", "mean")
    assert [after.psnr for after in haze.after] == [20.5, 23.5]
    assert [after.psnr for after in mean.after] == [19.5, 22.5]
    assert mean.before.psnr == 14
    assert comparison.better == ["two is better than one in 4 of 4 cases"]
    assert comparison.notes == []


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"crop": 48}, "crop 24 and 48"),
        ({"version": 2}, "protocol quick v1 and quick v2"),
        ({"protocol": "other"}, "protocol quick v1 and other v1"),
        ({"images": ("a.png",)}, "2 and 1 images"),
        ({"images": ("a.png", "c.png")}, "image b.png and c.png"),
        ({"sha256": "1" * 64}, "images of the same names with other pixels"),
    ],
)
def test_runs_that_were_measured_differently_are_refused(make_run, change, difference):
    first, plain, last = make_run("a", psnr={4: 20.0}), make_run("b"), make_run("c", psnr={4: 20.0}, **change)
    with pytest.raises(UserError) as caught:
        compare_runs([first, plain, last])
    assert str(caught.value).startswith(f"a and c were not measured on the same ({difference}); ")


def test_runs_without_validation_are_compared_by_curves_and_this_is_said(make_run, tmp_path):
    plain = compare_runs([make_run("a"), make_run("b")])
    assert plain.results == []
    assert plain.notes == ["nothing was measured on validation images; only the curves can be compared"]
    assert "only the curves" in write_comparison(tmp_path / "plain.html", plain).read_text()
    some = compare_runs([tmp_path / "a", make_run("c", psnr={4: 20.0}), make_run("d", psnr={4: 20.0})])
    assert some.notes == ["a: not measured on validation images"]
    assert [run.name for run in some.measured] == ["c", "d"]


def test_a_run_has_the_same_colour_in_all_curves(make_run, tmp_path, monkeypatch):
    drawn = []
    original = curves.plot

    def plot(title, lines, **axes):
        drawn.append([line.label for line in lines])  # colours are given in this order
        return original(title, lines, **axes)

    monkeypatch.setattr(curves, "plot", plot)
    write_comparison(tmp_path / "page.html", compare_runs([make_run("a"), make_run("b", psnr={4: 20.0})]))
    assert len(drawn) > 2
    assert all(labels == ["a", "b"] for labels in drawn)


def test_steps_and_time_before_a_run_count(make_run):
    first = make_run("pretrain", steps=100)
    (first / "checkpoints" / "step-00000060").mkdir(parents=True)
    second = make_run("tuned", steps=200, init=first / "checkpoints" / "step-00000060")
    third = make_run("again", steps=10, init=second)
    runs = read_records([second, third])
    assert [steps_text(run) for run in runs] == ["60 + 200", "60 + 200 + 10"]
    assert [time_text(run) for run in runs] == ["10.0 + 33.3 minutes", "10.0 + 33.3 + 1.7 minutes"]
    # The folder of a run stands for its newest checkpoint.
    assert read_records([make_run("whole", init=first)])[0].before.steps == 60


def test_weights_of_unknown_training_are_said_to_be_so(make_run, tmp_path):
    comparison = compare_runs([make_run("a", init="gone"), make_run("b", init=tmp_path / "a")])
    assert [steps_text(run) for run in comparison.runs] == ["? + 4", "? + 4 + 4"]
    assert "b: steps and time behind gone are not known" in comparison.notes
    (loop,) = read_records([make_run("loop", init=tmp_path / "loop")])
    assert loop.start == str(tmp_path / "loop")


def test_runs_that_are_still_going_are_compared_as_far_as_they_are(make_run, tmp_path):
    done = make_run("done", psnr={2: 20.0, 4: 22.0})
    going = make_run("going", steps=3, planned=4, psnr={2: 21.0})
    for name in ("metrics.jsonl", "validation.jsonl"):
        with (going / name).open("a") as file:
            file.write('{"step": 4, "seco')
    begun = make_run("begun", planned=4)
    (begun / "metrics.jsonl").unlink()
    comparison = compare_runs([done, going, begun])
    assert [steps_text(run) for run in comparison.runs] == ["4", "3 of 4", "0 of 4"]
    assert [after.psnr for after in comparison.results[-1].after] == [21.5, 20.5]
    assert comparison.notes == [
        "begun: not measured on validation images",
        "going: 3 of 4 steps done so far",
        "going: last measured after step 2",
        "begun: 0 of 4 steps done so far",
    ]
    assert "3 of 4" in write_comparison(tmp_path / "page.html", comparison).read_text()


def test_the_page_shows_what_differs_and_only_that(make_run, tmp_path):
    runs = [make_run("a", psnr={4: 20.0}), make_run("b", lr=0.5, psnr={4: 19.0})]
    page = write_comparison(tmp_path / "page.html", compare_runs(runs)).read_text()
    assert "<tr><td>train.lr</td><td>0.001</td><td>0.5</td></tr>" in page
    assert "<td>train.batch</td>" not in page
    assert '<span class="bad">-1.00</span>' in page
    # Validation, PSNR and learning rate, each over steps and over time.
    assert page.count("image/svg+xml") == 6
    assert "<script" not in page


def test_parameters_are_those_of_the_network(make_run):
    (run,) = read_records([make_run("run")])
    network = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], middle_blocks=1, decoder_blocks=[1, 1])
    assert run.parameters == sum(weights.numel() for weights in network.parameters())


def test_folders_that_cannot_be_compared_are_named(make_run, tmp_path):
    run = make_run("run")
    with pytest.raises(UserError, match="two run folders or more"):
        compare_runs([run])
    with pytest.raises(UserError, match="nowhere: not a run"):
        compare_runs([run, tmp_path / "nowhere"])
    with pytest.raises(UserError, match="named twice"):
        compare_runs([run, run.parent / "." / "run"])
    other = make_run("other")
    (other / "config.toml").write_text("[")
    with pytest.raises(UserError, match=r"config\.toml: not a TOML file"):
        compare_runs([run, other])
