import math

import pytest
import torch

from maskdcpt.errors import UserError
from maskdcpt.training import TrainConfig
from maskdcpt.training.run import drop_metrics_after, read_metrics
from maskdcpt.training.schedule import learning_rate_factor
from maskdcpt.training.trainer import warming_average


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
    update = warming_average(0.9)
    averaged, expected = torch.tensor([5.0]), 5.0
    for count in range(1, 60):
        current = torch.tensor([math.sin(count)])
        update([averaged], [current], torch.tensor(count))
        decay = min(0.9, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * math.sin(count)
    assert averaged.item() == pytest.approx(expected, rel=1e-4)


def test_rows_of_repeated_steps_and_cut_off_lines_are_dropped(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2, 3]
    drop_metrics_after(tmp_path, 2)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


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
