"""The two decoders, the loss, and what reaches what."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import maskdcpt
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask, ZeroedView
from maskdcpt.pretraining import (
    ClassificationDecoder,
    ClassifierConfig,
    PretrainingModel,
    RestorationModel,
    focal_loss,
    psnr_loss,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "classifier.json").read_text())
CLASSES = ("a", "b", "c", "d", "e")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# All of stride 4. SwinIR's stages keep the resolution, the others' halve it.
BACKBONES = {
    "nafnet": {"width": 4, "encoder_blocks": (1, 1), "middle_blocks": 1, "decoder_blocks": (1, 1)},
    "restormer": {"width": 4, "blocks": (1, 1, 1), "heads": (1, 2, 2), "refinement_blocks": 1},
    "swinir": {"width": 6, "encoder_blocks": (1,), "decoder_blocks": (1, 1), "heads": 2, "window": 4},
}


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request):
    return maskdcpt.create_backbone(request.param, **BACKBONES[request.param])


@pytest.fixture
def classifier(backbone):
    return ClassificationDecoder([i.channels for i in backbone.feature_info], CLASSES, ClassifierConfig(blocks=1))


@torch.no_grad()
def test_classifier_is_the_published_one():
    decoder = ClassificationDecoder([64, 128, 256, 512], CLASSES, ClassifierConfig()).eval()
    state = decoder.state_dict()
    expected = {key: tuple(shape) for key, shape in GOLDEN["state_dict"] if not key.startswith("fc.")}
    assert {key: tuple(value.shape) for key, value in state.items() if not key.startswith("fc.")} == expected
    for index, value in enumerate(state.values()):
        draw = np.random.RandomState(index).standard_normal(tuple(value.shape))
        name = list(state)[index]
        if value.ndim == 1:
            draw = 0.1 * draw + name.endswith("weight")
        else:
            draw = draw / np.sqrt(value.numel() / value.shape[0])
        value.copy_(torch.from_numpy(draw.astype(np.float32)))
    features = [
        torch.from_numpy(np.random.RandomState(100 + i).standard_normal((2, c, 32 >> i, 48 >> i)).astype(np.float32))
        for i, c in enumerate([64, 128, 256, 512])
    ]
    np.testing.assert_allclose(decoder(features).numpy(), np.array(GOLDEN["logits"]), atol=1e-4)


def test_classifier_never_sees_an_image(backbone, classifier):
    assert list(inspect.signature(classifier.forward).parameters) == ["features", "mask"]
    # What a pre-training model makes of an image depends on it through the features alone.
    model = PretrainingModel(backbone, classifier)
    mask = VisibleMask.random(2, (4, 4), 0.0, generator=seeded(1))
    one, other = (torch.rand(2, 3, 16, 16, generator=seeded(seed)) for seed in (2, 3))
    features = backbone.forward_features(one, mask)
    backbone.forward_features = lambda *_, **__: features
    assert torch.equal(model(one, mask).logits, model(other, mask).logits)


def test_classifier_reads_every_stage_through_a_learned_weight(backbone, classifier):
    stages = [s.detach().requires_grad_() for s in backbone.forward_features(torch.rand(2, 3, 16, 16)).stages]
    classifier(stages).square().sum().backward()
    assert all(stage.grad.abs().max() > 0 for stage in stages)
    assert (classifier.mixing_weights.grad.abs() > 0).all()


@torch.no_grad()
def test_classifier_is_blind_to_what_stands_behind_the_mask(backbone, classifier):
    mask = VisibleMask.random(2, (4, 4), generator=seeded(1))
    stages = backbone.forward_features(torch.rand(2, 3, 16, 16, generator=seeded(2)), mask).stages
    others = [torch.where(mask.at(stage.shape[-2:]), stage, float("nan")) for stage in stages]
    assert torch.equal(classifier(others, mask), classifier(stages, mask))


@torch.no_grad()
def test_classifier_gives_the_same_logits_in_both_views(backbone, classifier, monkeypatch):
    classifier.double()
    for index, parameter in enumerate(classifier.parameters()):
        torch.nn.init.normal_(parameter, std=0.3, generator=seeded(index))
    mask = VisibleMask.random(2, (2, 2), generator=seeded(1))
    stages = [
        torch.randn(2, info.channels, 32 // info.stride, 32 // info.stride, generator=seeded(2), dtype=torch.float64)
        for info in backbone.feature_info
    ]
    gathered = classifier(stages, mask)
    monkeypatch.setattr("maskdcpt.pretraining.classifier.view_of", ZeroedView)
    assert torch.allclose(classifier(stages, mask), gathered, rtol=1e-10, atol=1e-10)


def test_classifier_refuses_masks_whose_patches_it_would_cut(backbone, classifier):
    mask = VisibleMask.random(1, (4, 4), generator=seeded(1))
    stages = [torch.zeros(1, info.channels, 20 // info.stride, 20 // info.stride) for info in backbone.feature_info]
    with pytest.raises(UserError, match="does not divide"):
        classifier(stages, mask)


@given(
    gamma=st.sampled_from([0.0, 0.5, 2.0, 5.0]),
    seed=st.integers(0, 1000),
    classes=st.integers(2, 7),
)
def test_focal_loss_follows_its_equation(gamma, seed, classes):
    logits = torch.randn(6, classes, generator=seeded(seed)) * 3
    labels = torch.randint(classes, (6,), generator=seeded(seed + 1))
    p = np.exp(logits.double().numpy())
    p = (p / p.sum(1, keepdims=True))[np.arange(6), labels.numpy()]
    assert focal_loss(logits, labels, gamma).item() == pytest.approx(np.mean(-((1 - p) ** gamma) * np.log(p)), rel=1e-4)


@given(seed=st.integers(0, 1000), exponent=st.floats(-2, 0))
def test_psnr_loss_is_the_negative_mean_psnr(seed, exponent):
    targets = torch.rand(3, 3, 5, 7, generator=seeded(seed))
    images = targets + 10**exponent * torch.randn(targets.shape, generator=seeded(seed + 1))
    squared = ((images.double() - targets.double()) ** 2).mean((1, 2, 3)).numpy()
    assert psnr_loss(images, targets).item() == pytest.approx(np.mean(10 * np.log10(squared)), abs=0.1)


def test_a_relative_change_of_error_costs_the_same_on_every_image():
    errors = torch.tensor([0.3, 0.03], requires_grad=True)
    targets = torch.full((2, 3, 4, 4), 0.5)
    psnr_loss(targets + errors[:, None, None, None], targets).backward()
    weak, strong = (errors.grad * errors.detach()).tolist()[::-1]
    assert weak == pytest.approx(strong, rel=0.01)


def test_psnr_loss_ends_at_a_perfect_match():
    images = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    loss = psnr_loss(images, images.detach())
    loss.backward()
    assert loss.item() == pytest.approx(-60)
    assert images.grad.abs().max() == 0


@pytest.mark.parametrize("floor", [1e-6, 1e-3])
def test_an_image_pulls_hardest_where_its_error_is_at_the_floor(floor):
    target = torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)

    def pull(rmse):
        image = (target + rmse).requires_grad_()
        psnr_loss(image, target, floor).backward()
        return image.grad.norm().item()

    at_floor = pull(floor**0.5)
    assert at_floor == pytest.approx(10 / np.log(10) / (3 * 64 * floor) ** 0.5)
    for factor in (0.1, 0.5, 2, 10):
        assert pull(factor * floor**0.5) == pytest.approx(at_floor * 2 * factor / (1 + factor**2))


def test_focal_loss_fades_for_the_sure_and_has_finite_gradients():
    logits = torch.tensor([[100.0, 0.0], [0.0, 100.0]], requires_grad=True)
    labels = torch.tensor([0, 0])
    loss = focal_loss(logits, labels)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0].abs().max() == 0
    assert logits.grad[1].abs().max() > 0


def test_pretraining_reaches_every_parameter(backbone, classifier):
    model = PretrainingModel(backbone, classifier)
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=seeded(3))
    mask = VisibleMask.random(2, (4, 4), generator=seeded(1))
    outputs = model(torch.rand(2, 3, 16, 16, generator=seeded(2)), mask)
    assert outputs.image.shape == (2, 3, 16, 16)
    assert outputs.logits.shape == (2, len(CLASSES))
    (outputs.image.square().mean() + focal_loss(outputs.logits, torch.tensor([0, 3]))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_each_loss_alone_reaches_the_backbone(backbone, classifier):
    model = PretrainingModel(backbone, classifier)
    mask = VisibleMask.random(2, (4, 4), generator=seeded(1))
    outputs = model(torch.rand(2, 3, 16, 16, generator=seeded(2)), mask)
    for loss in (outputs.image.abs().mean(), focal_loss(outputs.logits, torch.tensor([0, 3]))):
        (gradient,) = torch.autograd.grad(loss, next(backbone.parameters()), retain_graph=True)
        assert gradient.abs().max() > 0


def test_a_classifier_that_reads_along_cannot_touch_the_restoration(backbone, classifier):
    outputs = RestorationModel(backbone, classifier)(torch.rand(2, 3, 16, 16, generator=seeded(2)))
    focal_loss(outputs.logits, torch.tensor([0, 3])).backward()
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert all(parameter.grad is not None for parameter in classifier.parameters())


def test_naming_lets_a_share_of_the_gradient_of_the_classifier_through(backbone, classifier):
    images, labels = torch.rand(2, 3, 16, 16, generator=seeded(2)), torch.tensor([0, 3])

    def outputs_and_gradients(naming):
        outputs = RestorationModel(backbone, classifier, naming)(images)
        loss = focal_loss(outputs.logits, labels)
        inner, own = list(backbone.parameters()), list(classifier.parameters())
        # The head serves the image alone, and so has none.
        gradients = torch.autograd.grad(loss, [*inner, *own], allow_unused=True, materialize_grads=True)
        return outputs, gradients[: len(inner)], gradients[len(inner) :]

    fixed = RestorationModel(backbone, classifier)(images)
    whole, inner, own = outputs_and_gradients(1.0)
    part, weak, same = outputs_and_gradients(0.25)
    for outputs in (whole, part):
        assert torch.equal(outputs.logits, fixed.logits)
        assert torch.equal(outputs.image, fixed.image)
    assert max(gradient.abs().max() for gradient in inner) > 0
    for strong, weaker in zip(inner, weak, strict=True):
        assert torch.allclose(0.25 * strong, weaker, atol=1e-7)
    for one, other in zip(own, same, strict=True):
        assert torch.equal(one, other)
