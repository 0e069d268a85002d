"""What a step is: the same as a plain loop, however it is divided, and kept out of the weights if it is not finite."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from maskdcpt.backbones import build_backbone, layer_scales
from maskdcpt.backbones.checkpoints import checkpoints
from maskdcpt.data import training_batches, training_data
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import ClassificationDecoder, PretrainingModel, RestorationModel, focal_loss
from maskdcpt.seeds import derive_seed
from maskdcpt.training import finetune, pretrain, read_metrics, start
from maskdcpt.training.checkpoint import load_state
from maskdcpt.training.config import TrainConfig
from maskdcpt.training.guard import PATIENCE
from maskdcpt.training.optimizer import build_optimizer
from maskdcpt.training.shares import Share


def weights(folder):
    return load_file(folder / "model.safetensors")


def distance(a, b):
    first, second = weights(a), weights(b)
    return max((first[name] - second[name]).abs().max().item() for name in first)


def with_train(config, **changes):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))


def plain_loop(config):
    """Pre-training as the paper and the recipe say it, without any of the machinery."""
    train = config.train
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("weights", train.seed))
        backbone = build_backbone(config.backbone)
        channels = [info.channels for info in backbone.feature_info]
        classifier = ClassificationDecoder(channels, config.data.types, config.classifier)
    model = PretrainingModel(backbone, classifier).to(memory_format=torch.channels_last)
    parts = (list(backbone.parameters()), list(classifier.parameters()))
    optimizer = torch.optim.AdamW(
        [{"params": parts[0]}, {"params": parts[1]}], betas=train.betas, weight_decay=0.0, fused=True
    )
    count = itertools.count()

    def average(averaged, current, _):
        done = next(count) + 1
        get_ema_multi_avg_fn(min(train.ema, (1 + done) / (10 + done)))(averaged, current, done)

    mean = AveragedModel(model, multi_avg_fn=average)
    numbers = [range(step * train.batch, (step + 1) * train.batch) for step in range(train.steps)]
    seed = derive_seed("pre-training", train.seed)
    losses = []
    for step, batch in enumerate(training_batches(training_data(config.data), config.data, batches=numbers, seed=seed)):
        progress = step / train.steps
        factor = train.final_lr + (1 - train.final_lr) * (1 + math.cos(math.pi * progress)) / 2
        optimizer.param_groups[0]["lr"] = train.lr * factor
        optimizer.param_groups[1]["lr"] = train.decoder_lr * factor
        generator = torch.Generator().manual_seed(derive_seed("mask", train.seed, step))
        mask = VisibleMask.random(train.batch, (2, 2), 0.5, generator=generator)
        outputs = model(batch.degraded.contiguous(memory_format=torch.channels_last), mask)
        loss = F.l1_loss(outputs.image, batch.clean) + focal_loss(outputs.logits, batch.label, 2.0)
        optimizer.zero_grad()
        loss.backward()
        for parameters in parts:
            torch.nn.utils.clip_grad_norm_(parameters, train.clip)
        optimizer.step()
        mean.update_parameters(model)
        losses.append(loss.item())
    return losses, mean.module.backbone.state_dict()


def test_training_is_bit_equal_to_a_plain_loop(pretraining, tmp_path):
    losses, state = plain_loop(pretraining)
    found = weights(pretrain(pretraining, tmp_path / "run"))
    assert [row["loss"] for row in read_metrics(tmp_path / "run")] == losses
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


@given(
    share=st.integers(1, 40),
    ranks=st.integers(1, 9),
    device_batch=st.none() | st.integers(1, 50),
    step=st.integers(0, 9),
)
def test_shares_are_the_batch_and_pieces_are_the_share(share, ranks, device_batch, step):
    batch = share * ranks
    shares = [Share.of(batch, ranks=ranks, rank=rank, device_batch=device_batch) for rank in range(ranks)]
    assert [number for one in shares for number in one.samples(step)] == list(range(step * batch, (step + 1) * batch))
    for one in shares:
        assert [place for part in one.parts() for place in part] == list(range(share))
        assert {len(part) for part in one.parts()} == {share // one.pieces}
        assert device_batch is None or len(one.parts()[0]) <= device_batch


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(UserError, match=r"train.batch is 8, which does not divide among 3 processes"):
        Share.of(8, ranks=3, rank=0, device_batch=None)


@pytest.mark.parametrize("pixels", ["all", "visible"])
def test_a_batch_in_pieces_is_the_batch(pretraining, tmp_path, pixels):
    config = with_train(
        dataclasses.replace(pretraining, loss=dataclasses.replace(pretraining.loss, pixels=pixels)), batch=4
    )
    whole = pretrain(config, tmp_path / "whole")
    pieces = pretrain(with_train(config, device_batch=1), tmp_path / "pieces")
    assert 0 < distance(whole, pieces) < 1e-5
    for one, other in zip(read_metrics(tmp_path / "whole"), read_metrics(tmp_path / "pieces"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
        assert one["accuracy"] == other["accuracy"]


def test_a_run_may_resume_with_other_pieces(pretraining, tmp_path):
    first = pretrain(pretraining, tmp_path / "run")
    assert pretrain(with_train(pretraining, device_batch=1), tmp_path / "run") == first


@pytest.mark.parametrize("switch", [{"checkpointing": True}, {"channels_last": False}])
def test_switches_of_the_engine_change_no_result(pretraining, tmp_path, switch):
    plain = pretrain(pretraining, tmp_path / "plain")
    assert distance(plain, pretrain(with_train(pretraining, **switch), tmp_path / "switched")) < 1e-5


def poisoned(monkeypatch, steps, field="degraded"):
    """Makes the images of some steps no numbers."""
    whole = start.training_batches

    def spoil(*args, **kwargs):
        for batch in whole(*args, **kwargs):
            bad = int(batch.index[0]) // len(batch.index) in steps
            yield batch._replace(**{field: getattr(batch, field) * math.nan}) if bad else batch

    monkeypatch.setattr(start, "training_batches", spoil)


def test_a_step_that_is_not_finite_stops_before_any_harm_and_its_images_are_kept(pretraining, tmp_path, monkeypatch):
    poisoned(monkeypatch, {2})
    with pytest.raises(UserError, match=r"the loss became nan in step 3.*nonfinite/step-00000003-rank-0.safetensors"):
        pretrain(pretraining, tmp_path / "run")
    assert [path.name for path in checkpoints(tmp_path / "run")] == ["step-00000002"]
    assert all(value.isfinite().all() for value in weights(checkpoints(tmp_path / "run")[0]).values())
    kept = load_file(tmp_path / "run" / "nonfinite" / "step-00000003-rank-0.safetensors")
    assert kept["index"].tolist() == [4, 5]
    assert kept["degraded"].isnan().all()
    assert kept["clean"].shape == (2, 3, 32, 32)


def test_a_step_that_is_not_finite_can_be_left_out(pretraining, tmp_path, monkeypatch):
    poisoned(monkeypatch, {1, 3})
    pretrain(with_train(pretraining, nonfinite="skip"), tmp_path / "run")
    rows = read_metrics(tmp_path / "run")
    assert [row["skipped"] for row in rows] == [0, 1, 0, 1, 0, 0]
    assert ["loss" in row for row in rows] == [True, False, True, False, True, True]
    state = load_state(checkpoints(tmp_path / "run")[-1])
    assert state["updates"] == 4
    assert {int(values["step"]) for values in state["optimizer"].values()} == {4}
    assert len(list((tmp_path / "run" / "nonfinite").iterdir())) == 2


def test_too_many_steps_left_out_in_a_row_end_the_run(pretraining, tmp_path, monkeypatch):
    poisoned(monkeypatch, range(1, 100), "clean")
    config = with_train(pretraining, nonfinite="skip", steps=PATIENCE + 5)
    with pytest.raises(UserError, match=f"so did the {PATIENCE} before it"):
        pretrain(config, tmp_path / "run")
    assert len(list((tmp_path / "run" / "nonfinite").iterdir())) == PATIENCE + 1


def test_half_precision_scales_the_loss_and_leaves_out_what_overflows(pretraining, tmp_path):
    config = with_train(pretraining, precision="16-mixed", steps=8)
    last = pretrain(config, tmp_path / "run")
    scaler = load_state(last)["scaler"]
    skipped = sum(row["skipped"] for row in read_metrics(tmp_path / "run"))
    assert scaler["scale"] == 65536 / 2**skipped
    assert not (tmp_path / "run" / "nonfinite").exists()  # an overflow is the scale's fault, not the images'
    assert load_state(last)["updates"] == 8 - skipped > 0
    assert all(value.isfinite().all() for value in weights(last).values())


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision_does_not_round_the_image_that_is_corrected(finetuning, tmp_path, precision, monkeypatch):
    seen = []
    forward = RestorationModel.forward
    monkeypatch.setattr(
        RestorationModel, "forward", lambda self, x: seen.append(x.detach().clone()) or forward(self, x)
    )
    finetune(with_train(finetuning, precision=precision, steps=1), tmp_path / "run")
    assert seen[0].dtype == torch.float32
    assert not torch.equal(seen[0], seen[0].bfloat16().float())


def test_layers_learn_the_slower_the_farther_they_are_from_the_output(pretraining):
    backbone = build_backbone(pretraining.backbone)
    model = RestorationModel(backbone, None)
    optimizer = build_optimizer(model, TrainConfig(lr=1e-3, layer_decay=0.5, weight_decay=0.1))
    names = {parameter: name for name, parameter in backbone.named_parameters()}
    found = {names[parameter]: group for group in optimizer.param_groups for parameter in group["params"]}
    scales = layer_scales(backbone, 0.5)
    assert found.keys() == scales.keys()
    for name, scale in scales.items():
        assert found[name]["peak_lr"] == pytest.approx(1e-3 * scale)
    assert found["ending.weight"]["peak_lr"] > found["middle_blks.blocks.0.conv1.weight"]["peak_lr"]
    assert found["middle_blks.blocks.0.conv1.weight"]["peak_lr"] > found["intro.weight"]["peak_lr"]


def test_weight_decay_leaves_biases_norms_and_scales_alone(pretraining):
    backbone = build_backbone(pretraining.backbone)
    optimizer = build_optimizer(RestorationModel(backbone, None), TrainConfig(weight_decay=0.1))
    names = {parameter: name for name, parameter in backbone.named_parameters()}
    decayed = {names[p] for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    assert "intro.weight" in decayed
    assert not {name for name in decayed if name.endswith(("bias", "norm1.weight", "beta", "gamma"))}
    assert len(decayed) > 10


def test_waiting_for_data_and_rate_are_logged(pretraining, tmp_path):
    pretrain(pretraining, tmp_path / "run")
    for row in read_metrics(tmp_path / "run"):
        assert 0 <= row["data_wait"] <= 1
        assert row["samples_per_second"] > 0
        assert 0.05 < row["memory_gib"] < 64
        assert row["faults"] == 0


def test_an_unreadable_image_is_replaced_and_put_on_record(pretraining, images, tmp_path):
    (images / "2.png").write_bytes(b"this is text")
    config = with_train(pretraining, batch=8, log_every=3)
    first = pretrain(config, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "quarantine.jsonl").read_text().splitlines()]
    assert rows
    assert {row["image"] for row in rows} == {"2.png"}
    assert all(row["step"] == row["index"] // 8 + 1 for row in rows)
    assert sum(row["faults"] for row in read_metrics(tmp_path / "run")) == len(rows)
    more = dataclasses.replace(config, data=dataclasses.replace(config.data, workers=1))
    assert distance(first, pretrain(more, tmp_path / "again")) == 0


def test_numbers_of_a_restored_image_do_not_depend_on_the_log(pretraining, tmp_path):
    often = pretrain(with_train(pretraining, picture_every=1, log_every=1), tmp_path / "often")
    rarely = pretrain(with_train(pretraining, picture_every=100, log_every=100), tmp_path / "rarely")
    assert distance(often, rarely) == 0
    assert len(list((tmp_path / "often" / "pictures").iterdir())) == 6
    assert len(list((tmp_path / "rarely" / "pictures").iterdir())) == 1
    confusion = json.loads((tmp_path / "rarely" / "confusion.json").read_text())
    assert np.sum(confusion["counts"]) == 12  # six steps of two images
