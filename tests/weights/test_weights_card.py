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

SETS = ("development", "photos")
ENVIRONMENT = {"maskdcpt": "0.1", "code": {"commit": "abc", "changed": False}}


@pytest.fixture
def weights_folder(universal_weights, tmp_path):
    return shutil.copytree(universal_weights, tmp_path / "it")


def cases(gains, wrong, image, unchanged, levels=("1", "2")):
    """Rows of synthetic-19 as an evaluation writes them: 20 dB and the gain of a type, and some types named wrongly.

    Level 1 of the types of `unchanged` changes nothing, so that the PSNR of the input is infinite.
    """
    for entry in CATALOGUE:
        for group, level in (*((SEEN, each) for each in levels), *(((HELD_OUT, "3"),) if entry.held_out else ())):
            task = entry.name if group == SEEN else f"{entry.name}, held out"
            named = "snow" if entry.name in wrong else entry.name
            first = float("inf") if level == "1" and entry.name in unchanged else 20
            for arm, psnr, name in (("input", first, ""), ("it", 20 + gains(entry.name), named)):
                for metric, value in (("psnr", psnr), ("ssim", 0.5)):
                    about = ("synthetic-19 v1", group, task, task, "canonical", image, entry.name, level)
                    yield Measurement(*about, arm, name, metric, value)


def measured(
    script,
    work,
    folder,
    images,
    gains=lambda name: 4.0,
    clean=40.0,
    piqe=40.0,
    sets=SETS,
    wrong=({"haze"},) * 6,
    unchanged=(),
    levels=("1", "2"),
):
    """Lays finished evaluations down where the script looks for them, of an image for each set of wrong names."""
    sha256 = weights_sha256(*load_model(folder))
    photo = ("photos v1", "all", "photos", "photos", "canonical", "b.jpg", "", "")
    found = {
        "synthetic-19": [
            row for number, each in enumerate(wrong) for row in cases(gains, each, f"{number}.png", unchanged, levels)
        ],
        "clean": [
            Measurement(
                *("clean v1", "all", "clean", "clean", "canonical", f"{number}.png", "clean", "as it is"),
                *(arm, named, metric, value),
            )
            for number in range(len(wrong))
            for arm, named, values in (("input", "", (float("inf"), 1.0)), ("it", "clean", (clean, 0.99)))
            for metric, value in zip(("psnr", "ssim"), values, strict=True)
        ],
        "photos": [
            Measurement(*photo, "input", "", "piqe", 50.0),
            Measurement(*photo, "it", "haze", "piqe", piqe),
        ],
    }
    for name in sets:
        for protocol in script.SETS[name][1]:
            out = work / f"{name}-{protocol}"
            out.mkdir(parents=True)
            write_measurements(out, found[protocol])
            arms = [{"name": "input"}, {"name": "it", "sha256": sha256}]
            words = ["evaluate", "--protocol", protocol, "--no-efficiency", *script.PROTOCOLS[protocol]]
            words += ["--weights", f"it={folder}", "--data", str(images), "--out", str(out), "--workers", "1"]
            environment = {**ENVIRONMENT, "command": ["maskdcpt", *words]}
            facts = {"arms": arms, "sets": [{"images": len(wrong)}], "environment": environment}
            write_json(out / "summary.json", facts)


def run(script, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["make-card", *map(str, words)])
    monkeypatch.setattr(script, "seconds", lambda restorer: 3.25)
    script.main()


def rows(card, heading):
    """The rows of the first table below a heading, cell by cell."""
    table = re.search(r"(?:^\|.*\n)+", card.split(f"## {heading}")[1], re.MULTILINE)[0]
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]


@pytest.fixture
def card(script, weights_folder, tmp_path, monkeypatch):
    """Lays evaluations down, runs the script with words, and gives the card; without any it writes again."""

    def write(*words, **values):
        if values:
            measured(script, tmp_path / "work", weights_folder, tmp_path, **values)
        run(script, monkeypatch, weights_folder, *words, "--work", tmp_path / "work")
        return (weights_folder / "README.md").read_text()

    return write


@pytest.mark.parametrize(
    ("gains", "clean", "piqe", "expected"),
    [
        (
            lambda name: 4.0,
            40.0,
            40.0,
            ("19 of 19", "+4.00 ± 0.00 dB (median +4.00)", "40.00 dB", "50.0 to 40.0"),
        ),
        (
            lambda name: -1.0 if name in ("haze", "snow", "jpeg") else 2.0,
            39.0,
            51.0,
            ("16 of 19", "+1.53 ± 0.00 dB (median +2.00)", "39.00 dB", "50.0 to 51.0"),
        ),
    ],
)
def test_the_card_says_what_is_reached_and_what_is_not(
    card, weights_folder, tmp_path, make_run, gains, clean, piqe, expected
):
    run_folder = make_run("fine", steps=3)
    told = {**json.loads((run_folder / "environment.json").read_text()), "command": ["maskdcpt", "finetune", "5d"]}
    write_json(run_folder / "environment.json", {**told, **ENVIRONMENT})
    words = ("--clean", tmp_path, "--photos", tmp_path)
    first = card(*words, "--runs", run_folder, gains=gains, clean=clean, piqe=piqe)
    head, _, *found = rows(first, "What it has to reach")
    assert head == ["to reach", f"development: {tmp_path.name}", ""]
    values = [value for _, value, _ in found]
    assert (*values[:2], *values[5:7]) == expected
    assert values[2:5] == ["95.1 % (234 of 246)", "94.7 % (216 of 228)", "100.0 % (18 of 18)"]
    good = expected[0].startswith("19")
    states = [good, good, True, True, True, good, good, False, True, True]
    assert [state for _, _, state in found] == ["reached" if each else "**not reached**" for each in states]
    assert values[7] == "not looked at"
    assert values[9].startswith("3.2 s")
    titles = "|".join(re.escape(entry.title) for entry in CATALOGUE)
    assert len(re.findall(rf"^\| (?:{titles}) \| 20\.00", first, re.MULTILINE)) == len(CATALOGUE) + 3
    haze = next(line for line in first.splitlines() if line.startswith("| Haze |"))
    assert haze.endswith("| 0 % | Snow (12) |")
    assert ("- No gain on average for: JPEG compression; Haze; Snow." in first) != good
    steps = r"3 steps of \d+ crops of \d+ pixels, learning rate \S+,.* 0\.0 hours on .*"
    trained = rf"^- fine, `maskdcpt finetune 5d`: {steps}; maskdcpt 0\.1, commit abc$"
    assert re.search(trained, first, re.MULTILINE)
    assert "by maskdcpt 0.1, commit abc:" in first
    assert str(tmp_path) not in first
    assert str(tmp_path) not in (weights_folder / "measured.json").read_text()
    assert "That has not been done yet." in first

    # What was measured is enough to write the same card again, and what was seen can be added.
    (weights_folder / "README.md").unlink()
    assert card() == first
    looked = card("--looked", "All were looked at.")
    assert "All were looked at." in looked
    # Measuring the same weights again takes nothing back that was said of them.
    assert card(*words) == looked


def test_images_that_decided_nothing_stand_beside_those_that_did(card, weights_folder, tmp_path):
    """They are measured later, and what is known of the others stays as it is."""
    first = card("--clean", tmp_path, "--photos", tmp_path, sets=("development", "photos"))
    assert "Nothing has been measured on images that played no part in such decisions." in first
    later = {"sets": ("confirmation",), "clean": 39.0, "wrong": ({"haze", "rain_streak"},) * 5}
    both = card("--confirm", tmp_path, gains=lambda name: -0.05 if name == "jpeg" else 2.0, **later)
    head, _, *found = rows(both, "What it has to reach")
    assert head[1::2] == [f"{role}: {tmp_path.name}" for role in ("development", "confirmation")]
    assert [row[:3] for row in found] == [row[:3] for row in rows(first, "What it has to reach")[2:]]
    assert found[0][3:] == ["18 of 19", "reached"]
    assert found[1][3:] == ["+1.89 ± 0.00 dB (median +2.00)", "**not reached**"]
    assert found[5][3:] == ["39.00 dB", "**not reached**"]
    assert found[6][3:] == ["", ""]  # of real photos
    before, after = (rows(each, "Results by type") for each in (first, both))
    assert [row[:8] for row in after] == before
    assert after[0][8:] == [f"{tmp_path.name}: gain", f"{tmp_path.name}: named"]
    assert {row[0]: row[8:] for row in after}["Rain streaks"] == ["+2.00 ± 0.00", "0 %"]
    assert "- No gain on average on one set of images at least for: JPEG compression." in both
    assert len((weights_folder / "measured.csv").read_text().splitlines()) == 1 + 6 * 41 + 6 + 1 + 5 * 41 + 5
    assert card() == both


def test_a_gain_that_nobody_sees_is_no_gain_to_speak_of(card, tmp_path):
    small = {"jpeg": 0.05, "haze": -0.05, "snow": 0.1}
    text = card("--clean", tmp_path, "--photos", tmp_path, gains=lambda name: small.get(name, 4.0))
    assert rows(text, "What it has to reach")[2][1] == "18 of 19 (1 by less than 0.1 dB)"
    assert "- No gain on average for: Haze." in text
    assert "- Left practically as they were (less than 0.1 dB either way): JPEG compression; Haze." in text


def test_damage_that_changes_nothing_has_no_gain_but_is_told_of(card, tmp_path):
    text = card("--clean", tmp_path, "--photos", tmp_path, gains=lambda name: 4.0, unchanged=("jpeg",))
    found = {row[0]: row[1:] for row in rows(text, "Results by type")}
    assert found["JPEG compression"] == found["Snow"]
    assert f"In 6 cases of {tmp_path.name} (1) damage changed no pixel." in text
    assert "restored they come to 24.0 to 24.0 dB" in text
    assert rows(text, "What it has to reach")[3][1] == "+4.00 ± 0.00 dB (median +4.00)"
    assert "inf" not in text.split("## Results by type")[1].split("## Training")[0]


def test_a_share_that_other_images_might_turn_is_on_the_line(card, tmp_path):
    few, many = {"haze"}, {"haze", "snow", "jpeg", "moire", "rain_streak"}
    text = card("--clean", tmp_path, "--photos", tmp_path, wrong=(few, few, few, few, few, many))
    state = rows(text, "What it has to reach")[4][2]
    low, high = map(float, re.fullmatch(r"reached, \*\*on the line\*\* \((.*) to (.*)\)", state).groups())
    assert low < 90 <= high
    assert rows(text, "What it has to reach")[7][2] == "reached"  # clean images come back alike


@pytest.mark.parametrize(("flawless", "state"), [(0, "**not reached**"), (1, "reached")])
def test_artefacts_that_were_seen_are_counted(card, tmp_path, flawless, state):
    text = card("--clean", tmp_path, "--photos", tmp_path, "--flawless", flawless, sets=SETS)
    row = next(each for each in rows(text, "What it has to reach") if "artefacts" in each[0])
    assert row[1:] == [f"{flawless} of 1", state]
    assert ("- Artefacts show in 1 of the 1 real photos once restored." in text) == (not flawless)
    assert card() == text


def test_other_weights_have_to_be_measured_on_everything(card, weights_folder, universal_weights, tmp_path):
    with pytest.raises(SystemExit, match="not been measured yet on all that a card needs: development, photos"):
        card("--confirm", tmp_path, sets=("confirmation",))
    assert not (weights_folder / "measured.json").exists()


def test_runs_that_were_stopped_or_dropped_are_told_of(card, make_run, tmp_path):
    """So is the code that a run does not tell itself."""
    stopped, dropped = make_run("fine", steps=3), make_run("night", steps=3)
    config = stopped / "config.toml"
    config.write_text(re.sub(r"^steps = \d+", "steps = 16000", config.read_text(), flags=re.MULTILINE))
    words = (
        "--runs",
        stopped,
        "--code",
        "fine",
        "commit a",
        "--code",
        "night",
        "b",
        "--dropped",
        dropped,
        "It was dark.",
    )
    text = card("--clean", tmp_path, "--photos", tmp_path, *words, sets=SETS)
    told = next(line for line in text.splitlines() if line.startswith("- fine"))
    words = "Stopped by hand before the 16,000 steps that were planned"
    assert told.endswith(f"; commit a. **{words}**: its command alone does not repeat it")
    assert re.search(r"^Trained as well, and dropped: night, .*; b\. It was dark\.$", text, re.MULTILINE)


def test_code_of_a_run_that_is_not_there_is_refused(card, make_run, tmp_path, capsys):
    words = ("--runs", make_run("fine", steps=3), "--code", "fin", "commit a")
    with pytest.raises(SystemExit) as end:
        card("--clean", tmp_path, "--photos", tmp_path, *words, sets=SETS)
    assert end.value.code == 2
    assert "--code: no run is called fin; there are fine" in capsys.readouterr().err


def test_an_image_that_a_type_never_changes_is_told(card, tmp_path):
    flat = {"unchanged": ("jpeg",), "levels": ("1",)}
    with pytest.raises(SystemExit, match=r"0\.png: no level of jpeg changes it, so that it has no gain; leave it out"):
        card("--clean", tmp_path, "--photos", tmp_path, sets=SETS, **flat)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda facts: facts["arms"][1].update(sha256="0" * 64), "measured with other weights; remove it"),
        (lambda facts: facts["environment"]["command"].remove("--no-efficiency"), "measured on other images, or other"),
    ],
)
def test_results_of_other_weights_and_images_are_refused(script, weights_folder, tmp_path, monkeypatch, change, words):
    measured(script, tmp_path / "work", weights_folder, tmp_path)
    path = tmp_path / "work" / "development-clean" / "summary.json"
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
