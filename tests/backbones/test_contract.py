"""What every backbone promises, with and without a mask."""

import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import maskdcpt
from maskdcpt.backbones import Backbone, layer_scales
from maskdcpt.backbones.stage import Stage
from maskdcpt.errors import UserError
from maskdcpt.masking import GatheredView, VisibleMask, ZeroedView

TINY = {
    "nafnet": {"width": 4, "encoder_blocks": (1, 2), "middle_blocks": 1, "decoder_blocks": (1, 1)},
    "restormer": {"width": 4, "blocks": (1, 1, 2), "heads": (1, 2, 2), "refinement_blocks": 1},
    "promptir": {
        "width": 4,
        "blocks": (1, 1, 2),
        "heads": (1, 2, 2),
        "refinement_blocks": 1,
        "prompt_channels": (4, 8),
        "prompt_sizes": (6, 3),
        "prompt_components": 3,
    },
    "swinir": {"width": 6, "encoder_blocks": (2,), "decoder_blocks": (1, 2), "heads": 2, "window": 4},
}
PATCHES, RATIOS = (8, 16, 32), (0.0, 0.25, 0.5, 0.75)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=sorted(TINY))
def net(request) -> Backbone:
    """A small network whose every parameter, biases and residual scales included, is far from zero."""
    network = maskdcpt.create_backbone(request.param, **TINY[request.param])
    generator = seeded(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return network.eval()


def random_mask(grid: tuple[int, int], ratio: float, batch: int = 3, seed: int = 2) -> VisibleMask:
    return VisibleMask.random(batch, grid, ratio, generator=seeded(seed))


@pytest.fixture(params=["even", "uneven"])
def draw(request):
    """Draws masks: as training does, or with images that differ in how much is visible."""

    def drawn(grid: tuple[int, int], ratio: float, batch: int = 3, seed: int = 2) -> VisibleMask:
        mask = random_mask(grid, ratio, batch, seed)
        if request.param == "even":
            return mask
        visible = mask.visible.clone()
        visible[0, 0] = False
        visible[0, 0, 0, 0] = True
        return VisibleMask(visible)

    return drawn


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("patch", PATCHES)
@torch.no_grad()
def test_hidden_pixels_influence_nothing(net, draw, patch, ratio):
    size = (3 * patch, 2 * patch)
    mask = draw((3, 2), ratio)
    x = torch.rand(3, 3, *size, generator=seeded(3))
    hidden = ~mask.at(size).expand_as(x)
    other = x.clone()
    other[hidden] = torch.rand(int(hidden.sum()), generator=seeded(4)) * 50 - 25
    broken = x.masked_fill(hidden, float("nan"))
    expected = net(x, mask=mask)
    assert torch.equal(net(other, mask=mask), expected)
    assert torch.equal(net(broken, mask=mask), expected)
    for stage, changed in zip(
        net.forward_features(x, mask).stages, net.forward_features(other, mask).stages, strict=True
    ):
        assert torch.equal(stage, changed)


@torch.no_grad()
def test_visible_pixels_do_influence_the_output(net):
    mask = random_mask((4, 3), 0.5)
    size = (4 * net.stride, 3 * net.stride)
    x = torch.rand(3, 3, *size, generator=seeded(3))
    y = torch.where(mask.at(size), x * 0.5, x)
    assert not torch.equal(net(x, mask=mask), net(y, mask=mask))


@torch.no_grad()
def test_hidden_pixels_do_not_leak_through_padding(net):
    # The last patches hang over the border and are filled by reflection, which must not reach into hidden ones.
    size = (3 * net.stride + 1, 2 * net.stride + 1)
    x = torch.rand(6, 3, *size, generator=seeded(3))
    for seed in range(8):
        mask = random_mask((4, 3), 0.5, batch=6, seed=seed)
        padded = (4 * net.stride, 3 * net.stride)
        hidden = ~mask.at(padded)[..., : size[0], : size[1]].expand_as(x)
        assert torch.equal(net(x.masked_fill(hidden, 9.0), mask=mask), net(x, mask=mask))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("patch", PATCHES)
@torch.no_grad()
def test_hidden_positions_are_exactly_zero_after_every_stage(net, draw, patch, ratio):
    size = (2 * patch, 3 * patch)
    mask = draw((2, 3), ratio)
    x = torch.rand(3, 3, *size, generator=seeded(3))
    features = net.forward_features(x, mask)
    named = [*zip(net.feature_info, features.stages, strict=True), ("last", features.last), ("image", net(x, mask))]
    view = ZeroedView(mask)
    for name, module in net.named_modules():
        if isinstance(module, Stage):
            module.register_forward_hook(lambda _, __, output, name=name: named.append((name, output)))
    net.encode(view.enter(x), view)
    assert len(named) > 2 * len(net.feature_info) + 2  # stages of the first half as well
    for name, output in named:
        hidden = ~mask.at(output.shape[-2:]).expand_as(output)
        assert not output[hidden].any(), name
        assert output[~hidden].abs().min() > 0, name


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("patch", PATCHES)
def test_gathered_patches_give_the_numbers_and_gradients_of_zeroed_ones(net, patch, ratio):
    net.double()  # in double precision nothing but a real difference shows
    mask = random_mask((3, 2), ratio)
    x = torch.rand(3, 3, 3 * patch, 2 * patch, generator=seeded(3), dtype=torch.float64)
    results = []
    for view in (GatheredView(mask), ZeroedView(mask)):
        net.zero_grad()
        stages, last, early = net.encode(view.enter(x), view, early=True)
        outputs = [view.leave(output) for output in (*stages, last, *early)]
        sum((index + 1) * output.sin().sum() for index, output in enumerate(outputs)).backward()
        gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        results.append([*outputs, *gradients])
    for gathered, zeroed in zip(*results, strict=True):
        assert torch.allclose(gathered, zeroed, rtol=1e-7, atol=1e-7 * zeroed.abs().max().item())


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (4, 40)])
@torch.no_grad()
def test_a_mask_without_hidden_patches_changes_nothing(net, size):
    grid = (-(-size[0] // net.stride), -(-size[1] // net.stride))
    x = torch.rand(2, 3, *size, generator=seeded(3), dtype=torch.float64)
    mask = random_mask(grid, 0.0, batch=2)
    net.double()  # sums may run in another order under a mask; in double precision nothing else is left to differ
    assert torch.allclose(net(x, mask=mask), net(x), rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_an_image_is_masked_as_if_it_were_alone_in_the_batch(net):
    mask = random_mask((3, 3), 0.5)
    x = torch.rand(3, 3, 3 * net.stride, 3 * net.stride, generator=seeded(3), dtype=torch.float64)
    net.double()  # as above
    together = net(x, mask=mask)
    for index in range(3):
        alone = net(x[index : index + 1], mask=VisibleMask(mask.visible[index : index + 1]))
        assert torch.allclose(together[index], alone[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("masked", [False, True])
def test_every_parameter_gets_a_gradient(net, masked):
    x = torch.rand(2, 3, 3 * net.stride, 3 * net.stride, generator=seeded(3))
    mask = random_mask((3, 3), 0.5, batch=2) if masked else None
    net(x, mask=mask).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, f"no gradient for {name}"
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, f"zero gradient for {name}"


@given(height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
@torch.no_grad()
def test_any_size_goes_in_and_comes_out(height, width):
    for family, fields in TINY.items():
        net = maskdcpt.create_backbone(family, **fields).eval()
        x = torch.rand(1, 3, height, width, generator=seeded(3))
        y = net(x)
        assert y.shape == x.shape
        assert torch.isfinite(y).all()


@torch.no_grad()
def test_feature_info_tells_the_truth(net):
    x = torch.rand(1, 3, 4 * net.stride, 6 * net.stride, generator=seeded(3))
    features = net.forward_features(x)
    strides = [info.stride for info in net.feature_info]
    assert strides == sorted(strides), "features go from fine to coarse"
    for info, stage in zip(net.feature_info, features.stages, strict=True):
        assert stage.shape == (1, info.channels, x.shape[-2] // info.stride, x.shape[-1] // info.stride)
        assert info.name in dict(net.named_modules())
    assert torch.equal(net.forward_head(features, x), net(x))


@pytest.mark.parametrize("masked", [False, True])
@torch.no_grad()
def test_stages_of_the_first_half_are_told_when_asked_for(net, masked):
    size = (4 * net.stride, 6 * net.stride)
    x = torch.rand(3, 3, *size, generator=seeded(3))
    mask = random_mask((4, 6), 0.5) if masked else None
    outputs = {}
    for info in net.early_info:
        module = net.get_submodule(info.name)
        module.register_forward_hook(lambda _, __, output, name=info.name: outputs.update({name: output}))
    features, plain = net.forward_features(x, mask, early=True), net.forward_features(x, mask)
    assert not plain.early
    assert torch.equal(features.last, plain.last)
    assert all(torch.equal(a, b) for a, b in zip(features.stages, plain.stages, strict=True))
    strides = [info.stride for info in net.early_info]
    assert strides == sorted(strides), "features go from fine to coarse"
    assert set(strides) == {info.stride for info in net.feature_info}
    for info, stage in zip(net.early_info, features.early, strict=True):
        assert stage.shape == (3, info.channels, size[0] // info.stride, size[1] // info.stride)
        assert torch.equal(stage, net.view(mask).leave(outputs[info.name]))
        if mask is not None:
            hidden = ~mask.at(stage.shape[-2:]).expand_as(stage)
            assert not stage[hidden].any()
            assert stage[~hidden].abs().min() > 0


@torch.no_grad()
def test_stages_of_the_first_half_are_not_kept_unasked(net):
    alive = []
    for info in net.early_info:
        module = net.get_submodule(info.name)
        module.register_forward_hook(lambda _, __, output: alive.append(weakref.ref(output)))
    x = torch.rand(1, 3, 16, 16, generator=seeded(3))
    features = net.forward_features(x)
    assert [reference() for reference in alive] == [None] * len(net.early_info)
    features = net.forward_features(x, early=True)
    assert [id(reference()) for reference in alive[len(net.early_info) :]] == [id(stage) for stage in features.early]


def test_wrong_inputs_are_refused(net):
    x = torch.rand(2, 3, 4 * net.stride, 4 * net.stride)
    with pytest.raises(UserError, match="N, 3, H, W"):
        net(x[:, :1])
    with pytest.raises(UserError, match="N, 3, H, W"):
        net(x[0])
    with pytest.raises(UserError, match=r"in \[0, 1\], not torch.uint8"):
        net((x * 255).byte())
    with pytest.raises(UserError, match="does not fit a batch of 2"):
        net(x, mask=random_mask((4, 4), 0.5, batch=3))
    with pytest.raises(UserError, match=r"^a mask on cpu does not fit images on meta; move it with mask\.to\(\)$"):
        net(x.to("meta"), mask=random_mask((4, 4), 0.5, batch=2))
    with pytest.raises(UserError, match=f"stride {net.stride}"):
        net(x, mask=random_mask((8, 8), 0.5, batch=2))


def test_masks_are_never_drawn_inside_forward(net):
    x = torch.rand(2, 3, 4 * net.stride, 4 * net.stride, generator=seeded(3))
    state = torch.random.get_rng_state()
    net(x, mask=random_mask((4, 4), 0.5, batch=2))
    assert torch.equal(torch.random.get_rng_state(), state)


@torch.no_grad()
def test_layer_groups_share_out_all_parameters_in_the_order_of_their_work(net):
    groups = net.layer_groups()
    assert sorted(name for group in groups for name in group) == sorted(name for name, _ in net.named_parameters())
    assert all(groups)
    depth = {name: index for index, group in enumerate(groups) for name in group}
    called = []
    for name, module in net.named_modules():
        own = [f"{name}.{key}" for key, _ in module.named_parameters(recurse=False)]
        if own and not list(module.children()):
            module.register_forward_pre_hook(lambda _, __, key=own[0]: called.append(depth[key]))
    net(torch.rand(1, 3, 16, 16, generator=seeded(3)))
    assert called == sorted(called)


def test_layer_scales_fall_from_the_head_to_the_first_layer(net):
    scales = layer_scales(net, 0.5)
    assert scales.keys() == dict(net.named_parameters()).keys()
    groups = net.layer_groups()
    for distance, group in enumerate(reversed(groups)):
        assert {scales[name] for name in group} == {0.5**distance}
    # What works on the way up, where the published scales rise with the depth, comes after all of the way down.
    head = next(name for name in scales if name.startswith(net.layers[-1]))
    first = next(name for name in scales if name.startswith(net.layers[0]))
    early, latter = (
        [next(scales[name] for name in scales if name.startswith(f"{info.name}.")) for info in infos]
        for infos in (net.early_info, reversed(net.feature_info))
    )
    way = [scales[first], *early, *latter, scales[head]]
    assert way == sorted(set(way))
    assert scales[head] == 1
    assert set(layer_scales(net, 1.0).values()) == {1.0}


@pytest.mark.parametrize("decay", [0.0, -0.5, 1.01, float("nan")])
def test_decays_out_of_range_are_refused(net, decay):
    with pytest.raises(UserError, match=r"it lies in \(0, 1\]"):
        layer_scales(net, decay)


@pytest.mark.parametrize("masked", [False, True])
def test_checkpointing_changes_neither_result_nor_gradient(net, masked):
    x = torch.rand(2, 3, 3 * net.stride, 3 * net.stride, generator=seeded(3))
    mask = random_mask((3, 3), 0.5, batch=2) if masked else None
    results = []
    for enable in (False, True):
        net.zero_grad()
        net.set_grad_checkpointing(enable)
        kept = 0

        def keep(tensor):
            nonlocal kept
            kept += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = net(x, mask=mask).square().mean()
        loss.backward()
        results.append((loss, [p.grad.clone() for p in net.parameters()], kept))
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))
    assert results[1][2] < 0.8 * results[0][2]


@pytest.mark.filterwarnings("ignore:.*Function.* should not be instantiated:DeprecationWarning")  # torch's own doing
@pytest.mark.parametrize("masked", [False, True])
def test_compilation_takes_the_whole_network_and_changes_nothing(net, masked):
    net.double()
    x = torch.rand(2, 3, 3 * net.stride, 2 * net.stride, generator=seeded(3), dtype=torch.float64)
    mask = random_mask((3, 2), 0.5, batch=2) if masked else None
    torch._dynamo.reset()
    results = []
    for network in (net, torch.compile(net, backend="aot_eager", fullgraph=True)):
        net.zero_grad()
        y = network(x, mask=mask)
        y.square().mean().backward()
        results.append([y, *(parameter.grad.clone() for parameter in net.parameters())])
    for plain, compiled in zip(*results, strict=True):
        assert torch.allclose(compiled, plain, rtol=1e-9, atol=1e-9 * plain.abs().max().item())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_half_precision_keeps_the_masks_promises(net, dtype):
    for parameter in net.parameters():
        parameter.mul_(0.5)  # within the range of half precision
    size = (4 * net.stride, 3 * net.stride)
    mask = random_mask((4, 3), 0.5)
    x = torch.rand(3, 3, *size, generator=seeded(3))
    hidden = ~mask.at(size).expand_as(x)
    with torch.autocast("cpu", dtype=dtype):
        y = net(x, mask=mask)
        assert torch.equal(net(x.masked_fill(hidden, float("inf")), mask=mask), y)
    assert torch.isfinite(y).all()
    assert y[hidden].abs().max() == 0
    reference = net(x, mask=mask)
    assert (y - reference).abs().max() < 0.1 * reference.abs().max()
