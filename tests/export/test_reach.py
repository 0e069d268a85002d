"""What lies further away than the reach decides about nothing, and what lies nearer may."""

import pytest
import torch
from export_helpers import TINY, make_network
from torch import nn

from maskdcpt.backbones import create_backbone
from maskdcpt.inference.tiling import outline


def local_only(network: nn.Module) -> nn.Module:
    """Makes what is averaged over the image count for nothing, so that only what is near decides."""
    for name, parameter in network.named_parameters():
        if ".sca." in name or name.endswith(("temperature", "linear_layer.weight")):
            parameter.data.zero_()
        if ".sca." in name and name.endswith("bias"):
            parameter.data.fill_(1.0)
    return network.double()


def measured(network: nn.Module, position: int, width: int) -> int:
    """The greatest distance from a column of the output to one of the input that its gradient reaches."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 2 * network.stride, width, dtype=torch.float64, generator=generator).requires_grad_()
    network(x)[..., position].sum().backward()
    columns = x.grad.abs().amax((0, 1, 2)).nonzero().flatten()
    return (columns - position).abs().max().item()


@pytest.mark.parametrize("family", TINY)
def test_nothing_beyond_it_decides(family):
    network = local_only(make_network(family))
    limit = outline(network).whole_reach
    width = 2 * (limit + 2 * network.stride) // network.stride * network.stride
    middle = width // 2
    found = max(measured(network, middle + offset, width) for offset in range(network.stride))
    # PromptIR's prompts reach 6 pixels beside the way through the network, and are counted as if they lay on it.
    beside = {"promptir": 6}.get(family, 0)
    assert limit - beside - network.stride < found <= limit - beside


def test_only_windows_see_no_whole_image():
    assert {family: outline(make_network(family)).sums for family in TINY} == {
        "nafnet": True,
        "promptir": True,
        "restormer": True,
        "swinir": False,
    }


def test_the_published_networks_reach_as_far_as_counted_by_hand():
    # NAFNet: two convolutions at the ends, blocks 1-1-1-28 down, one at a sixteenth, 1-1-1-1 up, a square of 16.
    assert (
        outline(create_backbone("nafnet", width=2)).whole_reach == 2 + (1 + 2 + 4 + 28 * 8) + 16 + (8 + 4 + 2 + 1) + 15
    )
