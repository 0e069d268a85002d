"""What several parts are tested with."""

import json
import shutil
import sys
import types
from typing import ClassVar

import pytest
import torch

from maskdcpt import weights as package_weights
from maskdcpt.backbones import NAFNetConfig, create_backbone
from maskdcpt.cli.main import main
from maskdcpt.config import to_dict, to_toml
from maskdcpt.data import DataConfig
from maskdcpt.environment import environment
from maskdcpt.evaluation import Row
from maskdcpt.files import write_rows
from maskdcpt.metrics import extras
from maskdcpt.pretraining import ClassificationDecoder, ClassifierConfig, save_model
from maskdcpt.training import FinetuneConfig, TrainConfig
from maskdcpt.training.validation import ValidationSet, record_validation
from maskdcpt.weights import BUNDLED

CLASSES = ("haze", "rain_streak", "gaussian_noise", "motion_blur", "low_light")


@pytest.fixture
def command(capsys):
    """Runs ``maskdcpt`` in this process: words to (exit code, standard output, standard error)."""

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def old_instructions():
    """Environment of a process that uses no instructions that not every processor has, nor Intel's library."""
    return {
        # What NumPy 2.4 calls them, and what those before did; it skips the names it does not know.
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX2 FMA3 AVX512F",
        "OPENBLAS_CORETYPE": "Nehalem",
        "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,FMA3,FP16,AVX,SSE4.2,SSE4.1",
        "OPENCV_IPP": "disabled",
        "ATEN_CPU_CAPABILITY": "default",
        "JSIMD_FORCENONE": "1",
    }


def save_untrained(folder, classes):
    """Writes a tiny network with a classifier of these classes; returns the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1])
        channels = [info.channels for info in backbone.feature_info]
        save_model(folder, backbone, ClassificationDecoder(channels, classes, ClassifierConfig(blocks=1)))
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with a tiny network and its classifier, untrained."""
    return save_untrained(tmp_path_factory.mktemp("weights"), CLASSES)


@pytest.fixture(scope="session")
def universal_weights(tmp_path_factory):
    """As ``weights``, with a classifier of all types and of clean images."""
    return save_untrained(tmp_path_factory.mktemp("universal"), DataConfig(clean=0.05).classes)


@pytest.fixture(scope="session")
def stand_in(universal_weights, tmp_path_factory):
    """A folder that stands in for that of the package's weights."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(universal_weights, folder / BUNDLED)
    return folder


@pytest.fixture
def bundled(stand_in, monkeypatch):
    """Makes these the weights of the package, in this process; returns their folder."""
    monkeypatch.setattr(package_weights, "_folder", lambda: stand_in)
    return stand_in / BUNDLED


@pytest.fixture
def inception(monkeypatch):
    """A module with the interface of pytorch_fid.inception; means of 64 columns are the features."""
    module = types.ModuleType("pytorch_fid.inception")

    class InceptionV3(torch.nn.Module):
        BLOCK_INDEX_BY_DIM: ClassVar = {64: 0, 192: 1, 768: 2, 2048: 3}

        def __init__(self, output_blocks=(3,), resize_input=True, normalize_input=True):
            super().__init__()
            assert output_blocks == [3]
            assert resize_input
            assert normalize_input

        def forward(self, inp):
            assert not self.training
            return [torch.nn.functional.adaptive_avg_pool2d(inp, (1, 4)).reshape(1, 12, 1, 1)]

    module.InceptionV3 = InceptionV3
    monkeypatch.setitem(sys.modules, "pytorch_fid", types.ModuleType("pytorch_fid"))
    monkeypatch.setitem(sys.modules, "pytorch_fid.inception", module)
    extras.model.cache_clear()
    yield module
    extras.model.cache_clear()


@pytest.fixture
def make_run(tmp_path):
    """Makes the folder of a run as training leaves it, without training; returns the folder.

    ``psnr`` is that of the restored validation images by step, lower by 2 dB in the second of two types; none of them
    stands for a run without validation.
    """

    def make(name, *, steps=4, planned=None, init=None, lr=1e-3, psnr=None, **measured_on):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        config = FinetuneConfig(
            backbone=NAFNetConfig(width=4, encoder_blocks=(1, 1), middle_blocks=1, decoder_blocks=(1, 1)),
            init=init and str(init),
            train=TrainConfig(steps=planned or steps, lr=lr),
        )
        (folder / "config.toml").write_text(to_toml(config))
        (folder / "environment.json").write_text(json.dumps(environment()))
        rows = [{"step": n, "seconds": 10.0 * n, "lr": lr, "psnr": 20 + n} for n in range(1, steps + 1)]
        write_rows(folder / "metrics.jsonl", rows)
        if psnr is not None:
            standard = {"protocol": "quick", "version": 1, "images": ("a.png", "b.png"), "crop": 24, "sha256": "0" * 64}
            (folder / "validation.json").write_text(json.dumps(to_dict(ValidationSet(**{**standard, **measured_on}))))
            for step, value in psnr.items():
                record_validation(folder, step, _measured(value))
        return folder

    return make


def _measured(psnr):
    return [
        Row("quick v1", arm, image, type_name, f"{type_name}(1)", value - 2 * (type_name == "rain_streak"), 0.5, "")
        for image in ("a.png", "b.png")
        for type_name in ("haze", "rain_streak")
        for arm, value in (("input", 15.0), ("restored", psnr + (image == "b.png")))
    ]
