import math

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from maskdcpt.errors import UserError
from maskdcpt.files import append_row, cut_torn_row, read_rows
from maskdcpt.training import TrainConfig
from maskdcpt.training.average import RunningMean
from maskdcpt.training.run import drop_rows_after, read_metrics
from maskdcpt.training.schedule import learning_rate_factor


def test_cosine_schedule_follows_its_equation():
    config = TrainConfig(steps=100, warmup=10, final_lr=0.1)
    assert [learning_rate_factor(step, config) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    for step in (10, 37, 99):
        expected = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * (step - 10) / 90))
        assert learning_rate_factor(step, config) == pytest.approx(expected)
    factors = [learning_rate_factor(step, config) for step in range(10, 100)]
    assert factors == sorted(factors, reverse=True)
    assert learning_rate_factor(100, config) == pytest.approx(0.1)


def test_constant_schedule_stays_level_after_the_warm_up():
    config = TrainConfig(steps=100, warmup=4, schedule="constant")
    assert [learning_rate_factor(step, config) for step in (0, 3, 4, 99)] == [0.25, 1.0, 1.0, 1.0]


def test_running_mean_follows_its_equation_and_forgets_the_start():
    module = torch.nn.Linear(1, 1, bias=False)
    mean, expected = RunningMean(module, 0.9), None
    for count in range(60):
        with torch.no_grad():
            module.weight.fill_(math.sin(count))
        mean.update()
        decay = min(0.9, (1 + count) / (10 + count)) if count else 0
        expected = decay * (expected or 0) + (1 - decay) * math.sin(count)
    assert mean.mean["weight"].item() == pytest.approx(expected, rel=1e-4)
    assert module.weight.item() == pytest.approx(math.sin(59))


def test_running_mean_is_that_of_the_library_once_it_is_warm():
    module = torch.nn.Linear(5, 3)
    mean, reference = RunningMean(module, 0.1), AveragedModel(module, avg_fn=lambda a, b, _: 0.1 * a + 0.9 * b)
    for count in range(4):
        with torch.no_grad():
            module.weight.mul_(count)
        mean.update()
        reference.update_parameters(module)
    for name, value in reference.module.named_parameters():
        torch.testing.assert_close(mean.mean[name], value)


def test_rows_of_repeated_steps_and_cut_off_lines_are_dropped(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2, 3]
    drop_rows_after(tmp_path / "metrics.jsonl", 2)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


@pytest.mark.parametrize("torn", ['{"st', '{"step": 3}', "\0" * 5000])
@pytest.mark.parametrize("whole", ["", '{"step": 1}\n{"step": 2}\n'])
def test_a_cut_off_line_is_dropped_where_no_row_is(tmp_path, whole, torn):
    for cut in (cut_torn_row, lambda path: drop_rows_after(path, 2)):
        path = tmp_path / "metrics.jsonl"
        path.write_text(whole + torn)
        cut(path)
        assert path.read_text() == whole
        append_row(path, {"step": 4})
        assert path.read_text() == f'{whole}{{"step": 4}}\n'


def test_a_whole_or_missing_file_of_rows_is_left_as_it_is(tmp_path):
    path = tmp_path / "metrics.jsonl"
    cut_torn_row(path)
    assert not path.exists()
    append_row(path, {"step": 1})
    before = path.stat()
    drop_rows_after(path, 1)
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert read_rows(path) == [{"step": 1}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch": 0},
        {"ema": 1.0},
        {"lr": 0.0},
        {"clip": -1.0},
        {"lr": math.nan},
        {"betas": (2.0, 0.9)},
        {"weight_decay": -1.0},
        {"warmup": -1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(UserError, match="train"):
        TrainConfig(**wrong)
