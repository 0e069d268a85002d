"""Tiny networks of every family with every parameter far from zero."""

import torch

from maskdcpt.backbones import create_backbone
from maskdcpt.pretraining import ClassificationDecoder, ClassifierConfig, classifier_channels

# Smaller than what other tests take: recording and running a graph takes time for every block.
TINY = {
    "nafnet": {"width": 4, "encoder_blocks": (1, 1), "middle_blocks": 1, "decoder_blocks": (1, 1)},
    "promptir": {
        "width": 4,
        "blocks": (0, 0, 0),
        "heads": (1, 2, 2),
        "refinement_blocks": 0,
        "prompt_channels": (4, 4),
        "prompt_sizes": (6, 3),
        "prompt_components": 2,
        "prompt_heads": 2,
    },
    "restormer": {"width": 4, "blocks": (1, 1), "heads": (1, 2), "refinement_blocks": 1},
    "swinir": {"width": 8, "encoder_blocks": (2,), "decoder_blocks": (1,), "heads": 2, "window": 4},
}
TYPES = ("haze", "rain_streak", "low_light")


def make_network(family):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_backbone(family, **TINY[family])
        for parameter in network.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def make_classifier(network, features="latter-half", multi_label=False):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = ClassifierConfig(blocks=1, features=features)
        return ClassificationDecoder(
            classifier_channels(network, features), TYPES, config, multi_label=multi_label
        ).eval()
