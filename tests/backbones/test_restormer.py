"""Channel attention of Restormer and PromptIR."""

import pytest
import torch
import torch.nn.functional as F

from maskdcpt.backbones import create_backbone
from maskdcpt.backbones.restormer import ChannelAttention
from maskdcpt.errors import UserError


def attention(heads: int) -> ChannelAttention:
    module = ChannelAttention(8, heads, bias=True).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return module


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_channel_attention_follows_its_equation(heads):
    module = attention(heads)
    x = torch.randn(3, 8, 5, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    q, k, v = module.qkv_dwconv(module.qkv(x)).flatten(2).chunk(3, 1)  # (N, C, H W)
    heads_out = []
    for index in range(heads):
        own = slice(index * 8 // heads, (index + 1) * 8 // heads)
        similarity = F.normalize(q[:, own], dim=-1) @ F.normalize(k[:, own], dim=-1).mT
        heads_out.append((similarity * module.temperature[index]).softmax(-1) @ v[:, own])
    expected = module.project_out(torch.cat(heads_out, 1).reshape(x.shape))
    assert torch.allclose(module(x), expected, rtol=1e-10, atol=1e-10)


def test_a_dead_channel_has_finite_gradients():
    module = attention(2)
    with torch.no_grad():
        module.qkv_dwconv.weight[[0, 9]] = 0
        module.qkv_dwconv.bias[[0, 9]] = 0
    module(torch.rand(1, 8, 4, 4, dtype=torch.float64)).square().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
@torch.no_grad()
def test_half_precision_holds_the_sums_over_a_large_image(scale, dtype):
    module = attention(2).float()
    x = scale * torch.randn(1, 8, 128, 128, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype):
        y = module(x)
    expected = module(x)
    assert (y - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("expansion", [0.01, -1.0, 1e308, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["restormer", "promptir"])
def test_an_expansion_that_no_network_can_have_is_refused(name, expansion):
    with pytest.raises(UserError, match=rf"^{name}: "):
        create_backbone(name, expansion=expansion)
