"""Window attention of SwinIR."""

import pytest
import torch

from maskdcpt.backbones.swinir import WindowAttention
from maskdcpt.masking import EVERYTHING, GatheredView, VisibleMask, ZeroedView

WINDOW, HEADS, CHANNELS = 4, 2, 6


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(module: WindowAttention, x: torch.Tensor, visible: torch.Tensor, shift: int) -> torch.Tensor:
    """One position after the other: it attends to the visible positions of its own window, which wrap round."""
    height, width = x.shape[-2:]
    q, k, v = module.qkv(x).permute(0, 2, 3, 1).reshape(len(x), height, width, 3, HEADS, -1).unbind(3)
    out = torch.zeros_like(q)
    for n in range(len(x)):
        for y in range(height):
            for z in range(width):
                top, left = (y - shift) % height // WINDOW * WINDOW, (z - shift) % width // WINDOW * WINDOW
                rows = [(top + i + shift) % height for i in range(WINDOW)]
                columns = [(left + i + shift) % width for i in range(WINDOW)]
                seen = [(i, j) for i in rows for j in columns if visible[n, 0, i, j]]
                if not seen:
                    continue
                keys = torch.stack([k[n, i, j] for i, j in seen])  # (L, heads, C / heads)
                values = torch.stack([v[n, i, j] for i, j in seen])
                weights = ((keys * q[n, y, z]).sum(-1) / (CHANNELS // HEADS) ** 0.5).softmax(0)  # (L, heads)
                out[n, y, z] = (weights[..., None] * values).sum(0)
    return module.proj(out.flatten(-2).permute(0, 3, 1, 2))


@pytest.mark.parametrize("shift", [0, WINDOW // 2])
@pytest.mark.parametrize("masked", [False, True])
@torch.no_grad()
def test_positions_attend_to_the_visible_ones_of_their_window(shift, masked):
    module = WindowAttention(CHANNELS, HEADS, WINDOW, shift).double()
    for index, parameter in enumerate(module.parameters()):
        parameter.copy_(random(*parameter.shape, seed=index))
    x = random(2, CHANNELS, 3 * WINDOW, 2 * WINDOW, seed=9)
    mask = VisibleMask.random(2, (3, 2), 0.5 if masked else 0.0, generator=torch.Generator().manual_seed(1))
    visible = mask.at((3 * WINDOW, 2 * WINDOW))
    expected = by_definition(module, x, visible, shift) * visible
    for view in (ZeroedView(mask), GatheredView(mask), *([] if masked else [EVERYTHING])):
        y = view.leave(module(view.enter(x), view))
        assert torch.allclose(y, expected, rtol=1e-10, atol=1e-10)
