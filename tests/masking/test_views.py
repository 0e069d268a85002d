"""Both views of a masked image follow the definitions, and one another."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from maskdcpt.errors import UserError
from maskdcpt.masking import EVERYTHING, GatheredView, LayerNorm2d, VisibleMask, ZeroedView, view_of

VIEWS = [ZeroedView, GatheredView]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def mask_of(images: int, grid: tuple[int, int], ratio: float = 0.5, seed: int = 4) -> VisibleMask:
    return VisibleMask.random(images, grid, ratio, generator=seeded(seed))


@given(
    images=st.integers(1, 3),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    side=st.integers(1, 4),
    ratio=st.sampled_from([0.0, 0.3, 0.5, 0.8]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None)
def test_what_enters_leaves_as_it_was_with_hidden_positions_at_zero(images, rows, columns, side, ratio, seed):
    mask = mask_of(images, (rows, columns), ratio, seed)
    x = random(images, 5, rows * side, columns * side)
    expected = x * mask.at((rows * side, columns * side))
    for kind in VIEWS:
        view = kind(mask)
        assert torch.equal(view.leave(view.enter(x)), expected)
        assert view.size(view.enter(x)) == (rows * side, columns * side)


def test_patches_stand_one_under_another_in_the_order_of_reading():
    mask = VisibleMask(torch.tensor([[[[True, False], [False, True]]], [[[False, True], [True, False]]]]))
    x = torch.arange(32.0).reshape(2, 1, 4, 4)
    tall = GatheredView(mask).enter(x)
    assert tall[0, 0].tolist() == [[0, 1], [4, 5], [10, 11], [14, 15]]
    assert tall[1, 0].tolist() == [[18, 19], [22, 23], [24, 25], [28, 29]]


@given(
    side=st.integers(1, 5),
    kernel=st.sampled_from([1, 3, 5]),
    layout=st.sampled_from([(6, 4, 1), (6, 6, 6), (6, 4, 2), (4, 8, 4)]),
    bias=st.booleans(),
    ratio=st.sampled_from([0.0, 0.4, 0.75]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None)
def test_convolution_and_its_gradients_are_those_of_the_image_without_hidden_positions(
    side, kernel, layout, bias, ratio, seed
):
    inputs, outputs, groups = layout
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=bias).double()
    for index, parameter in enumerate(convolution.parameters()):
        parameter.data = random(*parameter.shape, seed=index)
    mask = mask_of(2, (3, 4), ratio, seed)
    visible = mask.at((3 * side, 4 * side))
    x = random(2, inputs, 3 * side, 4 * side).requires_grad_()
    weight = random(2, outputs, 3 * side, 4 * side, seed=9)

    def gradients(y: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad((y * weight).sum(), [x, *convolution.parameters()]))

    expected = F.conv2d(x * visible, convolution.weight, convolution.bias, padding=kernel // 2, groups=groups) * visible
    wanted_gradients = gradients(expected)
    for kind in VIEWS:
        view = kind(mask)
        y = view.leave(view.mix(convolution, view.enter(x)))
        assert torch.allclose(y, expected, rtol=1e-10, atol=1e-10)
        for found, wanted in zip(gradients(y), wanted_gradients, strict=True):
            assert torch.allclose(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", VIEWS)
def test_mean_averages_visible_positions_only(kind):
    mask = mask_of(3, (4, 4), 0.6)
    x = random(3, 5, 8, 8)
    view = kind(mask)
    for image, seen, mean in zip(x, mask.at((8, 8)), view.mean(view.enter(x)), strict=True):
        assert torch.allclose(mean.flatten(), image[:, seen[0]].mean(1))


@pytest.mark.parametrize("kind", VIEWS)
def test_hidden_positions_may_hold_anything(kind):
    mask = mask_of(2, (3, 3))
    visible = mask.at((6, 6))
    x = random(2, 4, 6, 6)
    broken = x.masked_fill(~visible, float("nan"))
    view = kind(mask)
    convolution = nn.Conv2d(4, 4, 3, padding=1).double()
    for work in (view.hide, view.mean, lambda y: view.hide(view.mix(convolution, y))):
        assert torch.equal(work(view.enter(broken)), work(view.enter(x)))
    dirty = torch.where(visible, x, float("inf"))
    zeroed = ZeroedView(mask)
    assert torch.equal(zeroed.hide(zeroed.mix(convolution, dirty)), zeroed.hide(zeroed.mix(convolution, x)))
    assert torch.equal(zeroed.mean(dirty), zeroed.mean(x))


def test_the_view_of_a_mask():
    assert view_of(None) is EVERYTHING
    assert isinstance(view_of(mask_of(3, (2, 2))), GatheredView)
    assert view_of(mask_of(3, (2, 2), 0.0)) is EVERYTHING
    uneven = VisibleMask(torch.tensor([[[[True, False]]], [[[True, True]]]]))
    assert isinstance(view_of(uneven), ZeroedView)
    with pytest.raises(UserError, match="as many visible ones in every image"):
        GatheredView(uneven)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_convolution_of_patches_works_under_autocast_as_the_plain_one_does(dtype):
    convolution = nn.Conv2d(6, 6, 3, padding=1)
    x = random(2, 6, 8, 8).float().requires_grad_()
    view = GatheredView(mask_of(2, (4, 4), 0.0))
    results = []
    for work in (convolution, lambda y: view.leave(view.mix(convolution, view.enter(y)))):
        with torch.autocast("cpu", dtype):
            y = work(x)
        gradients = torch.autograd.grad(y.float().square().sum(), [x, *convolution.parameters()])
        assert y.dtype == dtype
        assert [gradient.dtype for gradient in gradients] == [torch.float32] * 3
        results.append([y.float(), *gradients])
    for found, wanted in zip(*reversed(results), strict=True):
        assert torch.allclose(found, wanted, rtol=0.05, atol=0.05 * wanted.abs().max().item())


def test_layer_norm_follows_its_equation():
    norm = LayerNorm2d(6)
    torch.nn.init.normal_(norm.weight, generator=seeded(1))
    torch.nn.init.normal_(norm.bias, generator=seeded(2))
    x = torch.randn(2, 6, 8, 8, generator=seeded(3))
    wide = x.double()
    expected = (wide - wide.mean(1, keepdim=True)) / (wide.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    expected = expected * norm.weight[:, None, None].double() + norm.bias[:, None, None].double()
    assert torch.allclose(norm(x).double(), expected, atol=1e-5)


@pytest.mark.parametrize("kind", VIEWS)
def test_the_mean_of_a_large_map_fits_into_half_precision(kind):
    view = kind(mask_of(1, (4, 4)))
    x = torch.full((1, 2, 256, 256), 4.0, dtype=torch.float16)
    assert view.mean(view.enter(x)).tolist() == [[[[4.0]], [[4.0]]]]


@pytest.mark.parametrize("kind", VIEWS)
@pytest.mark.parametrize(
    ("shape", "message"),
    [((3, 4, 8, 8), "2 images does not fit a batch of 3"), ((2, 4, 8, 9), "does not divide"), ((2, 4, 2, 8), "divide")],
)
def test_maps_that_a_mask_does_not_fit_are_refused(kind, shape, message):
    with pytest.raises(UserError, match=message):
        kind(mask_of(2, (4, 4))).enter(torch.zeros(shape))


def test_maps_on_another_device_are_refused():
    with pytest.raises(UserError, match="on cpu does not fit images on meta"):
        GatheredView(mask_of(2, (4, 4))).enter(torch.zeros(2, 4, 8, 8, device="meta"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_layer_norm_works_under_autocast(dtype):
    norm = LayerNorm2d(6)
    x = torch.randn(1, 6, 4, 4, generator=seeded(3))
    with torch.autocast("cpu", dtype):
        y = norm(torch.nn.Conv2d(6, 6, 1)(x))
    assert torch.isfinite(y).all()
