"""Runs of a study: what they have in common, what they cost, and that nothing interrupts them for good."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomli_w
import torch
from tiny_study import TINY, run_all, tiny
from torch.utils.flop_counter import FlopCounterMode

from maskdcpt.cli.main import main
from maskdcpt.data import training_batches, training_data
from maskdcpt.errors import Preempted, UserError
from maskdcpt.parallel import HERE
from maskdcpt.seeds import derive_seed
from maskdcpt.study import Measuring, choose, plan_runs, steps_done, steps_wanted, work
from maskdcpt.study.budget import Cost, Steps, count_cost, divide
from maskdcpt.study.results import gather, write_results
from maskdcpt.training import read_metrics
from maskdcpt.training.finetune import finetuning
from maskdcpt.training.pretrain import pretraining
from process_helpers import wait_for_ends, workers_of


def plan(out, **changes):
    return {(run.arm, run.seed): run for run in plan_runs(tiny(**changes), out, None)}


def test_initial_weights_and_samples_of_fine_tuning_are_shared(tmp_path):
    runs = plan(tmp_path)
    scratch, method, several = (runs[arm, 0] for arm in ("scratch", "method", "several"))
    fresh = finetuning(scratch.finetuning, None)[0].backbone.state_dict()
    before = pretraining(method.pretraining)[0].backbone.state_dict()
    assert all(torch.equal(fresh[name], before[name]) for name in fresh)
    other = finetuning(runs["scratch", 1].finetuning, None)[0].backbone.state_dict()
    assert not torch.equal(fresh["intro.weight"], other["intro.weight"])

    def batch(run):
        data = run.finetuning.data
        seed = derive_seed("fine-tuning", run.finetuning.train.seed)
        return next(training_batches(training_data(data), data, batches=[range(2)], seed=seed))

    images = [batch(run).degraded for run in (scratch, method, several)]
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


def test_steps_in_all_are_equal(tmp_path):
    runs = plan(tmp_path)
    assert {sum(run.steps) for run in runs.values() if run.arm != "alone"} == {8}
    assert runs["alone", 0].steps == Steps(0, 6), "as many as the method's fine-tuning has"
    assert runs["scratch", 0].steps == Steps(0, 8)
    assert runs["method", 0].steps == Steps(2, 6)
    wanted = 2 * (8 + 2 + 6 + 6 + 6) + 8
    assert steps_wanted(list(runs.values())) == wanted, "the pre-training of naming is that of method"


def test_arithmetic_in_all_is_equal_where_that_is_asked_for(tmp_path):
    arms = [
        TINY["arms"][0],
        {"name": "many", "title": "", "budget": "compute", "pretrain": {"mask": {"ratio": 0.75}}},
    ]
    run = plan(tmp_path, arms=arms, steps=400)["many", 0]
    cost = run.cost
    spent = run.steps.pretraining * cost.pretraining + run.steps.finetuning * cost.finetuning
    assert abs(spent - 400 * cost.plain) <= (cost.pretraining + cost.finetuning) / 2
    assert abs(run.steps.pretraining * cost.pretraining - 100 * cost.plain) <= cost.pretraining / 2
    assert divide(400, 0.25, Cost(1, 2, 4)) == Steps(400, 600)


def test_costs_are_those_of_whole_batches(tmp_path):
    run = plan(tmp_path)["method", 0]
    model, minimised = pretraining(run.pretraining)
    data = run.pretraining.data
    images = next(training_batches(training_data(data), data, batches=[range(2)], seed=0))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        minimised(model, images, 0, range(2))
    assert run.cost.pretraining == 3 * counter.get_total_flops()
    assert run.cost.plain < run.cost.finetuning, "a classifier reads along"
    assert count_cost(None, run.finetuning, run.finetuning).finetuning == run.cost.plain


def test_the_budget_of_an_arm_is_counted_in_the_steps_of_the_study(tmp_path):
    arms = [
        TINY["arms"][0],
        {"name": "half", "title": "", "budget": "compute", "share": 0.0, "finetune": {"train": {"batch": 1}}},
    ]
    runs = plan(tmp_path, arms=arms, steps=400)
    half, scratch = runs["half", 0], runs["scratch", 0]
    assert half.steps == Steps(0, 800), "half of the batch, twice the steps"
    assert half.cost.plain == scratch.cost.plain == 2 * half.cost.finetuning


def test_a_finished_study_is_left_as_it_is(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("rows.parquet")}
    assert len(before) == 10
    outcome, _ = run_all(tiny(), finished, HERE)
    assert outcome.done == 9
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("rows.parquet")} == before


def test_an_arm_that_shares_its_pre_training_has_none_of_its_own(finished):
    assert not (finished / "small" / "naming" / "0" / "pretrain").exists()
    (facts,) = [facts for facts in gather([finished]).runs if facts.run == ("small", "naming", 0)]
    assert facts.begins_with == "method"


def test_changed_settings_are_refused_and_new_arms_are_not(finished, tmp_path):
    out = tmp_path / "study"
    shutil.copytree(finished, out)
    changed = tiny(finetune={"train": {"lr": 2e-3}})
    with pytest.raises(UserError, match=r"scratch/0: .* finetune\.train\.lr was 0\.001 and is now 0\.002; change"):
        run_all(changed, out, HERE)
    before = (out / "study.toml").read_bytes()
    few = [run for run in plan_runs(changed, out, None) if run.arm == "several"]
    shutil.rmtree(out / "small" / "several")
    with pytest.raises(UserError, match=r"scratch/0: .* finetune\.train\.lr was 0\.001 and is now 0\.002; change"):
        run_all(changed, out, HERE, few)  # though none of these has begun
    assert (out / "study.toml").read_bytes() == before
    run_all(tiny(finetune={"train": {"log_every": 2}}), out, HERE)
    more = tiny(arms=[*TINY["arms"], {"name": "short", "title": "", "share": 0.125, "seeds": [0]}])
    runs = [run for run in plan_runs(more, tmp_path / "elsewhere", None) if run.arm == "short"]
    assert [run.steps for run in runs] == [Steps(1, 7)]


def test_a_study_is_not_run_among_the_results_of_one(finished, tmp_path):
    write_results(gather([finished]), tmp_path)
    before = (tmp_path / "study.toml").read_bytes()
    with pytest.raises(UserError, match="results of a study lie here; name another folder to run one in"):
        run_all(tiny(title="another"), tmp_path, HERE)
    assert (tmp_path / "study.toml").read_bytes() == before


def test_asked_to_stop_while_it_measures_it_ends_there_and_goes_on(finished, tmp_path, monkeypatch):
    study, out, measure = tiny(arms=TINY["arms"][:1], seeds=[0]), tmp_path / "study", work.measure_network
    shutil.copytree(finished / "input", out / "input")

    def asked(*args):
        rows = measure(*args)
        yield next(rows)
        os.kill(os.getpid(), signal.SIGTERM)
        yield from rows

    monkeypatch.setattr(work, "measure_network", asked)
    with pytest.raises(Preempted, match="asked to stop"):
        run_all(study, out, HERE)
    run = out / "small" / "scratch" / "0"
    assert read_metrics(run / "finetune")
    assert not (run / "measured.json").exists()
    monkeypatch.undo()
    outcome, _ = run_all(study, out, HERE)
    assert outcome.done == 1


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, capsys):
    arms = [{"name": "bad", "title": "", "pretrain": {"train": {"lr": 1e30}}}, TINY["arms"][0]]
    recipe = tmp_path / "bad.toml"
    recipe.write_text(tomli_w.dumps({**TINY, "arms": arms, "seeds": [0]}))
    with pytest.raises(SystemExit) as end:
        main(["study", str(recipe), "--out", str(tmp_path / "out"), "--workers", "0"])
    assert end.value.code == 1
    shown = capsys.readouterr().out
    assert "runs: 1 of 2 done, 1 failed" in shown
    assert "failed: small/bad/0: " in shown
    assert "Traceback" in (tmp_path / "out" / "small" / "bad" / "0" / "error.txt").read_text()
    assert gather([tmp_path / "out"]).missing == [("small", "bad", 0)]


def test_parts_are_chosen_by_name(tmp_path):
    runs = list(plan(tmp_path).values())
    assert [run.name for run in choose(runs, arms=["several"], families=[], seeds=[])] == ["small/several/0"]
    with pytest.raises(UserError, match="no arm of the study is called 'metod'; did you mean 'method'"):
        choose(runs, arms=["metod"], families=[], seeds=[])
    with pytest.raises(UserError, match="no such run"):
        choose(runs, arms=["several"], families=[], seeds=[1])


def test_an_arm_may_be_tried_again_with_seeds_that_are_new(tmp_path):
    again = {"name": "again", "title": "", "seeds": [5, 6]}
    scratch = {**TINY["arms"][0], "seeds": [0, 1, 5, 6]}
    runs = plan(tmp_path, arms=[scratch, TINY["arms"][1], again])
    assert list(runs) == [
        *(("scratch", 0), ("method", 0), ("scratch", 1), ("method", 1)),
        *(("scratch", 5), ("again", 5), ("scratch", 6), ("again", 6)),
    ]
    assert runs["again", 5].pretraining.train.seed == 5
    with pytest.raises(UserError, match=r"arms, again: scratch, which it is compared with, lacks seed 5"):
        plan(tmp_path, arms=[TINY["arms"][0], again])


@pytest.mark.slow
def test_a_killed_study_goes_on_to_the_same_results_and_is_alone_in_its_folder(finished, tmp_path):
    recipe = tmp_path / "tiny.toml"
    arms = [arm for arm in TINY["arms"] if arm["name"] in ("scratch", "method")]
    recipe.write_text(tomli_w.dumps({**TINY, "arms": arms, "seeds": [0]}))
    out = tmp_path / "out"
    words = ["study", str(recipe), "--out", str(out), "--workers", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "maskdcpt", *words], env=environment, stdout=subprocess.DEVNULL)
    study = tiny(arms=arms, seeds=[0])
    runs = plan_runs(study, out, None)
    try:
        deadline = time.monotonic() + 90
        while not (out / "study.toml").is_file():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(UserError, match="another process is running a study in this folder"):
            run_all(study, out, HERE)
        while not read_metrics(runs[1].pretraining_folder):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        workers = workers_of(process)
    finally:
        process.kill()
        process.wait()
    wait_for_ends(workers)
    assert 0 < steps_done(runs) < steps_wanted(runs)
    outcome, _ = run_all(study, out, HERE)
    assert outcome.done == 2
    want = [row for row in gather([finished]).rows if row.seed == 0 and row.arm in ("input", "scratch", "method")]
    assert gather([out]).rows == want


def test_an_arm_that_trains_on_other_types_is_measured_like_all(tmp_path):
    other = {"name": "noise", "title": "", "share": 0.0, "finetune": {"data": {"types": ["gaussian_noise"]}}}
    study = tiny(arms=[other, TINY["arms"][0]])
    assert next(run.finetuning.data.types for run in plan_runs(study, tmp_path, None)) == ("gaussian_noise",)
    assert Measuring.of(study, None).types == ("gaussian_noise", "haze")


def test_a_wrong_recipe_is_told_in_one_line():
    with pytest.raises(UserError, match="test: arms, method: against: there is no 'scrach'; did you mean 'scratch'"):
        tiny(arms=[TINY["arms"][0], {"name": "method", "title": "", "against": "scrach"}])
    with pytest.raises(UserError, match=r"finetune: train\.steps follows from the study; leave it out"):
        tiny(finetune={"train": {"steps": 3}})
    with pytest.raises(UserError, match="arms, scratch: it has settings of pre-training, and its share is 0"):
        tiny(arms=[{**TINY["arms"][0], "pretrain": {"mask": {"ratio": 0.5}}}])
    with pytest.raises(UserError, match="'input' is what the damaged images are called"):
        tiny(families={"input": TINY["families"]["small"]})
    with pytest.raises(UserError, match=r"probe: samples is 2; it lies in \[6"):
        tiny(probe={"samples": 2})
    with pytest.raises(UserError, match=r"probe: samples is 600, and its folders hold \d+ images"):
        Measuring.of(tiny(probe={"samples": 600}), None)
    with pytest.raises(UserError, match=r"probe: crop is 4096, and \S+ has \d+ x \d+ pixels"):
        Measuring.of(tiny(probe={"crop": 4096}), None)
    with pytest.raises(UserError, match="probe: types: two or more are needed"):
        Measuring.of(tiny(finetune={"data": {"types": ["haze"]}}), None)
    for folders in (["a/clean", "b/clean"], ["clean", "clean"]):
        with pytest.raises(UserError, match=rf"tests, seen: .* by the last part of their folder: {folders[0]} or"):
            tiny(tests=[{**TINY["tests"][0], "folders": folders}])
    with pytest.raises(UserError, match=r"arm method, small, pretrain: no setting is called 'mask\.rato'"):
        plan_runs(tiny(pretrain={"mask": {"rato": 0.5}}), Path("out"), None)
