"""Several processes on one model: the same run, whatever their number and however they share it."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from maskdcpt.backbones.checkpoints import checkpoints
from maskdcpt.config import to_toml
from maskdcpt.training import pretrain, read_metrics
from maskdcpt.training.checkpoint import load_state

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def run_two(*words, check=True):
    return subprocess.run(
        [*TORCHRUN, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=check,
    )


def with_train(config, **changes):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))


@pytest.fixture
def level(pretraining):
    """A run that may grow."""
    return with_train(pretraining, batch=4, schedule="constant")


@pytest.fixture
def in_two(tmp_path):
    def run(config, folder, **changes):
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(to_toml(with_train(config, **changes)))
        return run_two("-m", "maskdcpt", "pretrain", str(recipe), "--run-dir", str(folder))

    return run


def require_near(one, other):
    for name in ("model.safetensors", "classifier.safetensors"):
        first, second = load_file(one / name), load_file(other / name)
        assert first.keys() == second.keys()
        for key in first:
            assert (first[key] - second[key]).abs().max() < 2e-5, key


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"device_batch": 1}, {"strategy": "fsdp"}], ids=["ddp", "pieces", "fsdp"])
def test_two_processes_are_one(level, in_two, tmp_path, changes):
    alone = pretrain(level, tmp_path / "one")
    in_two(level, tmp_path / "two", **changes)
    require_near(alone, checkpoints(tmp_path / "two")[-1])
    for one, two in zip(read_metrics(tmp_path / "one"), read_metrics(tmp_path / "two"), strict=True):
        for name in ("step", "lr", "loss", "reconstruction", "classification", "accuracy", "gradient_norm"):
            assert one[name] == pytest.approx(two[name], rel=1e-4, abs=1e-5), name
    counts = [json.loads((tmp_path / run / "confusion.json").read_text())["counts"] for run in ("one", "two")]
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_a_sharded_run_is_saved_whole_and_goes_on_in_one_process_and_back(level, in_two, tmp_path):
    whole = pretrain(with_train(level, steps=8), tmp_path / "whole")
    run = tmp_path / "run"
    in_two(level, run, steps=3, strategy="fsdp")
    state = load_state(checkpoints(run)[-1])
    plain = load_file(checkpoints(run)[-1] / "model.safetensors")
    assert {name: tuple(value.shape) for name, value in plain.items()} == {
        name.removeprefix("backbone."): tuple(value.shape)
        for name, value in state["mean"].items()
        if name.startswith("backbone.")
    }
    pretrain(with_train(level, steps=5), run)
    in_two(level, run, steps=8, strategy="fsdp")
    require_near(whole, checkpoints(run)[-1])


@pytest.mark.slow
def test_processes_agree_to_leave_out_a_step_that_only_one_cannot_take(level, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(with_train(level, nonfinite="skip")))
    script = tmp_path / "poison.py"
    script.write_text(
        "import math, os, sys\n"
        "from maskdcpt.training import start\n"
        "whole = start.training_batches\n"
        "def spoil(*args, **kwargs):\n"
        "    for step, batch in enumerate(whole(*args, **kwargs)):\n"
        "        bad = step == 2 and os.environ['RANK'] == '1'\n"
        "        yield batch._replace(degraded=batch.degraded * math.nan) if bad else batch\n"
        "start.training_batches = spoil\n"
        "from maskdcpt.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    run_two(str(script), "pretrain", str(recipe), "--run-dir", str(tmp_path / "run"))
    rows = read_metrics(tmp_path / "run")
    assert [row["skipped"] for row in rows] == [0, 0, 1, 0, 0, 0]
    assert load_state(checkpoints(tmp_path / "run")[-1])["updates"] == 5
    kept = sorted(path.name for path in (tmp_path / "run" / "nonfinite").iterdir())
    assert kept == [f"step-00000003-rank-{rank}.safetensors" for rank in (0, 1)]


@pytest.mark.slow
def test_a_batch_that_two_processes_cannot_share_is_refused_in_one_line(level, in_two, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        in_two(level, tmp_path / "run", batch=3)
    assert "error: train.batch is 3, which does not divide among 2 processes" in caught.value.stderr.splitlines()
