import pytest

from maskdcpt.backbones import NAFNetConfig
from maskdcpt.data import DataConfig
from maskdcpt.pretraining import ClassifierConfig
from maskdcpt.training import FinetuneConfig, PretrainConfig, TrainConfig
from maskdcpt.training.validation import ValidationConfig

BACKBONE = NAFNetConfig(width=4, encoder_blocks=(1, 1), middle_blocks=1, decoder_blocks=(1, 1))


@pytest.fixture
def images(tmp_path):
    """A folder of five small clean images."""
    from maskdcpt.data.procedural import procedural_image
    from maskdcpt.images import write_image

    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(5):
        write_image(procedural_image(seed, (40, 48)), folder / f"{seed}.png")
    return folder


@pytest.fixture
def train():
    return TrainConfig(steps=6, batch=2, log_every=1, checkpoint_every=2, lr=3e-3, decoder_lr=2e-3, device="cpu")


@pytest.fixture
def pretraining(images, train):
    data = DataConfig(folder=str(images), crop=32, workers=0)
    return PretrainConfig(backbone=BACKBONE, classifier=ClassifierConfig(blocks=1), data=data, train=train)


@pytest.fixture
def finetuning(images, train):
    data = DataConfig(folder=str(images), crop=32, workers=0)
    return FinetuneConfig(backbone=BACKBONE, data=data, train=train, validation=ValidationConfig(protocol="none"))
