"""What several parts are tested with."""

import pytest
import torch

from maskdcpt.backbones import create_backbone
from maskdcpt.pretraining import ClassificationDecoder, ClassifierConfig, save_model

CLASSES = ("haze", "rain_streak", "gaussian_noise", "motion_blur", "low_light")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with a tiny network and its classifier, untrained."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1])
        channels = [info.channels for info in backbone.feature_info]
        save_model(folder, backbone, ClassificationDecoder(channels, CLASSES, ClassifierConfig(blocks=1)))
    return folder
