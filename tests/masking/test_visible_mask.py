import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.errors import UserError
from maskdcpt.masking import LayerNorm2d, VisibleMask, VisibleMean, hide


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    batch=st.integers(1, 5),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    ratio=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**31),
)
def test_every_image_keeps_the_same_share_of_patches(batch, rows, columns, ratio, seed):
    mask = VisibleMask.random(batch, (rows, columns), ratio, generator=seeded(seed))
    expected = max(1, round(rows * columns * (1 - ratio)))
    assert mask.visible.flatten(1).sum(1).tolist() == [expected] * batch


def test_a_mask_is_decided_by_its_generator_alone():
    torch.manual_seed(1)
    first = VisibleMask.random(4, (6, 5), generator=seeded(7)).visible
    torch.manual_seed(2)
    again = VisibleMask.random(4, (6, 5), generator=seeded(7)).visible
    other = VisibleMask.random(4, (6, 5), generator=seeded(8)).visible
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_images_of_a_batch_are_masked_independently_and_every_patch_equally_often():
    visible = VisibleMask.random(4000, (4, 4), 0.75, generator=seeded()).visible.float()
    assert not torch.equal(visible[0], visible[1])
    share = visible.mean(0)
    # 4 of 16 visible; the standard error over 4000 draws is 0.0068.
    assert (share - 0.25).abs().max() < 0.035


def test_at_repeats_each_cell():
    mask = VisibleMask(torch.tensor([[[[True, False], [False, True]]]]))
    expected = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=torch.bool)
    assert torch.equal(mask.at((4, 4))[0, 0], expected)
    with pytest.raises(UserError, match="does not divide"):
        mask.at((3, 4))


@pytest.mark.parametrize(
    ("size", "grid", "stride", "patch"),
    [((64, 96), (4, 6), 16, 16), ((64, 96), (2, 3), 16, 32), ((70, 33), (5, 3), 16, 16), ((128, 96), (2, 2), 16, 64)],
)
def test_patch_size_is_read_from_image_and_grid(size, grid, stride, patch):
    mask = VisibleMask.random(1, grid, 0.0, generator=seeded())
    assert mask.patch_size(size, stride) == patch


def test_a_patch_below_the_stride_is_refused_naming_the_stride():
    mask = VisibleMask.random(1, (8, 8), 0.0, generator=seeded())
    with pytest.raises(UserError, match="stride 16"):
        mask.patch_size((64, 64), 16)


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 1.5, float("nan")])
def test_ratios_out_of_range_are_refused(ratio):
    with pytest.raises(UserError, match=r"\[0, 1\)"):
        VisibleMask.random(1, (4, 4), ratio, generator=seeded())


@pytest.mark.parametrize(
    "visible",
    [torch.ones(1, 1, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool), torch.zeros(1, 1, 2, 2, dtype=torch.bool)],
)
def test_tensors_that_are_no_mask_are_refused(visible):
    with pytest.raises(UserError):
        VisibleMask(visible)


def test_hide_clears_whatever_stood_there():
    mask = VisibleMask(torch.tensor([[[[True, False]]]]))
    x = torch.tensor([[[[1.0, float("nan")], [2.0, float("inf")]]]])
    assert torch.equal(hide(x, mask), torch.tensor([[[[1.0, 0.0], [2.0, 0.0]]]]))
    assert hide(x, None) is x


def test_layer_norm_follows_its_equation_and_leaves_hidden_positions_zero():
    norm = LayerNorm2d(6)
    torch.nn.init.normal_(norm.weight, generator=seeded(1))
    torch.nn.init.normal_(norm.bias, generator=seeded(2))
    x = torch.randn(2, 6, 8, 8, generator=seeded(3))
    mask = VisibleMask.random(2, (4, 4), generator=seeded(4))
    wide = x.double()
    expected = (wide - wide.mean(1, keepdim=True)) / (wide.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    expected = expected * norm.weight[:, None, None].double() + norm.bias[:, None, None].double()
    assert torch.allclose(norm(x).double(), expected, atol=1e-5)
    assert torch.allclose(norm(x, mask).double(), expected * mask.at((8, 8)), atol=1e-5)
    assert norm(x, mask)[~mask.at((8, 8)).expand_as(x)].abs().max() == 0


def test_visible_mean_averages_visible_positions_only():
    x = torch.randn(3, 5, 8, 8, generator=seeded(3))
    mask = VisibleMask.random(3, (4, 4), 0.6, generator=seeded(4))
    visible = mask.at((8, 8))
    for image, seen, mean in zip(x, visible, VisibleMean()(x, mask), strict=True):
        assert torch.allclose(mean.flatten(), image[:, seen[0]].mean(1), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_masked_norm_works_under_autocast(dtype):
    norm = LayerNorm2d(6)
    x = torch.randn(1, 6, 4, 4, generator=seeded(3))
    mask = VisibleMask.random(1, (2, 2), generator=seeded(4))
    with torch.autocast("cpu", dtype):
        y = norm(torch.nn.Conv2d(6, 6, 1)(x), mask)
    assert torch.isfinite(y).all()
    assert y[~mask.at((4, 4)).expand_as(y)].abs().max() == 0
