"""Restoration networks, each written once for plain and masked use."""

from maskdcpt.backbones.adapt import Adapted, adapt
from maskdcpt.backbones.base import Backbone, FeatureInfo, Features
from maskdcpt.backbones.decay import layer_scales
from maskdcpt.backbones.nafnet import NAFNet, NAFNetConfig
from maskdcpt.backbones.presets import BackboneConfig, build_backbone, create_backbone
from maskdcpt.backbones.weights import load_backbone, save_backbone

__all__ = [
    "Adapted",
    "Backbone",
    "BackboneConfig",
    "FeatureInfo",
    "Features",
    "NAFNet",
    "NAFNetConfig",
    "adapt",
    "build_backbone",
    "create_backbone",
    "layer_scales",
    "load_backbone",
    "save_backbone",
]
