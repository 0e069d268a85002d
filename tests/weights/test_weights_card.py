"""The card of weights: what it says follows from what was measured, and nothing else."""

import json
import re
import shutil

import pytest

from maskdcpt.degradations import CATALOGUE
from maskdcpt.evaluation.results import Measurement, write_measurements
from maskdcpt.evaluation.synthetic import HELD_OUT, SEEN
from maskdcpt.files import write_json
from maskdcpt.pretraining import load_model
from maskdcpt.pretraining.weights import weights_sha256


@pytest.fixture
def weights_folder(universal_weights, tmp_path):
    return shutil.copytree(universal_weights, tmp_path / "it")


def cases(gains):
    """Rows of synthetic-19 as an evaluation writes them: 20 dB and the gain of a type; all named rightly but haze."""
    for entry in CATALOGUE:
        for group, level in ((SEEN, "1"), (SEEN, "2"), *(((HELD_OUT, "3"),) if entry.held_out else ())):
            task = entry.name if group == SEEN else f"{entry.name}, held out"
            named = "snow" if entry.name == "haze" else entry.name
            for arm, more, name in (("input", 0, ""), ("it", gains(entry.name), named)):
                for metric, value in (("psnr", 20 + more), ("ssim", 0.5)):
                    about = ("synthetic-19 v1", group, task, task, "canonical", "a.png", entry.name, level)
                    yield Measurement(*about, arm, name, metric, value)


def measured(script, work, folder, gains, clean, piqe, images):
    """Lays finished evaluations down where the script looks for them."""
    sha256 = weights_sha256(*load_model(folder))
    about = ("clean v1", "all", "clean", "clean", "canonical", "a.png", "clean", "as it is")
    photo = ("photos v1", "all", "photos", "photos", "canonical", "b.jpg", "", "")
    found = {
        "synthetic-19": list(cases(gains)),
        "clean": [
            Measurement(*about, arm, named, metric, value)
            for arm, named, values in (("input", "", (float("inf"), 1.0)), ("it", "clean", (clean, 0.99)))
            for metric, value in zip(("psnr", "ssim"), values, strict=True)
        ],
        "photos": [
            Measurement(*photo, "input", "", "piqe", 50.0),
            Measurement(*photo, "it", "haze", "piqe", piqe),
        ],
    }
    for protocol, rows in found.items():
        (work / protocol).mkdir(parents=True)
        write_measurements(work / protocol, rows)
        arms = [{"name": "input"}, {"name": "it", "sha256": sha256}]
        words = ["evaluate", "--protocol", protocol, "--no-efficiency", *script.PLAN[protocol][1:]]
        words += ["--weights", f"it={folder}", "--data", str(images), "--out", str(work / protocol), "--workers", "1"]
        facts = {"arms": arms, "sets": [{"images": 1}], "environment": {"command": ["maskdcpt", *words]}}
        write_json(work / protocol / "summary.json", facts)


def run(script, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["make-card", *map(str, words)])
    monkeypatch.setattr(script, "seconds", lambda restorer: 3.25)
    script.main()


def criteria(card):
    table = card.split("## What it has to reach")[1].split("## Results")[0]
    return [tuple(row) for row in re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \|$", table, flags=re.MULTILINE)]


@pytest.mark.parametrize(
    ("gains", "clean", "piqe", "expected"),
    [
        (lambda name: 4.0, 40.0, 40.0, ("19 of 19", "+4.00 dB", "95.1%", "40.00 dB", "50.0 to 40.0")),
        (
            lambda name: -1.0 if name in ("haze", "snow", "jpeg") else 2.0,
            39.0,
            51.0,
            ("16 of 19", "+1.53 dB", "95.1%", "39.00 dB", "50.0 to 51.0"),
        ),
    ],
)
def test_the_card_says_what_is_reached_and_what_is_not(
    script, weights_folder, tmp_path, monkeypatch, make_run, gains, clean, piqe, expected
):
    measured(script, tmp_path / "work", weights_folder, gains, clean, piqe, tmp_path)
    run_folder = make_run("fine", steps=3)
    told = {**json.loads((run_folder / "environment.json").read_text()), "command": ["maskdcpt", "finetune", "5d"]}
    write_json(run_folder / "environment.json", told)
    words = ("--clean", tmp_path, "--photos", tmp_path, "--work", tmp_path / "work", "--runs", run_folder)
    run(script, monkeypatch, weights_folder, *words)
    card = (weights_folder / "README.md").read_text()
    found = criteria(card)
    assert tuple(value for _, value, _ in found[:5]) == expected
    good = expected[0].startswith("19")
    assert [state == "reached" for _, _, state in found] == [good, good, True, good, good, True, True]
    assert found[6][1].startswith("3.2 s")
    titles = "|".join(re.escape(entry.title) for entry in CATALOGUE)
    assert len(re.findall(rf"^\| (?:{titles}) \| 20\.00", card, re.MULTILINE)) == len(CATALOGUE) + 3
    haze = next(line for line in card.splitlines() if line.startswith("| Haze |"))
    assert haze.endswith("| 0 % | Snow (2) |")
    assert ("No gain on average for: JPEG compression, Haze, Snow." in card) != good
    trained = (
        r"^- fine, `maskdcpt finetune 5d`: 3 steps of \d+ crops of \d+ pixels, learning rate \S+,.* 0\.0 hours on "
    )
    assert re.search(trained, card, re.MULTILINE)
    assert str(tmp_path) not in card
    assert str(tmp_path) not in (weights_folder / "measured.json").read_text()
    assert "That has not been done yet." in card

    # What was measured is enough to write the same card again, and what was seen can be added.
    (weights_folder / "README.md").unlink()
    run(script, monkeypatch, weights_folder)
    assert (weights_folder / "README.md").read_text() == card
    run(script, monkeypatch, weights_folder, "--looked", "All were looked at.")
    looked = (weights_folder / "README.md").read_text()
    assert "All were looked at." in looked
    # Measuring the same weights again takes nothing back that was said of them.
    run(script, monkeypatch, weights_folder, *words[: words.index("--runs")])
    assert (weights_folder / "README.md").read_text() == looked


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda facts: facts["arms"][1].update(sha256="0" * 64), "measured with other weights; remove it"),
        (lambda facts: facts["environment"]["command"].remove("--no-efficiency"), "measured on other images, or other"),
    ],
)
def test_results_of_other_weights_and_images_are_refused(script, weights_folder, tmp_path, monkeypatch, change, words):
    measured(script, tmp_path / "work", weights_folder, lambda name: 1.0, 40, 40, tmp_path)
    path = tmp_path / "work" / "clean" / "summary.json"
    values = json.loads(path.read_text())
    change(values)
    write_json(path, values)
    with pytest.raises(SystemExit, match=words):
        run(script, monkeypatch, weights_folder, "--clean", tmp_path, "--photos", tmp_path, "--work", tmp_path / "work")
    assert not (weights_folder / "measured.json").exists()


def test_commands_of_runs_are_told_without_the_places_of_a_machine(script, make_run):
    folder = make_run("fine", steps=3)
    known = json.loads((folder / "environment.json").read_text())
    for told, words in (
        ("--data TRAIN --init first --run-dir fine", "--data=/a/train --init /b/first/ --run-dir=/c/fine/"),
        ("--init first/checkpoints/step-00000400", "--init /b/first/checkpoints/step-00000400"),
        ("--init default --train.lr 1e-3", "--init default --train.lr=1e-3"),
    ):
        write_json(folder / "environment.json", {**known, "command": ["/d/maskdcpt", "finetune", "5d", *words.split()]})
        assert script.training(folder)["command"] == f"maskdcpt finetune 5d {told}"


def test_a_run_on_the_cpu_is_not_said_to_be_one_of_the_gpu_beside_it(script, make_run):
    folder = make_run("fine", steps=3)
    write_json(folder / "environment.json", {**json.loads((folder / "environment.json").read_text()), "cuda": "H1"})
    device = re.search(r'^device = "(\w+)"', (folder / "config.toml").read_text(), flags=re.MULTILINE)[1]
    assert script.training(folder)["device"].startswith("a CPU" if device == "cpu" else "H1")
