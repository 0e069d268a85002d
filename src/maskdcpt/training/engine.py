"""The engine under training: device, number format, and how several processes work on one model.

One process trains on one device. Several, on one machine or on many, are started by ``torchrun``, which tells each of
them its place; nothing in a recipe depends on how many there are.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision, Precision
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from lightning_fabric.strategies.strategy import Strategy
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

from maskdcpt.backbones.stage import Stage
from maskdcpt.devices import find_device
from maskdcpt.training.config import TrainConfig


def launch(config: TrainConfig, *, unused: bool) -> Fabric:
    """Starts the engine.

    Args:
        config: Device, number format and strategy.
        unused: Whether some parameters get no gradient, which processes have to agree on in every step.

    Raises:
        UserError: If the machine lacks the device.
    """
    device = find_device(config.device)
    started_by_torchrun = TorchElasticEnvironment.detect()
    # Named, so that a cluster's variables around a single process are not taken for an order to be many.
    environment: ClusterEnvironment = TorchElasticEnvironment() if started_by_torchrun else LightningEnvironment()
    processes = int(os.environ["WORLD_SIZE"]) if started_by_torchrun else 1
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if started_by_torchrun else 1
    fabric = Fabric(
        accelerator=device.type,
        strategy=_strategy(config, processes, unused) if processes > 1 else "auto",
        devices=here,
        num_nodes=processes // here,
        plugins=[environment, number_format(config, device)],
    )
    fabric.launch()
    return fabric


def leads() -> bool:
    """Whether this process speaks for all that train together; a single one does."""
    return not TorchElasticEnvironment.detect() or os.environ["RANK"] == "0"


def number_format(config: TrainConfig, device: torch.device) -> Precision:
    """In which number format the network computes."""
    if config.precision == "32-true":
        return Precision()
    if config.precision == "bf16-mixed":
        return _Autocast("bf16-mixed", device.type)
    # Small gradients would vanish in half precision, so that the loss is scaled up for them.
    return _Autocast("16-mixed", device.type, torch.amp.GradScaler(device.type))


class _Autocast(MixedPrecision):
    def convert_input(self, data: Any) -> Any:
        # Images stay float32: the network's correction is added to them, and bfloat16 has fewer steps than a pixel of
        # 8 bits.
        return data


def _strategy(config: TrainConfig, processes: int, unused: bool) -> Strategy:
    if config.strategy == "ddp":
        return DDPStrategy(find_unused_parameters=unused, gradient_as_bucket_view=True)
    # All processes hold parts of the same model; none of its layers is divided.
    return ModelParallelStrategy(_shard, data_parallel_size=processes, tensor_parallel_size=1)


def _shard(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    # Parts of a weight can only be cut from contiguous memory; images may stay channels-last.
    nn.utils.convert_conv2d_weight_memory_format(model, torch.contiguous_format)
    # Stages are gathered while they compute; what lies between them belongs to the whole.
    for module in model.modules():
        if isinstance(module, Stage):
            fully_shard(module, mesh=mesh["data_parallel"])
    fully_shard(model, mesh=mesh["data_parallel"])
    return model
