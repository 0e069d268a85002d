"""Networks that were written elsewhere, made pre-trainable."""

import copy
import gc
import pickle
import re
import threading
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from maskdcpt.backbones import adapt, create_backbone, save_backbone
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import ClassificationDecoder, ClassifierConfig, PretrainingModel, RestorationModel, focal_loss

CLASSES = ("haze", "rain_streak", "low_light")
FEATURES = ["dec1", "dec2"]
ENCODER = ["enc1", "enc2", "bottleneck"]


def double_conv(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
    )


class UNet(nn.Module):
    """As people write them: batch norm, max pooling, transposed convolutions, concatenated skips."""

    def __init__(self, width=6, residual=True):
        super().__init__()
        self.residual = residual
        self.pool = nn.MaxPool2d(2)
        self.out_conv = nn.Conv2d(width, 3, 1)  # not in the order of work
        self.enc1 = double_conv(3, width)
        self.enc2 = double_conv(width, 2 * width)
        self.bottleneck = double_conv(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.dec2 = double_conv(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.dec1 = double_conv(2 * width, width)

    def forward(self, inp):
        e1 = self.enc1(inp)
        e2 = self.enc2(self.pool(e1))
        b = self.bottleneck(self.pool(e2))
        d2 = self.dec2(torch.cat([self.up2(b), e2], dim=1))
        d1 = self.dec1(torch.cat([self.up1(d2), e1], dim=1))
        return self.end(inp, d1)

    def end(self, inp, d1):
        out = self.out_conv(d1)
        return inp + out if self.residual else out


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(*size, seed=3):
    return torch.rand(*size, generator=seeded(seed))


def random_mask(batch, grid, ratio=0.5, seed=2):
    return VisibleMask.random(batch, grid, ratio, generator=seeded(seed))


def make(kind=UNet, **options):
    """A network whose every parameter and statistic is far from zero, in evaluation mode."""
    module = kind(**options)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.1, 0.6, generator=seeded(tensor.numel()))
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3, generator=seeded(parameter.numel()))
    return module.eval()


@pytest.fixture(params=[True, False], ids=["residual", "direct"])
def module(request):
    return make(residual=request.param)


@pytest.fixture
def adapted(module):
    return adapt(module, FEATURES, "out_conv", hide=ENCODER)


def hooks_of(module):
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


# --- what is found out ---


def test_what_a_network_is_like_is_found_out(module, adapted):
    assert adapted.stride == 4
    assert adapted.residual == module.residual
    assert adapted.feature_info == (("module.dec1", 6, 1), ("module.dec2", 12, 2))
    assert {info.name for info in adapted.feature_info} <= dict(adapted.named_modules()).keys()


@pytest.mark.parametrize(
    ("family", "head", "fields", "stride"),
    [
        ("nafnet", "ending", {"width": 4, "encoder_blocks": (1, 1, 1), "decoder_blocks": (1, 1, 1)}, None),
        ("restormer", "output", {"width": 4, "blocks": (1, 1, 1), "heads": (1, 1, 1), "refinement_blocks": 1}, None),
        (
            "swinir",
            "conv_last",
            {"width": 6, "encoder_blocks": (2,), "decoder_blocks": (1, 2), "heads": 2, "window": 4},
            4,
        ),
    ],
)
@torch.no_grad()
def test_of_our_own_networks_it_finds_what_they_say_of_themselves(family, head, fields, stride):
    own = make(lambda: create_backbone(family, **fields))
    adapted = adapt(own, [info.name for info in own.feature_info], head, stride=stride)
    assert adapted.stride == own.stride
    assert [info[1:] for info in adapted.feature_info] == [info[1:] for info in own.feature_info]
    x = images(2, 3, 3 * own.stride + 1, 5 * own.stride)
    assert torch.equal(adapted(x), own(x))
    for a, b in zip(adapted.forward_features(x).stages, own.forward_features(x).stages, strict=True):
        assert torch.equal(a, b)


def test_the_probe_leaves_no_trace(module):
    module.train()
    module.enc2.eval()  # frozen, as people do with batch norm
    flags = [part.training for part in module.modules()]
    state = {key: value.clone() for key, value in module.state_dict().items()}
    random_state = torch.random.get_rng_state()
    adapted = adapt(module, FEATURES, "out_conv", hide=ENCODER)
    assert adapted.module is module
    assert [part.training for part in module.modules()] == flags
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert hooks_of(module) == 0
    assert all(parameter.grad is None for parameter in module.parameters())


def test_the_probe_restores_what_a_module_changes_even_in_evaluation():
    class Counting(UNet):
        def __init__(self):
            super().__init__()
            self.register_buffer("steps", torch.zeros((), dtype=torch.long))
            self.register_buffer("mean", torch.zeros(3))

        def forward(self, inp):
            self.steps += 1
            self.mean = inp.mean((0, 2, 3))
            return super().forward(inp + 0 * torch.rand(1))

    module = Counting()
    state = torch.random.get_rng_state()
    adapt(module, FEATURES, "out_conv")
    assert module.steps == 0
    assert module.mean.abs().max() == 0
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_stride_may_be_given_but_not_less_than_the_networks(module):
    assert adapt(module, FEATURES, "out_conv", stride=8).stride == 8
    for stride in (2, 1, 0, -4):
        with pytest.raises(UserError, match=f"stride is {stride}"):
            adapt(module, FEATURES, "out_conv", stride=stride)
    with pytest.raises(UserError, match="fails on one image of 132x198 pixels"):
        adapt(module, FEATURES, "out_conv", stride=6)


def test_it_can_be_made_in_inference_mode(module):
    with torch.inference_mode():
        adapted = adapt(module, FEATURES, "out_conv")
    adapted(images(1, 3, 16, 16)).mean().backward()


def test_a_mean_that_is_taken_away_and_added_again_passes():
    class Centred(UNet):
        def forward(self, inp):
            return super().forward(inp - 0.45) + 0.45

    module = make(Centred)
    adapted = adapt(module, FEATURES, "out_conv")
    x = images(2, 3, 16, 16)
    assert adapted.residual
    assert torch.allclose(adapted(x), module(x), atol=1e-6)


# --- without a mask ---


@torch.no_grad()
def test_without_a_mask_it_computes_what_the_module_computes(module, adapted):
    x = images(2, 3, 12, 20)
    assert torch.equal(adapted(x), module(x))
    features = adapted.forward_features(x)
    assert torch.equal(adapted.forward_head(features, x), module(x))
    assert torch.equal(adapted(x, mask=random_mask(2, (3, 5), 0.0)), module(x))
    assert adapted(x[..., :11, :17]).shape == (2, 3, 11, 17)
    for info, stage in zip(adapted.feature_info, features.stages, strict=True):
        assert stage.shape == (2, info.channels, 12 // info.stride, 20 // info.stride)


def test_its_weights_are_the_modules(module, adapted):
    plain = UNet(residual=module.residual).eval()
    plain.load_state_dict(adapted.module.state_dict())
    x = images(1, 3, 16, 16)
    assert torch.equal(plain(x), adapted(x))


def test_copies_and_pickles_compute_the_same(adapted):
    x, mask = images(2, 3, 16, 16), random_mask(2, (4, 4))
    expected = adapted(x, mask=mask)
    assert torch.equal(copy.deepcopy(adapted)(x, mask=mask), expected)
    assert torch.equal(pickle.loads(pickle.dumps(adapted))(x, mask=mask), expected)


# --- with a mask ---


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("hide", [(), ENCODER])
@torch.no_grad()
def test_hidden_pixels_influence_nothing(module, hide, training):
    adapted = adapt(module, FEATURES, "out_conv", hide=hide).train(training)
    x, mask = images(3, 3, 16, 12), random_mask(3, (4, 3))
    hidden = ~mask.at((16, 12)).expand_as(x)
    broken = x.masked_fill(hidden, float("nan"))
    assert torch.equal(adapted(broken, mask=mask), adapted(x, mask=mask))
    for a, b in zip(adapted.forward_features(x, mask)[0], adapted.forward_features(broken, mask)[0], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(adapted(torch.where(hidden, x, x * 0.5), mask=mask), adapted(x, mask=mask))


@torch.no_grad()
def test_hidden_pixels_do_not_leak_through_padding(adapted):
    x = images(6, 3, 13, 9)
    for seed in range(8):
        mask = random_mask(6, (4, 3), seed=seed)
        hidden = ~mask.at((16, 12))[..., :13, :9].expand_as(x)
        assert torch.equal(adapted(x.masked_fill(hidden, 9.0), mask=mask), adapted(x, mask=mask))


@torch.no_grad()
def test_hidden_positions_are_exactly_zero_where_promised(module, adapted):
    x, mask = images(3, 3, 16, 12), random_mask(3, (4, 3))
    entering = []
    for name in ("pool", "out_conv"):
        module.get_submodule(name).register_forward_pre_hook(lambda _, inputs: entering.append(inputs[0]))
    features = adapted.forward_features(x, mask)
    image = adapted.forward_head(features, x, mask)
    assert len(entering) == 3  # of enc1, enc2 and dec1
    for map_ in (*entering, *features.stages, features.last, image):
        hidden = ~mask.at(map_.shape[-2:]).expand_as(map_)
        assert map_[hidden].abs().max() == 0
        assert map_[~hidden].abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_half_precision_keeps_the_promises(module, dtype):
    x, mask = images(3, 3, 16, 12), random_mask(3, (4, 3))
    hidden = ~mask.at((16, 12)).expand_as(x)
    adapted = adapt(module, FEATURES, "out_conv", hide=ENCODER)
    with torch.autocast("cpu", dtype=dtype):
        y = adapted(x, mask=mask)
        assert torch.equal(adapted(x.masked_fill(hidden, float("inf")), mask=mask), y)
        assert torch.equal(adapted(x), module(x))
    assert y[hidden].abs().max() == 0
    half = adapt(copy.deepcopy(module).to(dtype), FEATURES, "out_conv", hide=ENCODER)
    assert half.residual == adapted.residual
    assert torch.equal(half(x.to(dtype)), half.module(x.to(dtype)))


@torch.no_grad()
def test_stages_that_are_not_named_are_left_alone(module):
    adapted = adapt(module, FEATURES, "out_conv")
    seen = []
    module.pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mask = random_mask(1, (4, 4))
    adapted(images(1, 3, 16, 16), mask=mask)
    assert seen[0][~mask.at((16, 16)).expand_as(seen[0])].abs().max() > 0, "biases fill them, as docs/adapt.md says"


@torch.no_grad()
def test_two_threads_do_not_see_each_others_masks(adapted):
    x = images(2, 3, 64, 64)
    masks = [random_mask(2, (16, 16), seed=seed) for seed in range(2)]
    expected = [adapted(x, mask=mask) for mask in masks]
    wrong = []

    def work(index):
        with torch.no_grad():
            wrong.extend(index for _ in range(20) if not torch.equal(adapted(x, mask=masks[index]), expected[index]))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert hooks_of(adapted) == 0


# --- hooks ---


def test_hooks_are_gone_after_an_error(module, adapted):
    x = images(1, 3, 16, 16)
    module.up1.register_forward_pre_hook(lambda _, __: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        adapted(x)
    assert hooks_of(module) == 1
    with pytest.raises(UserError, match="ZeroDivisionError: division by zero"):
        adapt(module, FEATURES, "out_conv", hide=ENCODER)
    assert hooks_of(module) == 1


def test_features_are_freed_with_the_result(adapted):
    gc.collect()
    gc.disable()
    try:
        features = adapted.forward_features(images(1, 3, 16, 16), random_mask(1, (4, 4)))
        alive = [weakref.ref(tensor) for tensor in (*features.stages, features.last)]
        del features
        assert not any(reference() is not None for reference in alive)
    finally:
        gc.enable()


# --- training ---


def model_of(adapted):
    torch.manual_seed(0)
    channels = [info.channels for info in adapted.feature_info]
    return PretrainingModel(adapted, ClassificationDecoder(channels, CLASSES, ClassifierConfig(blocks=1)))


def test_pre_training_and_fine_tuning_reduce_the_loss(adapted):
    clean, labels = images(6, 3, 32, 32, seed=5), torch.arange(6) % 3
    damaged = clean * (0.4 + 0.3 * labels.view(-1, 1, 1, 1))
    torch.manual_seed(1)
    for part in adapted.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    model = model_of(adapted).train()
    mask = random_mask(6, (4, 4))

    def train(model, loss):
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        losses = []
        for _ in range(25):
            optimizer.zero_grad()
            losses.append(loss())
            losses[-1].backward()
            optimizer.step()
        return losses

    def pretraining_loss():
        outputs = model(damaged, mask)
        return F.l1_loss(outputs.image, clean) + focal_loss(outputs.logits, labels)

    losses = train(model, pretraining_loss)
    assert losses[-1] < 0.85 * losses[0]
    restoration = RestorationModel(adapted, model.classifier)
    losses = train(restoration, lambda: F.l1_loss(restoration(damaged).image, clean))
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.parametrize("training", [False, True])
def test_every_parameter_gets_a_gradient_and_statistics_count_once(adapted, training):
    model = model_of(adapted).train(training)
    before = adapted.module.enc1[1].num_batches_tracked.clone()
    outputs = model(images(2, 3, 32, 32), random_mask(2, (4, 4)))
    (outputs.image.square().mean() + outputs.logits.square().mean()).backward()
    for name, parameter in adapted.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if not training or not name.endswith(("up1.bias", "up2.bias")):  # which the batch norm behind them takes away
            assert parameter.grad.abs().max() > 0, name
    assert adapted.module.enc1[1].num_batches_tracked == before + training


def test_layer_groups_end_with_each_named_stage(module, adapted):
    groups = adapted.layer_groups()
    names = sorted(name for group in groups for name in group)
    assert names == sorted(name for name, _ in adapted.named_parameters())
    owners = [sorted({name.split(".")[1] for name in group}) for group in groups]
    assert owners == [["enc1"], ["enc2"], ["bottleneck"], ["dec2", "up2"], ["dec1", "up1"], ["out_conv"]]
    coarse = adapt(module, FEATURES, "out_conv").layer_groups()
    assert {name.split(".")[1] for name in coarse[0]} == {"enc1", "enc2", "bottleneck", "up2", "dec2"}


def test_parameters_of_modules_that_are_never_called_have_a_group_too():
    class Scaled(UNet):
        def __init__(self):
            super().__init__()
            self.mixing = nn.ParameterList([nn.Parameter(torch.ones(1))])

        def end(self, inp, d1):
            return super().end(inp, d1 * self.mixing[0])

    adapted = adapt(Scaled(), FEATURES, "out_conv", hide=["enc1"])
    assert "module.mixing.0" in adapted.layer_groups()[0]


def test_checkpointing_is_refused_rather_than_ignored(adapted):
    adapted.set_grad_checkpointing(False)
    with pytest.raises(UserError, match="module's own business"):
        adapted.set_grad_checkpointing()


class Checkpointed(UNet):
    """Saves memory in the decoder, around a stage or inside of it."""

    def __init__(self, reentrant, inside):
        super().__init__()
        self.reentrant, self.inside, self.saving = reentrant, inside, True
        if inside:
            self.dec1 = CheckpointedStage(self, self.dec1)

    def forward(self, inp):
        e1 = self.enc1(inp)
        e2 = self.enc2(self.pool(e1))
        d2 = self.dec2(torch.cat([self.up2(self.bottleneck(self.pool(e2))), e2], dim=1))
        x = torch.cat([self.up1(d2), e1], dim=1)
        around = self.saving and not self.inside and torch.is_grad_enabled()
        return self.end(inp, checkpoint(self.dec1, x, use_reentrant=self.reentrant) if around else self.dec1(x))


class CheckpointedStage(nn.Module):
    def __init__(self, owner, blocks):
        super().__init__()
        self.switch, self.blocks = [owner], blocks

    def forward(self, x):
        saving = self.switch[0].saving and torch.is_grad_enabled()
        return checkpoint(self.blocks, x, use_reentrant=self.switch[0].reentrant) if saving else self.blocks(x)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_modules_own_checkpointing_works_inside_of_stages(reentrant):
    module = make(lambda: Checkpointed(reentrant, inside=True))
    adapted = adapt(module, FEATURES, "out_conv")
    gradients = []
    for module.saving in (False, True):
        adapted.zero_grad()
        adapted(images(2, 3, 16, 16), mask=random_mask(2, (4, 4))).square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in adapted.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_modules_own_checkpointing_around_a_stage_is_an_error(reentrant):
    adapted = adapt(make(lambda: Checkpointed(reentrant, inside=False)), FEATURES, "out_conv")
    with pytest.raises((UserError, torch.utils.checkpoint.CheckpointError), match="checkpoint"):
        adapted(images(2, 3, 16, 16), mask=random_mask(2, (4, 4))).square().mean().backward()
    assert hooks_of(adapted) == 0


# --- what is refused ---


class Clamped(UNet):
    def end(self, inp, d1):
        return super().end(inp, d1).clamp(0, 1)


class FreshAndClamped(Clamped):
    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.out_conv.weight)
        nn.init.zeros_(self.out_conv.bias)


class Scaled(UNet):
    def end(self, inp, d1):
        return inp + 0.5 * self.out_conv(d1)


class Listed(UNet):
    def end(self, inp, d1):
        return [super().end(inp, d1)]


class Enlarging(UNet):
    def end(self, inp, d1):
        return F.interpolate(super().end(inp, d1), scale_factor=2)


class Timed(UNet):
    def forward(self, inp, time):
        return super().forward(inp)


class Twice(UNet):
    def end(self, inp, d1):
        return super().end(inp, self.dec1(torch.cat([d1, d1], dim=1)))


class InPlace(UNet):
    def end(self, inp, d1):
        return super().end(inp, d1.mul_(2))


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Tupled(UNet):
    def __init__(self):
        super().__init__()
        self.pair = Pair()

    def end(self, inp, d1):
        return super().end(inp, self.pair(d1)[0])


class Pooled(UNet):
    def __init__(self):
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)

    def end(self, inp, d1):
        return super().end(inp, d1 * self.squeeze(d1).sigmoid())


class HeadTwice(UNet):
    def end(self, inp, d1):
        self.out_conv(d1)
        return super().end(inp, d1)


@pytest.mark.parametrize(
    ("kind", "names", "message"),
    [
        (UNet, {"features": ["dec1", "dek2"]}, "no submodule 'dek2'; did you mean 'dec2'?"),
        (UNet, {"head": "out"}, "no submodule 'out'; "),
        (UNet, {"head": ""}, "no submodule ''; "),
        (UNet, {"hide": ["enc"]}, "no submodule 'enc'; "),
        (UNet, {"features": []}, "no features are named"),
        (UNet, {"hide": ["dec1"]}, "every stage is named once"),
        (UNet, {"features": ["dec2", "dec1"]}, "fine to coarse, not dec2 (stride 2), dec1 (stride 1)"),
        (UNet, {"hide": ["pool"]}, "'pool' is called more than once"),
        (UNet, {"head": "up1", "features": ["dec2"]}, "head 'up1' is not the last layer: from images"),
        (UNet, {"head": "dec1", "features": ["dec2"]}, "head 'dec1' is not the last layer: from images"),
        (Clamped, {}, "head 'out_conv' is not the last layer: the result is neither"),
        (FreshAndClamped, {}, "head 'out_conv' is not the last layer: the result is neither"),
        (Scaled, {}, "head 'out_conv' is not the last layer: the result is neither"),
        (Listed, {}, "the module returns a list"),
        (Enlarging, {}, "it must keep their size"),
        (Timed, {}, "fails on one image of 128x192 pixels (TypeError: "),
        (Twice, {}, "'dec1' is called more than once"),
        (HeadTwice, {}, "head 'out_conv' is called 2 times"),
        (InPlace, {}, "the output of stage 'dec1' is changed in place"),
        (UNet, {"features": ["dec1.3"]}, "the output of stage 'dec1.3' is changed in place"),
        (Tupled, {"hide": ["pair"]}, "the output of stage 'pair' is a tuple"),
        (Pooled, {"hide": ["squeeze"]}, "the output of stage 'squeeze' is 1x1, no whole fraction"),
        (lambda: nn.Sequential(UNet(), nn.Identity()), {"features": ["1"], "head": "0"}, "'1' is not called before"),
        (lambda: nn.Sequential(nn.LazyConv2d(3, 1), nn.Identity()), {"features": ["0"], "head": "1"}, "no weights yet"),
        (lambda: UNet().to("meta"), {}, "no weights yet"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(kind, names, message):
    module = kind()
    before = hooks_of(module)
    with pytest.raises(UserError, match=re.escape(message)) as error:
        adapt(module, **{"features": FEATURES, "head": "out_conv", **names})
    assert "\n" not in str(error.value)
    assert hooks_of(module) == before


def test_compiled_modules_are_refused(module):
    module.dec1.compile(backend="eager")
    with pytest.raises(UserError, match="compiled"):
        adapt(module, FEATURES, "out_conv")


def test_a_network_that_changes_its_way_later_is_refused_then(adapted):
    adapted.module.forward = lambda x: x
    with pytest.raises(UserError, match="head 'out_conv' is not called"):
        adapted(images(1, 3, 16, 16))
    assert hooks_of(adapted) == 0


def test_it_cannot_be_saved_as_a_backbone(adapted, tmp_path):
    with pytest.raises(UserError, match=re.escape("adapted.module.state_dict()")):
        save_backbone(adapted, tmp_path)
    assert not list(tmp_path.iterdir())
