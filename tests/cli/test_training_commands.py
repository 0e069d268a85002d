"""The command line of training and evaluation: what is refused, and how."""

import pytest
import torch

from maskdcpt.config import from_dict, read_toml
from maskdcpt.recipes import find_recipe, presets
from maskdcpt.training import FinetuneConfig, PretrainConfig


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_presets_are_valid_and_go_together(kind):
    config = {"pretrain": PretrainConfig, "finetune": FinetuneConfig}[kind]
    going_on = {"mixed", "universal-last", "universal-mild"}  # from 5d, from universal, and from that
    assert set(presets("finetune")) - set(presets("pretrain")) == going_on
    for name in presets("pretrain"):
        path = find_recipe(kind, name)
        recipe = from_dict(config, read_toml(path), where=name)
        assert (
            recipe.backbone == from_dict(PretrainConfig, read_toml(find_recipe("pretrain", name)), where=name).backbone
        )
        assert path.read_text().startswith("#")
        assert f"maskdcpt {kind} {name}" in path.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pretrain", "cpuu", "--run-dir", "RUN"], "did you mean 'cpu'"),
        (["pretrain", "missing.toml", "--run-dir", "RUN"], "missing.toml: no such recipe file"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--train.stepz", "3"], "--train.steps"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--train.steps", "many"], "--train.steps"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--train.steps", "0"], "train.steps is 0"),
        (["pretrain", "cpu"], "--run-dir"),
        (["pretrain", "--run-dir", "RUN", "smoke"], "the recipe comes first"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--train.device", "mps"], "this machine has no device 'mps'"),
        (
            ["fit-classifier", "cpu", "--run-dir", "RUN", "--init", "default", "--fit.device", "mps"],
            "has no device 'mps'",
        ),
        (["fit-classifier", "cpu", "--run-dir", "RUN", "--init", "default", "--fit.device", "gpu"], "--fit.device"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--train.lr", "nan"], "train.lr is nan"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--mask.ratio", "2"], "mask.ratio is 2"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--mask.ratio", "1"], "mask.ratio is 1; it lies in [0, 1);"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--train.ema", "1"], "train.ema is 1; it lies in [0, 1);"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--mask.patch", "8"], "multiple of 16"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--backbone.decoder-blocks", "1", "1", "1", "-1"], "no negative"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--backbone.name", "restormr"], "did you mean 'restormer'"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--backbone.name=swinir", "--backbone.width", "7"], "width 7"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--data", "nowhere"], "nowhere"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--data", "EMPTY"], "EMPTY"),
        (["pretrain", "cpu", "--run-dir", "RUN", "--data.types", "hazze"], "did you mean 'haze'"),
        (["finetune", "cpu", "--run-dir", "RUN", "--init", "nowhere"], "nowhere: no such file or folder of weights"),
        (["finetune", "cpu", "--run-dir", "RUN", "--init", "EMPTY"], "no weights here"),
        (["evaluate", "--weights", "nowhere", "--out", "OUT"], "nowhere: no such file or folder of weights"),
        (["evaluate", "--weights", "nowhere", "--out", "OUT", "--protocol", "6d"], "no protocol is called '6d'"),
        (["demo", "--preset", "tiny", "--out", "OUT"], "--preset"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(command, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    (tmp_path / "EMPTY").mkdir()
    code, _, err = command(*words)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("error: ")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["EMPTY"]


def test_an_unknown_key_in_a_recipe_names_the_nearest(command, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[train]\nstepz = 3\n")
    code, _, err = command("pretrain", str(recipe), "--run-dir", str(tmp_path / "run"))
    assert code == 2
    assert err.strip() == f"error: {recipe}: no setting is called 'train.stepz'; did you mean 'steps'?"
