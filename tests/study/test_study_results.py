"""What is made of the rows of a study: gains, intervals, files and the page."""

import dataclasses
import re
import shutil
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import tomli_w
from scipy import stats
from tiny_study import TINY, run_all, tiny

from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.files import read_json, write_json
from maskdcpt.images import write_image
from maskdcpt.parallel import HERE
from maskdcpt.recipes import presets
from maskdcpt.study import choose, plan_runs, read_study
from maskdcpt.study.answer import answer as answer_of
from maskdcpt.study.cases import cases, count_cases
from maskdcpt.study.facts import CurvePoint
from maskdcpt.study.gains import Comparison
from maskdcpt.study.intervals import correlations, interval_over_runs
from maskdcpt.study.page import write_study_report
from maskdcpt.study.recipe import QuestionConfig, untrained_types
from maskdcpt.study.recipe import TestConfig as StudyTest
from maskdcpt.study.results import gather, write_results
from maskdcpt.study.rows import FINAL, StudyRow, read_study_rows, write_study_rows
from maskdcpt.study.times import count_arms, time_steps
from maskdcpt.training.run import read_metrics

TYPES = ("gaussian_noise", "haze")


def test_the_interval_of_one_network_is_that_of_students_t():
    values = [0.3, 0.1, 0.25, 0.2]
    found = interval_over_runs([values])
    want = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((want.low, want.high))
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sign == 1


def test_the_interval_of_several_networks_holds_their_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = (0.5, -0.1)
    held = 0
    for _ in range(2000):
        found = interval_over_runs([list(rng.normal(mean, 0.2, 3)) for mean in truth])
        held += found.low <= np.mean(truth) <= found.high
    assert held / 2000 == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize("scatter", [(0.05, 0.5), (0.5, 0.05), (0.2, 0.2)])
def test_so_it_does_where_one_network_scatters_more_than_the_other(scatter):
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        found = interval_over_runs([list(rng.normal(0.3, each, 5)) for each in scatter])
        held += found.low <= 0.3 <= found.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_freedom_is_that_of_welch():
    first, second = [0.3, 0.1, 0.25, 0.2, 0.9], [-0.1, -0.2, 0.4]
    found = interval_over_runs([first, [-value for value in second]])
    want = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (2 * found.low, 2 * found.high) == pytest.approx((want.low, want.high)), "half of the difference"


def test_networks_with_seeds_that_are_all_alike_have_an_interval_of_no_length():
    assert interval_over_runs([[0.5, 0.5], [0.1, 0.1]])[:3] == (0.3, 0.3, 0.3)


def test_one_run_of_a_network_leaves_no_interval():
    assert interval_over_runs([[1.0], [2.0, 2.5, 3.0]])[:3] == (1.75, None, None), "how it scatters is not known"
    assert interval_over_runs([[1.0], [2.0]])[:3] == (1.5, None, None)
    assert interval_over_runs([[1.0], [2.0]]).sign == 0


def known(gains):
    """A comparison in which the arm is better by what is given for each seed, on images that differ much."""
    study = tiny(seeds=list(range(len(gains))))
    rows = []
    for seed, gain in enumerate(gains):
        for arm, better in (("scratch", 0.0), ("method", gain)):
            for group, easy in (("haze", 30.0), ("gaussian_noise", 10.0)):
                for image in range(6):
                    psnr = easy + 5 * image + better * (1 if group == "haze" else 3)
                    row = StudyRow("small", arm, seed, FINAL, "seen", group, f"{image}", "", "haze", psnr, 0.5, None)
                    rows.append(row)
    return study, rows


def comparison_of(finished, study, rows):
    facts = gather([finished]).runs[0]
    runs = [dataclasses.replace(facts, arm=arm, seed=seed) for arm in ("scratch", "method") for seed in study.seeds]
    return Comparison(gather([finished])._replace(study=study, rows=rows, runs=runs))


def test_gains_are_paired_and_groups_count_alike(finished):
    comparison = comparison_of(finished, *known([0.1, 0.2, 0.3]))
    assert comparison.gains("small", "method", "seen", "psnr") == pytest.approx([0.2, 0.4, 0.6])
    assert comparison.gains("small", "method", "seen", "psnr", "haze") == pytest.approx([0.1, 0.2, 0.3])
    assert comparison.gains("small", "scratch", "seen", "psnr") == [], "it is compared with nothing"
    over_runs = comparison.over_runs(["small"], "method", "seen", "psnr")
    assert over_runs.mean == pytest.approx(0.4)
    assert over_runs.low < 0.2, "three seeds tell little"
    over_images = comparison.over_images(["small"], "method", "seen", "psnr")
    assert (over_images.low, over_images.high) == pytest.approx((0.4, 0.4)), "all images gain alike"
    assert comparison.accuracy(("small", "method", 0), FINAL) == 0.5


def test_what_pretraining_is_worth_is_told_against_the_same_fine_tuning_without_it(finished):
    comparison = Comparison(gather([finished]))
    assert comparison.without_pretraining("method") == "alone"
    assert comparison.without_pretraining("scratch") is None, "it has none to be worth something"
    assert comparison.without_pretraining("alone") is None
    means = {arm: comparison.mean(("small", arm, 0), "seen", "psnr") for arm in ("scratch", "method", "alone")}
    (found, _) = comparison.gains("small", "method", "seen", "psnr", against="alone")
    assert found == pytest.approx(means["method"] - means["alone"])
    assert found != pytest.approx(comparison.gains("small", "method", "seen", "psnr")[0]), "which is against scratch"


def test_networks_count_alike_over_images_however_many_seeds_they_have(finished):
    study, rows = known([0.1, 0.3])
    other = [
        dataclasses.replace(row, family="other", psnr=row.psnr * (1.5 if row.arm == "method" else 1)) for row in rows
    ]
    study = dataclasses.replace(study, families={**study.families, "other": study.families["small"]})
    rows += [row for row in other if row.seed == 0]
    comparison = comparison_of(finished, study, rows)
    more = [dataclasses.replace(facts, family="other") for facts in comparison.results.runs if facts.seed == 0]
    comparison = Comparison(comparison.results._replace(runs=[*comparison.results.runs, *more]))
    both = ["small", "other"]
    means = [fmean(comparison.gains(name, "method", "seen", "psnr")) for name in both]
    assert means[1] > 10 * means[0]
    over_runs, over_images = (
        get(both, "method", "seen", "psnr") for get in (comparison.over_runs, comparison.over_images)
    )
    assert over_runs.mean == pytest.approx(fmean(means))
    assert over_images.mean == pytest.approx(fmean(means))
    assert over_images.low < over_images.mean < over_images.high


def drawn(rng, arms, seeds, between, within):
    """Two measures of arms and seeds that go together in means of arms and in what is left as much as is said."""
    means, rest = rng.standard_normal((2, arms, 1)), rng.standard_normal((2, arms, seeds))
    x = means[0] + rest[0]
    y = between * means[0] + (1 - between**2) ** 0.5 * means[1] + within * rest[0] + (1 - within**2) ** 0.5 * rest[1]
    y = y + 3 * rng.standard_normal(seeds)  # a seed that is kind to all arms is no reason
    return {str(arm): list(zip(x[arm], y[arm], strict=True)) for arm in range(arms)}


def test_correlation_is_told_apart_between_arms_and_within():
    rng = np.random.default_rng(0)
    found = correlations(drawn(rng, 400, 20, 0.0, 0.9))
    assert abs(found.between.mean) < 0.15
    assert found.within.mean == pytest.approx(0.9, abs=0.02)
    found = correlations(drawn(rng, 400, 20, 0.9, 0.0))
    assert found.between.mean > 0.8
    assert abs(found.within.mean) < 0.05
    assert found.between.low < found.between.mean < found.between.high


def test_correlation_needs_something_to_correlate():
    rng = np.random.default_rng(0)
    few = drawn(rng, 4, 3, 0.5, 0.5)
    assert correlations(few).between.low is None, "four arms have no interval"
    assert correlations(drawn(rng, 5, 3, 0.5, 0.5)).between.low is not None
    assert correlations(dict(list(few.items())[:2])) == (None, None)
    same = {arm: [(1.0, y) for _, y in points] for arm, points in few.items()}
    assert correlations(same) == (None, None)


def test_rows_come_back_as_they_were(tmp_path):
    rows = [
        StudyRow("a", "b", 0, FINAL, "t", "g", "i", "l", "", 20.5, 0.5, None),
        StudyRow("a", "b", 1, FINAL, "t", "g", "i", "l", "haze", None, None, 30.25),
    ]
    write_study_rows(tmp_path / "rows.parquet", rows)
    assert read_study_rows(tmp_path / "rows.parquet") == rows
    many = [dataclasses.replace(rows[0], image=str(place % 100), psnr=place / 7) for place in range(20_000)]
    write_study_rows(tmp_path / "many.parquet", many)
    assert (tmp_path / "many.parquet").stat().st_size < 6 * len(many)


def test_levels_of_training_take_turns_and_are_always_the_same():
    test = StudyTest(name="seen", title="", damage="trained", images=4, crop=24)
    found = list(cases(test, None, TYPES))
    assert [case.group for case in found] == [*TYPES] * 4
    levels = [str(level) for level in CATALOGUE["gaussian_noise"].levels]
    assert [case.level for case in found if case.group == "gaussian_noise"] == levels[:4]
    assert all(a.degraded.equal(b.degraded) for a, b in zip(found, cases(test, None, TYPES), strict=True))
    assert found[0].clean.shape == (3, 24, 24)


def test_types_that_are_not_trained_are_divided_by_whether_a_trained_one_is_in_them():
    trained = ["gaussian_noise", "motion_blur", "haze", "rain_streak", "low_light"]
    apart, mixed = untrained_types(trained), untrained_types(trained, mixed=True)
    assert set(apart) | set(mixed) | {"noise", *trained[1:]} == set(CATALOGUE.names)
    assert mixed == ["streak_drop", "blur_jpeg", "low_light_blur", "low_light_weather", "low_quality"]
    kinds = {kind for name in trained for kind in CATALOGUE[name].kinds}
    assert not any(kinds & set(CATALOGUE[name].middle.ingredients()) for name in apart)
    tests = [StudyTest(name=name, title="", damage=name, crop=24, images=1) for name in ("untrained", "mixtures")]
    assert [[case.group for case in cases(test, None, trained)] for test in tests] == [apart, mixed]


def test_pairs_and_photos_are_taken_as_they_are(tmp_path):
    for place in ("pairs/rain/lq", "pairs/rain/gt", "photos"):
        (tmp_path / place).mkdir(parents=True)
        write_image(procedural_image(len(place), (40, 40)), tmp_path / place / "a.png")
    pairs = StudyTest(name="pairs", title="", damage="pairs", folders=("pairs/rain",), crop=32)
    photos = StudyTest(name="photos", title="", damage="photos", folders=("photos",), crop=32)
    (pair,), (photo,) = (list(cases(test, tmp_path, TYPES)) for test in (pairs, photos))
    assert (pair.group, pair.image, pair.clean.shape) == ("rain", "rain/a", (3, 32, 32))
    assert (photo.group, photo.clean) == ("photos", None)
    with pytest.raises(UserError, match="--tests DIR is needed"):
        count_cases(photos, None, TYPES)
    with pytest.raises(UserError, match="no such folder of test images"):
        count_cases(dataclasses.replace(photos, folders=("foto",)), tmp_path, TYPES)
    write_image(procedural_image(0, (20, 20)), tmp_path / "pairs" / "rain" / "lq" / "a.png")
    with pytest.raises(UserError, match="cannot be measured"):
        count_cases(pairs, tmp_path, TYPES)


def test_results_may_be_written_where_one_stands(finished, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    write_study_report(gather([finished]), Path())
    assert [path.name for path in tmp_path.glob("*.md")] == ["here.md"]
    assert (here / "runs.csv").is_file()


def test_the_page_follows_from_its_files_to_the_byte(finished, tmp_path):
    for start, place in ((finished, "first"), (tmp_path / "first" / "results", "second")):
        with pytest.raises(SystemExit) as end:
            main(["study", "report", str(start), "--out", str(tmp_path / place / "results")])
        assert end.value.code == 0
    files = {path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()}
    assert len(files) == 7 + 2 + 2 + 1
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name
    page = (tmp_path / "first" / "results.md").read_text()
    assert "Complete: all 9 runs" in page
    assert "begins with the pre-training of method" in page
    assert "75% of steps" in page
    ssim = page.partition("### SSIM")[2].partition("\n## ")[0]
    gain = Comparison(gather([finished])).over_runs(["small"], "method", "strong", "ssim")
    assert f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]" in ssim
    worth = page.partition("## What pre-training is worth")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\S+)` \| `(\S+)` \|", worth, re.M) == [
        ("method", "alone"),
        ("several", "alone"),
    ], "naming fine-tunes otherwise, too; what labels are called changes nothing there"
    assert "alone: `naming`." in worth
    comparison = Comparison(gather([finished]))
    price = [-fmean(comparison.gains("small", "alone", test, "psnr")) for test in ("seen", "strong")]
    found = re.search(r"^\| steps that `alone` lacks \| `alone` \|(.*)\|$", worth, re.M)[1].split("|")
    assert [float(re.search(r"[+-][\d.]+", cell)[0]) for cell in found] == pytest.approx(price, abs=0.006)
    assert "seeds 0 only" in page
    found = page.partition("## What holds")[2].partition("\n## ")[0]
    (seen,) = re.findall(r"^\| `seen` \|.*\| (.*?) \|$", found, re.MULTILINE)
    assert re.fullmatch(r"several [+-]\d\.\d\d", seen), "of one seed there is no interval"
    assert "## The answer" not in page, "nothing is asked"
    targets = {target for target in re.findall(r"\]\(([^)]+)\)", page) if target.startswith("results/")}
    assert len(targets) >= 7
    assert all((tmp_path / "first" / target).exists() for target in targets)
    comparison = Comparison(gather([finished]))
    assert f"{comparison.arm_mean('small', 'method', 'seen', 'psnr'):.2f}/" in page


def test_how_pretraining_learned_to_name_is_kept_of_runs_with_one_of_their_own(finished, monkeypatch):
    found = {}
    for point in gather([finished]).naming:
        found.setdefault((point.arm, point.seed), []).append((point.step, point.accuracy))
    assert found.keys() == {("method", 0), ("method", 1), ("several", 0)}
    rows = read_metrics(finished / "small" / "method" / "1" / "pretrain")
    assert len(rows) == 2
    assert found["method", 1] == [(row["step"], pytest.approx(row["accuracy"], abs=1e-4)) for row in rows]
    monkeypatch.setattr("maskdcpt.study.results.NAMING_POINTS", 1)
    (point,) = [each for each in gather([finished]).naming if (each.arm, each.seed) == ("method", 1)]
    assert (point.step, point.accuracy) == (2, pytest.approx(fmean(row["accuracy"] for row in rows), abs=1e-4))


def test_parts_of_a_study_make_the_whole_and_what_is_missing_is_told(finished, tmp_path, capsys):
    for seed in (0, 1):
        study = tiny()
        runs = plan_runs(study, tmp_path / str(seed), None)
        run_all(study, tmp_path / str(seed), HERE, choose(runs, arms=["scratch"], families=[], seeds=[seed]))
    whole = gather([finished])
    parts = gather([tmp_path / "0", tmp_path / "1"])
    assert parts.rows == [row for row in whole.rows if row.arm in ("input", "scratch")]
    with pytest.raises(SystemExit):
        main(["study", "report", str(tmp_path / "1"), "--out", str(tmp_path / "results")])
    page = (tmp_path / "results.md").read_text()
    assert "**Not complete: 8 of 9 runs are missing:** small/scratch/0" in page
    other = tmp_path / "0" / "study.toml"
    other.write_text(tomli_w.dumps({**TINY, "steps": 9}))
    with pytest.raises(UserError, match="its recipe differs from the first in more than"):
        gather([tmp_path / "1", tmp_path / "0"])


def test_parts_that_do_not_belong_together_are_refused(finished, tmp_path):
    for part in ("a", "b"):
        write_results(gather([finished]), tmp_path / part)
    table, about = tmp_path / "b" / "rows.parquet", tmp_path / "b" / "about.json"
    rows, facts = read_study_rows(table), read_json(about)
    assert gather([tmp_path / "a", tmp_path / "b"]).about["made_with"] == facts["made_with"]
    other = {**facts, "made_with": [{**facts["made_with"][0], "maskdcpt": "9"}]}
    write_json(about, other)
    joined = gather([tmp_path / "a", tmp_path / "b"])
    assert joined.about["made_with"] == [*facts["made_with"], *other["made_with"]]
    commit = {"commit": "abc", "changed": True}
    named = {**joined.about, "made_with": [{**other["made_with"][0], "code": commit}]}
    page = write_study_report(joined._replace(about=named), tmp_path / "page").read_text()
    assert "Made with maskdcpt 9 (commit abc with changes), torch" in page
    write_json(about, {**facts, "training_images_sha256": "0" * 64})
    with pytest.raises(UserError, match="trained on 2 sets of images and cannot be compared"):
        gather([tmp_path / "a", tmp_path / "b"])
    write_json(about, {**facts, "measured": "0" * 64})
    with pytest.raises(UserError, match=f"{tmp_path / 'b'}: its tests, or how they are measured, are not those of"):
        gather([tmp_path / "a", tmp_path / "b"])
    write_json(about, facts)
    shifted = [dataclasses.replace(row, psnr=row.psnr + 0.1) if row.family == "input" else row for row in rows]
    write_study_rows(table, shifted)
    with pytest.raises(UserError, match=f"{tmp_path / 'b'}: was measured on other images"):
        gather([tmp_path / "a", tmp_path / "b"])


def test_tables_that_do_not_fit_together_are_told(finished, tmp_path):
    write_results(gather([finished]), tmp_path)
    rows = read_study_rows(tmp_path / "rows.parquet")
    write_study_rows(tmp_path / "rows.parquet", [row for row in rows if row.run != ("small", "method", 1)])
    with pytest.raises(UserError, match=r"rows\.parquet lacks rows of small/method/1"):
        gather([tmp_path])


def test_results_do_not_go_into_the_folder_of_the_study(finished):
    before = set(finished.rglob("*"))
    with pytest.raises(UserError, match="a study is run here; name another folder"):
        write_results(gather([finished]), finished)
    assert set(finished.rglob("*")) == before


def test_a_step_takes_as_long_as_in_the_quickest_run_with_as_much_arithmetic(finished):
    comparison = Comparison(gather([finished]))
    runs = [dataclasses.replace(facts, finetuning_seconds=1.0 + facts.seed) for facts in comparison.results.runs]
    timed = Comparison(comparison.results._replace(runs=runs))
    for facts in runs:
        if facts.arm == "scratch":
            assert timed.seconds(facts) == facts.steps
            assert timed.seconds(facts, 3) == 3


def command(*words):
    with pytest.raises(SystemExit) as end:
        main([*map(str, words)])
    return end.value.code


def test_steps_that_were_timed_apart_count(finished, tmp_path, capsys):
    study = Path(shutil.copytree(finished, tmp_path / "study"))
    assert command("study", "time", study, "--steps", "2", "--rounds", "2") == 0
    results = gather([study])
    times = {each.arm: each for each in results.times}
    assert list(times) == ["scratch", "method", "naming", "several", "alone"]
    assert times["scratch"].pretraining_seconds == times["alone"].pretraining_seconds == 0
    assert times["method"].pretraining_seconds == times["naming"].pretraining_seconds > 0, "it is the same"
    assert times["scratch"].finetuning_seconds == times["alone"].finetuning_seconds > 0
    comparison = Comparison(results)
    assert comparison.timed_apart
    run = next(facts for facts in results.runs if facts.arm == "method")
    first = {times[facts.arm].pretraining_seconds for facts in results.runs if facts.pretraining_steps}
    second = {
        times[facts.arm].finetuning_seconds
        for facts in results.runs
        if facts.finetuning_flops == run.finetuning_flops  # naming has more
    }
    assert len(second) > 1, "timed apart, as their settings differ"
    assert comparison.seconds(run) == pytest.approx(2 * fmean(first) + 6 * fmean(second))
    page = write_study_report(results, tmp_path / "page").read_text()
    assert "timed in turns on one machine" in page
    assert "[times.csv](page/times.csv)" in page
    assert gather([tmp_path / "page"]).times == results.times
    known = Comparison(results._replace(times=results.times[1:]))
    assert known.timed_apart, "steps of scratch are those of alone"
    assert [known.seconds(facts) for facts in results.runs] == [comparison.seconds(facts) for facts in results.runs]
    lacking = results._replace(times=results.times[:1])
    assert not Comparison(lacking).timed_apart, "steps of pre-training are missing"
    page = write_study_report(lacking, tmp_path / "page").read_text()
    assert "took in the quickest of the runs" in page
    write_study_report(results._replace(times=[]), tmp_path / "page")
    assert not (tmp_path / "page" / "times.csv").exists(), "times that no longer belong there"
    for folder in (tmp_path / "page", tmp_path / "nowhere"):
        assert command("study", "time", folder) == 2
        assert "no study has begun here" in capsys.readouterr().err


def test_of_several_rounds_the_quickest_counts(finished, monkeypatch, tmp_path):
    told = iter([9.0, 3.0, 5.0, 4.0])
    monkeypatch.setattr("maskdcpt.study.times.seconds_a_step", lambda folder: next(told))
    monkeypatch.setattr("maskdcpt.study.times.pretrain", lambda config, folder: folder.mkdir(parents=True))
    monkeypatch.setattr("maskdcpt.study.times.finetune", lambda config, folder: None)
    study = tiny(arms=TINY["arms"][:2], seeds=[0])
    study = dataclasses.replace(study, arms=(dataclasses.replace(study.arm("method"), against="method"),))
    done = []
    (times,) = time_steps(study, None, 2, 2, lambda: done.append(1))
    assert (times.pretraining_seconds, times.finetuning_seconds) == (5.0, 3.0)
    assert len(done) == 2 == 2 * count_arms(study)


def test_a_study_of_which_no_run_is_done_has_a_page(finished, tmp_path):
    begun = tmp_path / "begun"
    shutil.copytree(finished / "input", begun / "input")
    shutil.copy(finished / "study.toml", begun)
    write_study_report(gather([begun]), tmp_path / "page")
    page = write_study_report(gather([tmp_path / "page", finished]), tmp_path / "page").read_text()
    assert "Complete: all 9 runs" in page
    page = write_study_report(gather([begun]), tmp_path / "page").read_text()
    assert "**Not complete: 9 of 9 runs are missing:**" in page


def test_arms_that_were_added_later_say_so(finished, tmp_path):
    arms = [*TINY["arms"][:-1], {**TINY["arms"][-1], "added": "after the first seed"}]
    results = gather([finished])._replace(study=tiny(arms=arms))
    page = write_study_report(results, tmp_path / "results").read_text()
    assert "| the method's fine-tuning alone; added after the first seed |" in page


ASKED = {"arm": "method", "tests": ["seen", "strong"]}


def answered(finished, out, study):
    page = write_study_report(gather([finished])._replace(study=study), out).read_text()
    return page.partition("## The answer")[2].partition("\n## ")[0], page


def test_a_question_is_answered_in_sentences(finished, tmp_path):
    answer, page = answered(finished, tmp_path / "results", tiny(question=ASKED, limits=["Little was tried."]))
    comparison = Comparison(gather([finished]))
    for test in ("seen", "strong"):
        gain = comparison.over_runs(["small"], "method", test, "psnr")
        text = f"{gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}] dB"
        word = {1: "better", 0: "cannot be told", -1: "worse"}[gain.sign]
        assert re.search(rf"- `{test}`, .*: `method` over `scratch` {re.escape(text)}: \*\*{word}\*\*", answer)
        price = comparison.over_runs(["small"], "alone", test, "psnr")
        assert (
            f"- `{test}`: the last steps of plain training, as many as pre-training takes the place of, bring "
            in answer
        )
        assert f"{-price.mean:+.2f} [{-price.high:+.2f}, {-price.low:+.2f}] dB; pre-training brings" in answer
    named = [100 * comparison.accuracy(("small", "method", seed), "entering") for seed in (0, 1)]
    each = f"{fmean(named):.1f} % (small, {min(named):.1f} to {max(named):.1f} by seed)"
    assert f"its classifier names {each} of damaged test images rightly, where guessing gives 50 %" in answer
    assert "The 3 other arms on `seen`, each against what it is compared with: " in answer
    assert page.rstrip().endswith("- Little was tried.")
    against = page.partition("## Against `method`")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\S+)` \|", against, re.MULTILINE) == ["naming", "several"], "those with pre-training"


def told_of(finished, study, rows):
    return "\n".join(answer_of(comparison_of(finished, study, rows), "results"))


def test_an_answer_says_better_where_it_is_and_worse_where_it_is_not(finished):
    study, rows = known([0.4, 0.5, 0.6])
    study = dataclasses.replace(study, question=QuestionConfig(arm="method", tests=("seen",), added="late"))
    answer = told_of(finished, study, rows)
    assert "`method` over `scratch` +1.00 [+0.50, +1.50] dB: **better**" in answer
    assert "What does `method` bring on `seen`? These tests were named late." in answer
    worse = [dataclasses.replace(row, psnr=60 - row.psnr) for row in rows]
    assert "-1.00 [-1.50, -0.50] dB: **worse**" in told_of(finished, study, worse)
    one = [row for row in rows if row.seed == 0]
    assert "+0.80 dB: **too few runs to tell**" in told_of(finished, dataclasses.replace(study, seeds=(0,)), one)


def test_less_piqe_is_better(finished):
    study, rows = known([0.4, 0.5, 0.6])
    (test, _) = study.tests
    photos = dataclasses.replace(test, damage="photos", folders=("photos",), entering=False)
    study = dataclasses.replace(
        study, tests=(photos,), question=QuestionConfig(arm="method", tests=("seen",)), seeds=(0, 1, 2)
    )
    rows = [dataclasses.replace(row, psnr=None, ssim=None, piqe=row.psnr) for row in rows]
    assert "`method` over `scratch` +1.00 [+0.50, +1.50] PIQE: **worse**" in told_of(finished, study, rows)


def test_seeds_that_were_added_to_an_arm_are_told_apart(finished):
    study, rows = known([0.1, 0.1, 0.4, 0.5])
    arms = [dataclasses.replace(study.arm(name), seeds=(0, 1, 2, 3)) for name in ("scratch", "method")]
    study = dataclasses.replace(
        study, arms=tuple(arms), seeds=(0, 1), question=QuestionConfig(arm="method", tests=("seen",))
    )
    comparison = comparison_of(finished, dataclasses.replace(study, seeds=(0, 1, 2, 3)), rows)
    comparison = Comparison(comparison.results._replace(study=study))
    assert (
        "- `seen`, small: with the seeds 0, 1 of all arms +0.20 [+0.20, +0.20] dB, better; with 2, 3, which were "
        "added, +0.90 [-0.37, +2.17] dB, cannot be told."
    ) in "\n".join(answer_of(comparison, "results"))


def test_other_arms_are_counted_by_what_can_be_told_of_them(finished):
    study, rows = known([0.4, 0.5, 0.6])
    more = []
    for name, of in (
        ("good", lambda seed: 2.0),
        ("lucky", lambda seed: 9.0 * (seed == 0)),
        ("once", lambda seed: 50.0),
    ):
        for row in rows:
            if row.arm == "scratch" and (name != "once" or row.seed == 0):
                more.append(dataclasses.replace(row, arm=name, psnr=row.psnr + of(row.seed)))
    arms = [
        *(study.arm(name) for name in ("scratch", "method")),
        *(dataclasses.replace(study.arm("method"), name=name, seeds=()) for name in ("good", "lucky", "once")),
    ]
    study = dataclasses.replace(study, arms=tuple(arms), question=QuestionConfig(arm="method", tests=("seen",)))
    facts = gather([finished]).runs[0]
    rows += more
    done = {(row.arm, row.seed) for row in rows}
    runs = [
        dataclasses.replace(facts, arm=arm, seed=seed, finetuning_flops=(2 if arm == "lucky" else 1))
        for arm, seed in sorted(done)
    ]
    comparison = Comparison(gather([finished])._replace(study=study, rows=rows, runs=runs))
    answer = "\n".join(answer_of(comparison, "results"))
    assert (
        "- The 3 other arms on `seen`, each against what it is compared with: better 1 (`good`); cannot be told 1 "
        "(`lucky`); too few runs to tell 1 (`once`)."
    ) in answer
    assert "- The best mean of these is that of `lucky`, +3.00" in answer, "of one run nothing can be told"
    told = "`method` 1.00, `lucky` 2.00; all others differ by at most 5%."
    assert f"In the arithmetic of what they are compared with: {told}" in answer
    cheap = [dataclasses.replace(each, finetuning_flops=9 if each.arm == "method" else 10) for each in runs]
    answer = "\n".join(answer_of(Comparison(comparison.results._replace(runs=cheap)), "results"))
    assert "compared with: `method` 0.90; all others" in answer, "who had less is told as well"


def test_arms_that_are_the_same_but_for_their_seeds_are_taken_together(finished, tmp_path):
    arms = [*TINY["arms"], {"name": "once-more", "title": "the method, fresh seeds", "seeds": [1]}]
    assert tiny(arms=arms).twins() == [], "they share a seed"
    arms[1] = {**arms[1], "seeds": [0]}
    arms[2] = {**arms[2], "seeds": [0]}
    study = tiny(arms=arms, question=ASKED)
    assert study.twins() == [("method", "once-more")]
    results = gather([finished])
    again = {("small", "method", 1): "once-more"}
    moved = results._replace(
        rows=[dataclasses.replace(row, arm=again.get(row.run, row.arm)) for row in results.rows],
        runs=[dataclasses.replace(facts, arm=again.get(facts.run, facts.arm)) for facts in results.runs],
        study=study,
    )
    first, later = Comparison(results).gains("small", "method", "seen", "psnr")
    assert (
        f"- `method` was run once more with other seeds (small): on `seen` {first:+.2f} dB, too few runs to tell "
        f"at first; {later:+.2f} dB, too few runs to tell with the others (`once-more`)."
    ) in "\n".join(answer_of(Comparison(moved), "results"))


def test_networks_that_only_harm_are_told(finished, tmp_path):
    results = gather([finished])
    untouched = [dataclasses.replace(row, psnr=99.0) if row.family == "input" else row for row in results.rows]
    comparison = Comparison(results._replace(rows=untouched, study=tiny(question=ASKED)))
    assert comparison.beats_input("small", "method", comparison.study.tests[0]) is False
    assert "On `seen` and `strong` no arm is better than the damaged images" in "\n".join(
        answer_of(comparison, "results")
    )


def test_curves_of_gains_are_paired_at_equal_cost(finished):
    results = gather([finished])
    line = {"scratch": lambda step: 20 + step, "method": lambda step: 19 + 2 * step}
    curves = [
        CurvePoint("small", arm, seed, step, of(step) + seed)
        for arm, of in line.items()
        for seed in (0, 1)
        for step in ((4, 8) if arm == "scratch" else (5, 8))
    ]
    comparison = Comparison(results._replace(curves=curves))
    points = list(comparison.gain_curve("small", "method", lambda _, step: step))
    assert [place for place, _ in points] == pytest.approx([5 / 8, 1])
    assert [gain.mean for _, gain in points] == pytest.approx([29 - 25, 35 - 28])
    assert list(Comparison(results._replace(curves=[])).gain_curve("small", "method", lambda _, step: step)) == []
    double = list(comparison.gain_curve("small", "method", lambda facts, step: step * (1 + (facts.arm == "method"))))
    assert [place for place, _ in double] == pytest.approx([10 / 8, 2])
    assert [gain.mean for _, gain in double] == pytest.approx([29 - 28, 35 - 28]), "past its end, over its end"


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"arm": "metod", "tests": ["seen"]}, "question: arm: there is no 'metod'; did you mean 'method'"),
        ({"arm": "scratch", "tests": ["seen"]}, "question: arm: there is no 'scratch'"),
        ({"arm": "method", "tests": ["sen"]}, "question: tests: there is no 'sen'; did you mean 'seen'"),
        ({"arm": "method", "tests": []}, "question: tests: none is named"),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(question, message):
    with pytest.raises(UserError, match=re.escape(message)):
        tiny(question=question)


@pytest.mark.slow
def test_the_page_of_the_project_follows_from_its_files(tmp_path):
    docs = Path(__file__).parents[2] / "docs"
    page = write_study_report(gather([docs / "results"]), tmp_path / "results")
    assert page.read_text() == (docs / "results.md").read_text()
    made = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    assert made.keys() == {path.name for path in (docs / "results").iterdir()}
    for name, data in made.items():
        kept = (docs / "results" / name).read_bytes()
        if name.endswith(".svg"):  # the last digits of where lines are drawn are those of a machine
            (words, places), (old_words, old_places) = drawing(data), drawing(kept)
            assert words == old_words, name
            assert places == pytest.approx(old_places, abs=0.01), name
        else:
            assert data == kept, name


def drawing(svg):
    """What is in a picture, and its numbers with a point."""
    text, number = svg.decode(), r"-?\d+\.\d+(?:e-?\d+)?"
    return re.sub(number, "#", text), [float(each) for each in re.findall(number, text)]


def test_a_damaged_table_of_results_is_told(finished, tmp_path):
    write_results(gather([finished]), tmp_path)
    table = tmp_path / "runs.csv"
    whole = table.read_text()
    for text in (
        whole[: len(whole) // 2].rsplit(",", 3)[0] + "\n",
        whole.replace("small,scratch,0", "small,scratch,x"),
    ):
        table.write_text(text)
        with pytest.raises(UserError, match=r"runs\.csv: not a table of results"):
            gather([tmp_path])


def test_no_results_are_told():
    with pytest.raises(UserError, match="no folder of a study"):
        gather([Path("nowhere")])


def test_a_recipe_may_say_only_what_differs_from_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(
        'base = "smoke"\nsteps = 64\n[finetune.train]\nlr = 0.5\n[[arms]]\nname = "scratch"\ntitle = ""\nshare = 0.0\n'
    )
    mine, base = read_study("mine.toml"), read_study("smoke")
    assert (mine.steps, mine.arm_names) == (64, ("scratch",))
    assert mine.finetune == {**base.finetune, "train": {**base.finetune["train"], "lr": 0.5}}
    assert (mine.pretrain, mine.families, mine.tests, mine.title) == (
        base.pretrain,
        base.families,
        base.tests,
        base.title,
    )
    Path("asked.toml").write_text('base = "5d"\n[[arms]]\nname = "scratch"\ntitle = ""\nshare = 0.0\n')
    assert read_study("asked.toml").question is None, "that of 5d is about its own arms"
    assert read_study("asked.toml").limits == ()
    for text, message in (
        ('base = "smok"', "mine.toml: base: no study recipe is called 'smok'; did you mean 'smoke'"),
        ('base = "other.toml"', "mine.toml: base: other.toml: base: mine.toml leads back to itself"),
        ('base = "smoke"\npretrain = 3', "mine.toml: pretrain: "),
        ("base = 3", "mine.toml: base is 3; it is the name of a recipe, or the path of one"),
    ):
        Path("mine.toml").write_text(text)
        Path("other.toml").write_text('base = "mine.toml"')
        with pytest.raises(UserError, match=re.escape(message)):
            read_study("mine.toml")


@pytest.mark.parametrize("name", presets("study"))
def test_recipes_of_the_package_can_be_planned(name, tmp_path):
    study = read_study(name)
    runs = plan_runs(dataclasses.replace(study, seeds=study.seeds[:1]), tmp_path, None)
    assert {(run.family, run.arm) for run in runs} == {
        (family, arm.name) for arm in study.arms for family in arm.families or study.families
    }
    if name == "5d":
        wanted = {"scratch", "reconstruction", "classification", "unmasked", "dcpt", "maskdcpt"}
        choices = {"tokens", "visible", "all-features", "multi-label", "ratio-75-compute"}
        assert wanted | choices <= {run.arm for run in runs}
        assert {run.family for run in runs} == {"nafnet", "restormer"}
        assert len(study.seeds) >= 3
