"""What a training run promises, seen from inside one process."""

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from maskdcpt.backbones import load_backbone
from maskdcpt.backbones.checkpoints import checkpoints
from maskdcpt.config import from_dict, read_toml
from maskdcpt.data import DataConfig, SourceConfig
from maskdcpt.errors import Preempted, UserError
from maskdcpt.files import read_rows
from maskdcpt.pretraining import load_model, save_model
from maskdcpt.training import PretrainConfig, RestorationLossConfig, finetune, pretrain, read_metrics
from maskdcpt.training.checkpoint import load_state, newest_checkpoint, save_checkpoint

MEASURED = {"seconds", "samples_per_second", "data_wait", "memory_gib"}
"""Of a row of the log what no two runs share."""


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def interrupt_after(monkeypatch, module, batches):
    """Makes the data of the next run end in an interruption."""
    whole = module.training_batches

    def cut(*args, **kwargs):
        yield from islice(whole(*args, **kwargs), batches)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "training_batches", cut)


@pytest.fixture
def start_module():
    return sys.modules["maskdcpt.training.start"]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_asked_to_stop_while_it_waits_for_data_it_saves_and_ends(
    pretraining, tmp_path, monkeypatch, start_module, before
):
    whole = start_module.training_batches

    def stalled(*args, **kwargs):
        yield from islice(whole(*args, **kwargs), before)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        raise AssertionError("nothing has ended the wait")

    expected = pretrain(pretraining, tmp_path / "expected")
    with monkeypatch.context() as patched:
        patched.setattr(start_module, "training_batches", stalled)
        with pytest.raises(Preempted, match=f"asked to stop after step {before}; the same command goes on"):
            pretrain(pretraining, tmp_path / "run")
    assert len(checkpoints(tmp_path / "run")) == (1 if before else 0)
    assert same(weights(pretrain(pretraining, tmp_path / "run")), weights(expected))


def test_pretraining_ends_with_weights_that_load_plain(pretraining, tmp_path):
    folder = pretrain(pretraining, tmp_path / "run")
    backbone, classifier = load_model(folder)
    assert classifier.classes == pretraining.data.types
    assert backbone.config == pretraining.backbone
    assert same(load_backbone(tmp_path / "run").state_dict(), backbone.state_dict())
    x = torch.rand(1, 3, 20, 20)
    assert backbone(x).shape == x.shape


def test_the_run_folder_holds_what_is_promised(pretraining, tmp_path):
    pretrain(pretraining, tmp_path / "run")
    rows = read_metrics(tmp_path / "run")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        assert row["loss"] == pytest.approx(row["reconstruction"] + row["classification"], rel=1e-5)
        assert 0 <= row["accuracy"] <= 1
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__
    assert [path.name for path in checkpoints(tmp_path / "run")] == ["step-00000004", "step-00000006"]


def test_tensorboard_shows_the_logged_values(pretraining, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    pretrain(pretraining, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    shown = [(event.step, event.value) for event in events.Scalars("reconstruction")]
    logged = [(row["step"], row["reconstruction"]) for row in read_metrics(tmp_path / "run")]
    assert shown == [(step, pytest.approx(value)) for step, value in logged]


def test_alpha_weighs_the_reconstruction(pretraining, tmp_path):
    config = dataclasses.replace(pretraining, loss=dataclasses.replace(pretraining.loss, alpha=3.0))
    pretrain(config, tmp_path / "run")
    row = read_metrics(tmp_path / "run")[0]
    assert row["loss"] == pytest.approx(3 * row["reconstruction"] + row["classification"], rel=1e-5)


@pytest.mark.parametrize("batches", [0, 1, 3, 4, 5])
def test_an_interrupted_run_resumes_to_the_very_same_weights(pretraining, tmp_path, monkeypatch, start_module, batches):
    expected = pretrain(pretraining, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(patch, start_module, batches)
        with pytest.raises(KeyboardInterrupt):
            pretrain(pretraining, tmp_path / "run")
    resumed = pretrain(pretraining, tmp_path / "run")
    for name in ("model.safetensors", "classifier.safetensors", "config.json"):
        assert (resumed / name).read_bytes() == (expected / name).read_bytes(), name
    first, second = (load_state(folder) for folder in (expected, resumed))
    assert same(first["model"], second["model"])
    assert first["optimizer"].keys() == second["optimizer"].keys()
    assert all(same(first["optimizer"][name], second["optimizer"][name]) for name in first["optimizer"])
    without_time = [
        [{key: value for key, value in row.items() if key not in MEASURED} for row in read_metrics(tmp_path / run)]
        for run in ("whole", "run")
    ]
    assert without_time[0] == without_time[1]


def test_a_finished_run_is_left_alone(pretraining, tmp_path):
    first = pretrain(pretraining, tmp_path / "run")
    stamp = (first / "model.safetensors").stat().st_mtime_ns
    assert pretrain(pretraining, tmp_path / "run") == first
    assert (first / "model.safetensors").stat().st_mtime_ns == stamp


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_nothing(pretraining, tmp_path, workers):
    more = dataclasses.replace(pretraining, data=dataclasses.replace(pretraining.data, workers=workers))
    assert same(weights(pretrain(pretraining, tmp_path / "none")), weights(pretrain(more, tmp_path / "more")))


def test_the_seed_changes_everything_and_global_state_nothing(pretraining, tmp_path):
    torch.manual_seed(1)
    first = weights(pretrain(pretraining, tmp_path / "a"))
    torch.manual_seed(2)
    again = weights(pretrain(pretraining, tmp_path / "b"))
    train = dataclasses.replace(pretraining.train, seed=1)
    other = weights(pretrain(dataclasses.replace(pretraining, train=train), tmp_path / "c"))
    assert same(first, again)
    assert not any(torch.equal(first[key], other[key]) for key in first if key.endswith("conv1.weight"))


def test_finetuning_starts_from_the_pretrained_weights(pretraining, finetuning, tmp_path):
    start = pretrain(pretraining, tmp_path / "pretrain")
    barely = dataclasses.replace(finetuning.train, lr=1e-12, decoder_lr=1e-12, steps=1)
    tuned = finetune(dataclasses.replace(finetuning, init=str(tmp_path / "pretrain"), train=barely), tmp_path / "run")
    before, after = weights(start), weights(tuned)
    assert all(torch.allclose(before[key], after[key], atol=1e-9) for key in before)


def test_the_classifier_follows_without_touching_the_restoration(pretraining, finetuning, tmp_path):
    start = pretrain(pretraining, tmp_path / "pretrain")
    config = dataclasses.replace(finetuning, init=str(start))
    with_classifier = finetune(config, tmp_path / "with")
    save_model(tmp_path, load_model(start)[0], None)
    without = finetune(dataclasses.replace(config, init=str(tmp_path)), tmp_path / "without")
    assert load_model(without)[1] is None
    assert same(weights(with_classifier), weights(without))
    followed = load_file(with_classifier / "classifier.safetensors")
    assert not same(followed, load_file(start / "classifier.safetensors"))


def test_the_backbone_of_the_weights_wins_over_the_recipe(pretraining, finetuning, tmp_path):
    pretrain(pretraining, tmp_path / "pretrain")
    wider = dataclasses.replace(finetuning.backbone, width=8)
    config = dataclasses.replace(finetuning, init=str(tmp_path / "pretrain"), backbone=wider)
    assert load_backbone(finetune(config, tmp_path / "run")).config == pretraining.backbone
    assert "width = 4" in (tmp_path / "run" / "config.toml").read_text()


def test_other_settings_on_the_same_folder_are_refused_with_every_difference(pretraining, tmp_path):
    pretrain(pretraining, tmp_path / "run")
    train = dataclasses.replace(pretraining.train, lr=0.5, steps=3)
    with pytest.raises(UserError, match=r"train.lr was 0.003 and is now 0.5; train.steps was 6 and is now 3"):
        pretrain(dataclasses.replace(pretraining, train=train), tmp_path / "run")


def test_a_run_from_before_a_setting_existed_goes_on(pretraining, tmp_path):
    folder = tmp_path / "run"
    pretrain(pretraining, folder)
    settings = (folder / "config.toml").read_text()
    assert "clean = 0.0\n" in settings
    (folder / "config.toml").write_text(settings.replace("clean = 0.0\n", ""))
    pretrain(pretraining, folder)
    assert (folder / "config.toml").read_text() == settings
    data = dataclasses.replace(pretraining.data, clean=0.5)
    with pytest.raises(UserError, match=r"data.clean was 0.0 and is now 0.5"):
        pretrain(dataclasses.replace(pretraining, data=data), folder)


def test_the_progress_bar_tells_what_is_learned_and_how_much_memory_it_takes(pretraining, tmp_path, capfd):
    pretrain(pretraining, tmp_path / "run")
    said = capfd.readouterr().err
    for part in (
        "6/6",
        "step",
        "loss=",
        "accuracy=",
        f"memory={read_metrics(tmp_path / 'run')[-1]['memory_gib']:.1f}GiB",
    ):
        assert part in said


def test_a_level_learning_rate_lets_a_run_grow(pretraining, tmp_path):
    level = dataclasses.replace(pretraining.train, schedule="constant")
    expected = pretrain(dataclasses.replace(pretraining, train=level), tmp_path / "whole")
    for steps in (3, 6):
        train = dataclasses.replace(level, steps=steps)
        grown = pretrain(dataclasses.replace(pretraining, train=train), tmp_path / "grown")
    assert same(weights(expected), weights(grown))
    assert "steps = 6" in (tmp_path / "grown" / "config.toml").read_text()


def test_a_run_interrupted_as_it_began_can_begin_again(pretraining, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in (".lock", "images.txt", "environment.json", ".writing-123-abc.toml"):
        (run / name).write_text("half")
    pretrain(pretraining, run)
    assert not list(run.glob(".writing-*"))


@pytest.mark.parametrize("kind", ["folder", "clean", "pairs"])
def test_a_run_in_the_images_it_is_trained_on_is_refused(pretraining, images, tmp_path, kind):
    data = {
        "folder": pretraining.data,
        "clean": DataConfig(folder=str(tmp_path), sources=(SourceConfig(kind="clean", folder="images"),)),
        "pairs": DataConfig(
            folder=str(tmp_path),
            sources=(SourceConfig(kind="pairs", folder=".", clean="images", degraded="images", type="haze"),),
            types=("haze",),
        ),
    }[kind]
    with pytest.raises(UserError, match=r"lies in the images to train on, .*images; name a --run-dir elsewhere"):
        pretrain(dataclasses.replace(pretraining, data=data), images / "run")
    assert not (images / "run").exists()


def test_a_run_is_no_folder_of_images(pretraining, tmp_path):
    pretrain(pretraining, tmp_path / "run")
    other = dataclasses.replace(pretraining, data=dataclasses.replace(pretraining.data, folder=str(tmp_path / "run")))
    with pytest.raises(UserError, match="run: the folder of a training run; a folder of images to train on is needed"):
        pretrain(other, tmp_path / "other")


def test_other_images_than_the_run_began_with_are_refused(pretraining, images, tmp_path):
    pretrain(pretraining, tmp_path / "run")
    (images / "0.png").rename(images / "9.png")
    with pytest.raises(UserError, match=r"training images have changed .*1 added, 1 gone"):
        pretrain(pretraining, tmp_path / "run")


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b", "a\x0bb", os.fsdecode(b"\xe9t\xe9")])
def test_images_may_be_called_anything(pretraining, images, tmp_path, name):
    (images / "4.png").rename(images / f"{name}.png")
    first = pretrain(pretraining, tmp_path / "run")
    assert pretrain(pretraining, tmp_path / "run") == first
    (images / f"{name}.png").unlink()
    with pytest.raises(UserError, match=r"training images have changed .*0 added, 1 gone"):
        pretrain(pretraining, tmp_path / "run")


def test_a_run_may_resume_with_another_number_of_workers(pretraining, tmp_path):
    first = pretrain(pretraining, tmp_path / "run")
    more = dataclasses.replace(pretraining, data=dataclasses.replace(pretraining.data, workers=2))
    assert pretrain(more, tmp_path / "run") == first


@pytest.mark.parametrize(
    "harm", ["cut", "one bit", "gone", "weights", "sums", "no sums", "words for sums", "zeros for sums"]
)
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(pretraining, tmp_path, capfd, harm):
    newest = pretrain(pretraining, tmp_path / "run")
    expected = (newest / "model.safetensors").read_bytes()
    rows = read_metrics(tmp_path / "run")
    file = newest / ("SHA256SUMS" if "sums" in harm else "model.safetensors" if harm == "weights" else "state.pt")
    data = bytearray(file.read_bytes())
    if harm in ("gone", "no sums"):
        file.unlink()
    elif harm == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif harm == "words for sums":
        file.write_text("no sum\n")
    elif harm == "zeros for sums":
        file.write_bytes(bytes(len(data)))
    else:
        data[len(data) // 3] ^= 1
        file.write_bytes(data)
    again = pretrain(pretraining, tmp_path / "run")
    assert again == newest
    assert (again / "model.safetensors").read_bytes() == expected
    problem = "missing" if harm in ("gone", "no sums") else "damaged"
    said = [line for line in capfd.readouterr().err.splitlines() if "going on from the checkpoint before" in line]
    assert len(said) == 1
    assert problem in said[0]
    assert str(newest) in said[0]
    restarts = read_rows(tmp_path / "run" / "restarts.jsonl")
    assert [(row["step"], len(row["damaged"])) for row in restarts] == [(4, 1)]
    assert [row["step"] for row in read_metrics(tmp_path / "run")] == [row["step"] for row in rows]


def test_rows_that_were_cut_off_do_not_keep_a_run_from_going_on(
    pretraining, images, tmp_path, monkeypatch, start_module
):
    (images / "2.png").write_bytes(b"this is text")
    config = dataclasses.replace(pretraining, train=dataclasses.replace(pretraining.train, batch=8))
    whole, run = pretrain(config, tmp_path / "whole"), tmp_path / "run"
    replaced = read_rows(tmp_path / "whole" / "quarantine.jsonl")
    assert {row["step"] > 2 for row in replaced} == {True, False}
    with monkeypatch.context() as patched:
        interrupt_after(patched, start_module, 2)
        with pytest.raises(KeyboardInterrupt):
            pretrain(config, run)
    assert [row["step"] for row in read_metrics(run)] == [1, 2]  # as of the checkpoint: no row is to be dropped
    for name in ("metrics", "quarantine", "restarts"):
        with (run / f"{name}.jsonl").open("a") as file:
            file.write('{"step": 3, "s')
    for _ in range(2):
        assert same(weights(pretrain(config, run)), weights(whole))
        assert [row["step"] for row in read_metrics(run)] == [1, 2, 3, 4, 5, 6]
        assert read_rows(run / "quarantine.jsonl") == replaced
        assert [row["step"] for row in read_rows(run / "restarts.jsonl")] == [2]


def test_what_a_run_repeats_is_forgotten_before_it_goes_on(pretraining, tmp_path, monkeypatch, start_module):
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        interrupt_after(patched, start_module, 3)
        with pytest.raises(KeyboardInterrupt):
            pretrain(pretraining, run)
    assert [row["step"] for row in read_metrics(run)] == [1, 2, 3]
    seen, batches = [], start_module.training_batches

    def looking(*args, **kwargs):
        # The processes agree for the last time before they ask for data; what they add from here on has to stay.
        seen.append([row["step"] for row in read_metrics(run)])
        return batches(*args, **kwargs)

    monkeypatch.setattr(start_module, "training_batches", looking)
    pretrain(pretraining, run)
    assert seen == [[1, 2]]


def test_a_run_without_a_sound_checkpoint_begins_anew_and_says_so(pretraining, tmp_path, capfd):
    newest = pretrain(pretraining, tmp_path / "run")
    expected = (newest / "model.safetensors").read_bytes()
    for state in newest.parent.glob("*/state.pt"):
        state.write_bytes(b"")
    assert (pretrain(pretraining, tmp_path / "run") / "model.safetensors").read_bytes() == expected
    said = [line for line in capfd.readouterr().err.splitlines() if "state.pt is damaged" in line]
    assert [line.partition("; ")[2] for line in said] == [
        "going on from the checkpoint before",
        "none is left, training begins anew",
    ]


def test_a_checkpoint_below_damaged_ones_stays_and_they_go(pretraining, tmp_path):
    newest = pretrain(pretraining, tmp_path / "run")
    model = SimpleNamespace(**dict(zip(("backbone", "classifier"), load_model(newest), strict=True)))
    for state in newest.parent.glob("*/state.pt"):
        state.write_bytes(b"")
    made = save_checkpoint(tmp_path / "run", 1, model, {"step": 1})
    assert checkpoints(tmp_path / "run") == [made]
    assert newest_checkpoint(tmp_path / "run") == made


def test_weights_that_are_not_those_of_training_are_refused(pretraining, tmp_path):
    newest = pretrain(pretraining, tmp_path / "run")
    assert load_backbone(tmp_path / "run").config == load_backbone(newest).config
    file = newest / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1  # a number changes, and the file is read as before
    file.write_bytes(data)
    for place in (tmp_path / "run", newest, file):
        with pytest.raises(UserError, match=r"step-00000006: model.safetensors is damaged; expected what"):
            load_backbone(place)
    file.write_bytes(bytes(data[:-3]) + bytes([data[-3] ^ 1]) + bytes(data[-2:]))
    names = newest / "classifier.safetensors"
    good = names.read_bytes()
    names.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(UserError, match=r"classifier.safetensors is damaged"):
        load_model(tmp_path / "run")
    names.write_bytes(good)
    (newest / "state.pt").unlink()
    file.write_bytes(bytes(data[:-3]) + bytes([data[-3] ^ 1]) + bytes(data[-2:]))
    load_backbone(tmp_path / "run")  # what training goes on from is not needed to restore


def test_the_sums_of_a_checkpoint_are_those_that_other_tools_read(pretraining, tmp_path):
    newest = pretrain(pretraining, tmp_path / "run")
    names = {line.split("  ")[1] for line in (newest / "SHA256SUMS").read_text().splitlines()}
    assert names == {path.name for path in newest.iterdir()} - {"SHA256SUMS"}
    for line in (newest / "SHA256SUMS").read_text().splitlines():
        expected, name = line.split("  ")
        assert hashlib.sha256((newest / name).read_bytes()).hexdigest() == expected


def test_a_checkpoint_says_how_it_was_trained(pretraining, tmp_path):
    newest = pretrain(pretraining, tmp_path / "run")
    assert from_dict(PretrainConfig, read_toml(newest / "config.toml"), where="test") == pretraining


def test_finetuning_resumes_without_the_weights_it_began_with(pretraining, finetuning, tmp_path):
    start = pretrain(pretraining, tmp_path / "pretrain")
    config = dataclasses.replace(finetuning, init=str(start))
    first = finetune(config, tmp_path / "run")
    shutil.rmtree(start)
    assert finetune(config, tmp_path / "run") == first


def test_pretraining_and_finetuning_never_show_the_same_samples(
    pretraining, finetuning, tmp_path, monkeypatch, start_module
):
    seeds = []
    whole = start_module.training_batches
    monkeypatch.setattr(
        start_module,
        "training_batches",
        lambda *args, **kwargs: seeds.append(kwargs["seed"]) or whole(*args, **kwargs),
    )
    pretrain(pretraining, tmp_path / "a")
    finetune(finetuning, tmp_path / "b")
    assert len(seeds) == len(set(seeds)) == 2


def test_folders_that_are_no_run_are_refused(pretraining, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="not empty and not a run"):
        pretrain(pretraining, tmp_path / "photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["holiday.jpg"]
    with pytest.raises(UserError, match="this is a file"):
        pretrain(pretraining, tmp_path / "photos" / "holiday.jpg")


def test_other_types_than_the_classifier_knows_are_refused(pretraining, finetuning, tmp_path):
    pretrain(pretraining, tmp_path / "pretrain")
    fewer = dataclasses.replace(finetuning.data, types=("haze", "low_light"))
    with pytest.raises(UserError, match="its classifier knows noise"):
        finetune(dataclasses.replace(finetuning, init=str(tmp_path / "pretrain"), data=fewer), tmp_path / "run")


def test_settings_of_the_loss_that_nothing_would_read_are_refused(pretraining, finetuning, tmp_path):
    with pytest.raises(UserError, match=r"loss\.floor belongs to the loss 'psnr', and loss\.name is 'l1'"):
        RestorationLossConfig(floor=1e-3)
    named = dataclasses.replace(finetuning, loss=RestorationLossConfig(naming=0.1))
    with pytest.raises(UserError, match=r"loss\.naming needs a classifier"):
        finetune(named, tmp_path / "scratch")
    data = dataclasses.replace(finetuning.data, types=("haze", "low_light"))
    weights = str(pretrain(dataclasses.replace(pretraining, data=data), tmp_path / "pretrained"))
    with pytest.raises(UserError, match=r"loss\.naming needs a classifier"):
        finetune(dataclasses.replace(named, init=weights, keep_classifier=False), tmp_path / "dropped")
    several = dataclasses.replace(finetuning, init=weights, data=dataclasses.replace(data, labels="multi"))
    with pytest.raises(UserError, match=r"names one type of an image, and data\.labels is 'multi'"):
        finetune(several, tmp_path / "several")


def test_a_broken_image_is_named_in_one_line(pretraining, images, tmp_path):
    for path in images.iterdir():
        path.write_bytes(b"this is text")
    for workers in (0, 1):
        data = dataclasses.replace(pretraining.data, workers=workers)
        with pytest.raises(UserError, match=r"images/\d\.png") as caught:
            pretrain(dataclasses.replace(pretraining, data=data), tmp_path / f"run-{workers}")
        assert "\n" not in str(caught.value)


def test_a_crop_that_is_no_whole_number_of_patches_is_refused(pretraining, tmp_path):
    mask = dataclasses.replace(pretraining.mask, patch=12)
    with pytest.raises(UserError, match="whole number of patches"):
        pretrain(dataclasses.replace(pretraining, mask=mask), tmp_path / "run")
    mask = dataclasses.replace(pretraining.mask, patch=2)
    with pytest.raises(UserError, match="multiple of 4, the stride of network and classifier"):
        pretrain(dataclasses.replace(pretraining, mask=mask), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_loss_is_the_one_that_is_named(finetuning, tmp_path):
    rows = {}
    for name in ("l1", "psnr"):
        config = dataclasses.replace(finetuning, loss=RestorationLossConfig(name=name))
        finetune(config, tmp_path / name)
        rows[name] = read_metrics(tmp_path / name)
    # One start and one sample: only what is minimised differs.
    assert rows["l1"][0]["psnr"] == rows["psnr"][0]["psnr"]
    assert 0 < rows["l1"][0]["restoration"] < 1
    assert all(row["restoration"] == -row["psnr"] for row in rows["psnr"])
    assert rows["l1"][-1]["psnr"] != rows["psnr"][-1]["psnr"]


def test_a_learned_network_beats_its_input(finetuning, tmp_path):
    # A few dozen steps on noise and low light must already lower the training loss clearly.
    config = dataclasses.replace(
        finetuning,
        data=dataclasses.replace(finetuning.data, types=("low_light",)),
        train=dataclasses.replace(finetuning.train, steps=80, batch=4, lr=1e-2, checkpoint_every=80),
    )
    finetune(config, tmp_path / "run")
    rows = [row["restoration"] for row in read_metrics(tmp_path / "run")]
    assert sum(rows[-10:]) < 0.7 * sum(rows[:10])
