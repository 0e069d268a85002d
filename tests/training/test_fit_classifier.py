"""Teaching weights to name damage."""

import dataclasses
import json
import shutil
import signal
from pathlib import Path

import pytest
import torch

from maskdcpt.backbones.checkpoints import checkpoints
from maskdcpt.data import DataConfig
from maskdcpt.errors import Preempted, UserError
from maskdcpt.files import file_sha256, read_rows
from maskdcpt.inference import Restorer
from maskdcpt.pretraining import load_model, save_model
from maskdcpt.reports.run import write_run_report
from maskdcpt.signals import StopAsked
from maskdcpt.training import ClassifierFitConfig, FitConfig, finetune, fit_classifier
from maskdcpt.training import shown as showing
from maskdcpt.training.learner import Learner

TYPES = ("gaussian_noise", "low_light", "haze")


@pytest.fixture
def config(finetuning, images, tmp_path):
    finetune(dataclasses.replace(finetuning, train=dataclasses.replace(finetuning.train, steps=2)), tmp_path / "tuned")
    data = DataConfig(folder=str(images), crop=32, workers=0, types=TYPES, clean=0.2)
    fit = FitConfig(samples=160, batch=4, epochs=30)
    return ClassifierFitConfig(init=str(tmp_path / "tuned"), data=data, fit=fit)


def test_it_names_damage_and_leaves_the_network_as_it_was(config, tmp_path):
    folder = tmp_path / "named"
    weights = fit_classifier(config, folder)
    for name, tensor in load_model(config.init)[0].state_dict().items():
        assert torch.equal(tensor, load_model(weights)[0].state_dict()[name])
    accuracy = json.loads((folder / "accuracy.json").read_text())
    assert accuracy["samples"] == 16
    assert accuracy["learned"] > 0.6  # guessing gives about 0.27
    assert set(Restorer.from_pretrained(folder, device="cpu").classify(torch.rand(3, 20, 20))) == {*TYPES, "clean"}
    before = file_sha256(weights / "classifier.safetensors")
    assert fit_classifier(config, folder) == weights
    assert file_sha256(weights / "classifier.safetensors") == before


@pytest.fixture(autouse=True)
def survives_being_asked_to_stop():
    """A request that nobody listens to fails the test, and does not end the process that runs it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


def stop_at_batch(monkeypatch, number, shown):
    """Asks this process to stop while a batch is made, and notes those that were."""
    batches = showing.training_batches

    def stopping(*args, **kwargs):
        for place, batch in enumerate(batches(*args, **kwargs)):
            if place == number:
                signal.raise_signal(signal.SIGTERM)
            shown.append(batch)
            yield batch

    monkeypatch.setattr(showing, "training_batches", stopping)


def require_same(whole, resumed):
    for name in ("model.safetensors", "classifier.safetensors"):
        assert file_sha256(whole / name) == file_sha256(resumed / name)
    assert (whole / "../../accuracy.json").read_bytes() == (resumed / "../../accuracy.json").read_bytes()


def test_a_run_that_is_asked_to_stop_while_it_shows_images_goes_on_to_the_same_weights(config, tmp_path, monkeypatch):
    monkeypatch.setattr(showing, "PART", 40)
    whole, folder, shown = fit_classifier(config, tmp_path / "whole"), tmp_path / "resumed", []
    stop_at_batch(monkeypatch, 25, shown)
    with pytest.raises(Preempted, match="asked to stop; what is done is kept"):
        fit_classifier(config, folder)
    parts = sorted(path.name for path in (folder / "statistics").iterdir())
    assert parts == ["00000000.safetensors", "00000040.safetensors"]
    shown.clear()
    require_same(whole, fit_classifier(config, folder))
    assert len(shown) == 20


def test_a_run_that_is_asked_to_stop_while_it_learns_goes_on_to_the_same_weights(config, tmp_path, monkeypatch):
    whole, folder = fit_classifier(config, tmp_path / "whole"), tmp_path / "resumed"
    learn = Learner.learn

    def stopping(learner, shown):
        for epoch in learn(learner, shown):
            if epoch == 13:
                signal.raise_signal(signal.SIGTERM)
            yield epoch

    monkeypatch.setattr(Learner, "learn", stopping)
    with pytest.raises(Preempted):
        fit_classifier(config, folder)
    assert [path.name for path in checkpoints(folder)] == ["step-00000010", "step-00000013"]
    assert not (folder / "accuracy.json").exists()
    epochs = []
    monkeypatch.setattr(Learner, "learn", lambda *words: (epochs.append(each) or each for each in learn(*words)))
    require_same(whole, fit_classifier(config, folder))
    assert epochs == list(range(14, 31))


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_part_is_told_and_shown_again(config, tmp_path, monkeypatch, capsys, damage):
    monkeypatch.setattr(showing, "PART", 40)
    whole, folder, shown = fit_classifier(config, tmp_path / "whole"), tmp_path / "resumed", []
    shutil.copytree(tmp_path / "whole", folder)
    shutil.rmtree(folder / "checkpoints")
    part = folder / "statistics" / "00000040.safetensors"
    part.write_bytes(damage(part.read_bytes()))
    stop_at_batch(monkeypatch, None, shown)
    require_same(whole, fit_classifier(config, folder))
    assert len(shown) == 10
    assert f"{part}: is damaged; its images are shown again" in capsys.readouterr().err


def test_images_that_were_replaced_are_on_record_once_however_often_the_run_was_interrupted(
    config, images, tmp_path, monkeypatch, capsys
):
    (images / "2.png").write_bytes(b"this is text")
    monkeypatch.setattr(showing, "PART", 39)  # its last batch holds three
    whole, folder = fit_classifier(config, tmp_path / "whole"), tmp_path / "resumed"
    rows = read_rows(tmp_path / "whole" / "quarantine.jsonl")
    assert {row["image"] for row in rows} == {"2.png"}
    assert all("2.png" in row["problem"] for row in rows)
    assert all(row["step"] == row["index"] // 39 * 10 + row["index"] % 39 // 4 + 1 for row in rows)
    assert capsys.readouterr().err.count("replaced: ") == len(rows)
    with monkeypatch.context() as patched:
        stop_at_batch(patched, 25, [])
        with pytest.raises(Preempted):
            fit_classifier(config, folder)
    begun = read_rows(folder / "quarantine.jsonl")
    assert begun == [row for row in rows if row["step"] <= 25]
    assert any(row["index"] >= 2 * 39 for row in begun)  # of the part that is shown again
    with (folder / "quarantine.jsonl").open("a") as file:
        file.write('{"step": 26, "ind')
    require_same(whole, fit_classifier(config, folder))
    assert read_rows(folder / "quarantine.jsonl") == rows
    assert "could not be made and another took its place" in write_run_report(folder).read_text()


def test_rows_of_a_part_that_was_damaged_are_written_again(config, images, tmp_path, monkeypatch):
    (images / "2.png").write_bytes(b"this is text")
    monkeypatch.setattr(showing, "PART", 40)
    folder = tmp_path / "named"
    fit_classifier(config, folder)
    rows = read_rows(folder / "quarantine.jsonl")
    shutil.rmtree(folder / "checkpoints")
    (folder / "statistics" / "00000040.safetensors").write_bytes(b"")
    fit_classifier(config, folder)
    again = read_rows(folder / "quarantine.jsonl")
    assert sorted(again, key=lambda row: row["index"]) == rows


def test_the_network_is_run_on_the_device_that_was_named(config, tmp_path, monkeypatch):
    used = []

    def moving(_, device):
        used.append(device)
        raise StopAsked

    monkeypatch.setattr(showing, "move", moving)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for name in ("cpu", "mps"):
        named = dataclasses.replace(config, fit=dataclasses.replace(config.fit, device=name))
        with pytest.raises(Preempted):
            fit_classifier(named, tmp_path / name)
    assert used == [torch.device("cpu"), torch.device("mps")]


def test_parts_of_other_weights_are_refused(config, finetuning, tmp_path):
    folder = tmp_path / "named"
    fit_classifier(config, folder)
    shutil.rmtree(folder / "checkpoints")
    more = dataclasses.replace(finetuning, train=dataclasses.replace(finetuning.train, steps=2, seed=1))
    shutil.rmtree(config.init)
    finetune(more, Path(config.init))
    with pytest.raises(UserError, match="was read from other weights than --init now names"):
        fit_classifier(config, folder)


def test_features_that_are_not_finite_are_refused(config, tmp_path):
    backbone, _ = load_model(config.init)
    next(backbone.parameters()).data.fill_(3e38)
    (tmp_path / "broken").mkdir()
    save_model(tmp_path / "broken", backbone, None)
    with pytest.raises(UserError, match="broken: features of this network are not finite"):
        fit_classifier(dataclasses.replace(config, init=str(tmp_path / "broken")), tmp_path / "named")


def test_several_types_at_once_are_learned_each_for_itself(config, tmp_path):
    data = dataclasses.replace(config.data, types=("low_light", "low_light_blur"), labels="multi")
    weights = fit_classifier(dataclasses.replace(config, data=data), tmp_path / "named")
    classifier = load_model(weights)[1]
    assert classifier.multi_label
    assert classifier.classes == data.classes
    assert {"motion_blur", "low_light"} < set(classifier.classes)


def test_a_run_folder_within_the_images_is_refused(config, images):
    with pytest.raises(UserError, match="lies in the images to train on"):
        fit_classifier(config, images / "named")


def test_enough_samples_are_left_to_learn_from():
    with pytest.raises(UserError, match=r"fit\.aside is 0\.9, which leaves fewer than two of 10 samples"):
        FitConfig(samples=10, aside=0.9)
    assert FitConfig(samples=10, aside=0.01).kept_aside == 1


def test_weights_have_to_be_named(config, tmp_path):
    with pytest.raises(UserError, match="name a folder by --init"):
        fit_classifier(dataclasses.replace(config, init=None), tmp_path / "named")
