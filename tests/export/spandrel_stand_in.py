"""A package with the part of spandrel's public interface that we use, written from its documentation.

The real one imports torchvision. Names, arguments, defaults and what is promised about calls are those of version 0.4.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F


class ModelTiling(enum.Enum):
    SUPPORTED = 1
    DISCOURAGED = 2
    INTERNAL = 3


@dataclass
class SizeRequirements:
    minimum: int = 0
    multiple_of: int = 1
    square: bool = False


class Architecture(ABC):
    def __init__(self, *, id, detect, name=None):  # noqa: A002 -- spandrel's word
        self.id, self.name, self.detect = id, name or id, detect

    @abstractmethod
    def load(self, state_dict): ...


class ImageModelDescriptor:
    def __init__(
        self,
        model,
        state_dict,
        architecture,
        purpose,
        tags,
        supports_half,
        supports_bfloat16,
        scale,
        input_channels,
        output_channels,
        size_requirements=None,
        tiling=ModelTiling.SUPPORTED,
        call_fn=None,
    ):
        assert purpose in ("SR", "FaceSR", "Restoration")
        assert purpose != "Restoration" or scale == 1
        model.load_state_dict(state_dict)
        self.model, self.architecture, self.purpose, self.tags = model, architecture, purpose, tags
        self.supports_half, self.supports_bfloat16, self.scale = supports_half, supports_bfloat16, scale
        self.input_channels, self.output_channels, self.tiling = input_channels, output_channels, tiling
        self.size_requirements = size_requirements or SizeRequirements()
        self.call = call_fn or (lambda network, image: network(image))

    @torch.inference_mode()
    def __call__(self, image):
        height, width = image.shape[-2:]
        multiple = self.size_requirements.multiple_of
        padded = F.pad(image, (0, -width % multiple, 0, -height % multiple), mode="reflect")
        return self.call(self.model.eval(), padded).clamp_(0, 1)[..., :height, :width]


@dataclass(frozen=True)
class ArchSupport:
    architecture: Architecture
    detect: object
    before: tuple = ()

    @staticmethod
    def from_architecture(arch, before=()):
        return ArchSupport(arch, arch.detect, before)


class ArchRegistry:
    def __init__(self):
        self.entries = {}

    def __contains__(self, id):  # noqa: A002 -- spandrel's word
        return id in self.entries

    def add(self, *architectures):
        for entry in architectures:
            if entry.architecture.id in self.entries:
                raise ValueError(f"Duplicate architecture: {entry.architecture.id}")
            self.entries[entry.architecture.id] = entry

    def load(self, state_dict):
        for entry in self.entries.values():
            if entry.detect(state_dict):
                return entry.architecture.load(state_dict)
        raise LookupError("unsupported")


MAIN_REGISTRY = ArchRegistry()
