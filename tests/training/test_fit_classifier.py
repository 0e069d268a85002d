"""Teaching weights to name damage."""

import dataclasses
import json

import pytest
import torch

from maskdcpt.data import DataConfig
from maskdcpt.errors import UserError
from maskdcpt.files import file_sha256
from maskdcpt.inference import Restorer
from maskdcpt.pretraining import load_model
from maskdcpt.training import ClassifierFitConfig, FitConfig, finetune, fit_classifier
from maskdcpt.training import classifier as fitting

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


def test_an_interrupted_run_goes_on_to_the_same_weights(config, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "PART", 40)
    whole = fit_classifier(config, tmp_path / "whole")
    shown = []

    class StoppedError(Exception):
        pass

    batches = fitting.training_batches

    def interrupted(*args, **kwargs):
        for number, batch in enumerate(batches(*args, **kwargs)):
            if number == 25:
                raise StoppedError
            shown.append(batch)
            yield batch

    monkeypatch.setattr(fitting, "training_batches", interrupted)
    with pytest.raises(StoppedError):
        fit_classifier(config, tmp_path / "resumed")
    parts = sorted(path.name for path in (tmp_path / "resumed" / "statistics").iterdir())
    assert parts == ["00000000.safetensors", "00000040.safetensors"]
    shown.clear()
    resumed = fit_classifier(config, tmp_path / "resumed")
    assert len(shown) == 20
    for name in ("model.safetensors", "classifier.safetensors"):
        assert file_sha256(whole / name) == file_sha256(resumed / name)


def test_several_types_at_once_are_learned_each_for_itself(config, tmp_path):
    data = dataclasses.replace(config.data, types=("low_light", "low_light_blur"), labels="multi")
    weights = fit_classifier(dataclasses.replace(config, data=data), tmp_path / "named")
    classifier = load_model(weights)[1]
    assert classifier.multi_label
    assert classifier.classes == data.classes
    assert {"motion_blur", "low_light"} < set(classifier.classes)


def test_weights_have_to_be_named(config, tmp_path):
    with pytest.raises(UserError, match="name a folder by --init"):
        fit_classifier(dataclasses.replace(config, init=None), tmp_path / "named")
