"""What a worker does with a case that it is handed."""

import pickle
import shutil

import pytest
import torch

from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError
from maskdcpt.evaluation import levels_protocol
from maskdcpt.evaluation.arms import Choice, make_arms
from maskdcpt.evaluation.case import Setting, cases_of, show
from maskdcpt.evaluation.locate import locate
from maskdcpt.evaluation.work import Orders, Task, describe, measure_case, measure_with
from maskdcpt.images import write_image

PROTOCOL = levels_protocol("quick", 1, (("haze", 3), ("low_light", 2), ("low_light", 4)))


@pytest.fixture
def cases(tmp_path):
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        write_image(procedural_image(seed, (24, 32)), tmp_path / "photos" / f"{seed}.png")
    return [case for each in locate(PROTOCOL, tmp_path / "photos").sets for case in cases_of(each, each.items)]


@pytest.fixture
def orders(tmp_path, weights):
    shutil.copytree(weights, tmp_path / "weights")
    choice = Choice(weights=(f"net={tmp_path / 'weights'}",), baselines=("median",), device="cpu")
    described = describe(make_arms(choice))
    return Orders(choice, described, Setting("quick", 1, 0), ("psnr", "ssim"), tmp_path / "out", save_images=False)


def test_a_case_that_has_travelled_is_the_same(cases):
    setting = Setting("quick", 1, 0)
    for case in cases:
        there = pickle.loads(pickle.dumps(case))
        assert there == case
        assert torch.equal(show(there, setting, []).degraded, show(case, setting, []).degraded)
    assert len({case.place for case in cases}) == len(cases) == 6
    assert len(pickle.dumps(cases[0])) < 4000, "a case does not take its whole test set along"


def test_a_worker_measures_what_this_process_measures(cases, orders):
    task = Task(orders, cases[3], measured=False)
    alone = measure_with(make_arms(orders.choice), task)
    assert measure_case(pickle.loads(pickle.dumps(task))) == alone
    assert list(alone["arms"]) == ["input", "net", "median"]
    assert measure_case(task._replace(measured=True)) is None


def test_other_weights_than_the_evaluation_began_with_are_refused(cases, orders):
    with pytest.raises(UserError, match="have changed while they were being measured"):
        measure_case(Task(orders._replace(described="[]"), cases[0], measured=False))


def test_networks_that_work_side_by_side_share_the_memory(orders, monkeypatch):
    monkeypatch.setattr("maskdcpt.inference.memory.free_memory", lambda device: 8000)
    shares = {share: make_arms(orders.choice._replace(share=share))[1].restorer.options.memory for share in (1, 2, 4)}
    assert shares == {1: 0, 2: 3000, 4: 1500}  # 0 takes what there is when an image comes
    assert describe(make_arms(orders.choice._replace(share=4))) == orders.described
