"""The methods that are compared, and the switches of the paper's one."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from maskdcpt.backbones import NAFNetConfig, build_backbone
from maskdcpt.data import DataConfig
from maskdcpt.errors import UserError
from maskdcpt.inference import Restorer
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import (
    METHODS,
    ClassificationDecoder,
    ClassifierConfig,
    LossConfig,
    PretrainingModel,
    ReconstructionConfig,
    ReconstructionDecoder,
    classification_terms,
    classifier_channels,
    focal_loss,
    load_model,
    multi_label_focal_loss,
    pretraining_loss,
    save_model,
)
from maskdcpt.training import MaskConfig, PretrainConfig

CONFIG = NAFNetConfig(width=4, encoder_blocks=(1, 1), middle_blocks=1, decoder_blocks=(1, 1))
CLASSES = ("haze", "low_light", "rain_streak")


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def build(name, *, tokens=False, features="latter-half", multi_label=False):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = build_backbone(CONFIG)
        for parameter in backbone.parameters():  # beta and gamma start at zero, where nothing reaches their blocks
            torch.nn.init.normal_(parameter, std=0.2)
        method = METHODS[name]
        classifier = decoder = None
        if method.classifies:
            size = ClassifierConfig(blocks=1, features=features)
            channels = classifier_channels(backbone, features)
            classifier = ClassificationDecoder(channels, CLASSES, size, multi_label=multi_label)
        if tokens:
            decoder = ReconstructionDecoder(backbone.feature_info, 16, ReconstructionConfig(tokens=True, width=8))
        return PretrainingModel(backbone, classifier, decoder, method)


def images(seed, count=2):
    return torch.rand(count, 3, 32, 32, generator=seeded(seed))


def step(model, mask=None, config=None, damaged=None, clean=None):
    clean = images(1) if clean is None else clean
    outputs = model(images(2) if damaged is None else damaged, mask, clean)
    return outputs, *pretraining_loss(outputs, clean, torch.tensor([0, 2]), mask, config or LossConfig())


@pytest.fixture
def mask():
    return VisibleMask.random(2, (2, 2), 0.5, generator=seeded(3))


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("maskdcpt", {"reconstruction", "classification", "accuracy"}),
        ("dcpt", {"reconstruction", "classification", "accuracy"}),
        ("unmasked", {"reconstruction", "classification", "accuracy"}),
        ("reconstruction", {"reconstruction"}),
        ("classification", {"classification", "accuracy"}),
    ],
)
def test_every_method_minimises_its_terms_and_teaches_what_they_reach(name, terms, mask):
    model = build(name)
    _, total, found = step(model, mask if METHODS[name].masked else None)
    assert set(found) == terms
    assert total.item() == pytest.approx(sum(found[term].item() for term in terms - {"accuracy"}), rel=1e-6)
    total.backward()
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    # The features that a classifier reads end before the head.
    assert without == ({"backbone.ending.weight", "backbone.ending.bias"} if name == "classification" else set())


def test_dcpt_names_the_damaged_image_and_rebuilds_the_clean_one():
    model = build("dcpt")
    outputs, _, terms = step(model)
    features = model.backbone.forward_features(images(2))
    assert torch.equal(outputs.logits, model.classifier(features.stages))
    assert torch.equal(outputs.image, model.backbone(images(1)))
    assert terms["reconstruction"] == F.l1_loss(model.backbone(images(1)), images(1))
    other, *_ = step(model, damaged=images(5))
    assert torch.equal(outputs.image, other.image)
    assert not torch.equal(outputs.logits, other.logits)
    with pytest.raises(UserError, match="rebuilds clean images from themselves"):
        model(images(2))


def test_unmasked_is_maskdcpt_with_nothing_hidden():
    everything = VisibleMask.random(2, (2, 2), 0.0, generator=seeded(0))
    plain, masked = step(build("unmasked")), step(build("maskdcpt"), everything)
    assert plain[1].item() == pytest.approx(masked[1].item(), rel=1e-6)


def test_half_of_the_method_is_half_of_the_loss(mask):
    both, rebuilding, naming = (step(build(name), mask)[2] for name in ("maskdcpt", "reconstruction", "classification"))
    assert both["reconstruction"] == rebuilding["reconstruction"]
    # The same weights: the decoders are drawn after the backbone in all of them.
    assert both["classification"] == naming["classification"]


def test_tokens_rebuild_hidden_patches_and_the_head_visible_ones(mask):
    model, plain = build("maskdcpt", tokens=True), build("maskdcpt")
    image, without = model(images(2), mask).image, plain(images(2), mask).image
    visible = mask.at((32, 32)).expand_as(image)
    assert torch.equal(image[visible], without[visible])
    assert (without[~visible] == 0).all()
    assert image[~visible].std() > 0
    changed = torch.where(visible, images(2), images(6))
    assert torch.equal(model(changed, mask).image, image)


def test_the_hidden_share_of_the_loss_is_a_constant_without_tokens(mask):
    visible = mask.at((32, 32)).expand(2, 3, 32, 32)
    for tokens, learns in ((False, False), (True, True)):
        outputs, _, _ = step(build("maskdcpt", tokens=tokens), mask)
        hidden = (outputs.image - images(1)).abs()[~visible].sum()
        gradients = torch.autograd.grad(outputs.image[~visible].sum(), outputs.image)
        assert hidden > 0
        assert gradients[0][~visible].abs().sum() > 0
        model = build("maskdcpt", tokens=tokens)
        model(images(2), mask).image[~visible].sum().backward()
        taught = any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.backbone.parameters())
        assert taught == learns


@pytest.mark.parametrize("features", ["latter-half", "last", "all"])
def test_the_classifier_reads_the_chosen_features_here_and_after_loading(features, mask, tmp_path):
    model = build("maskdcpt", features=features)
    outputs, total, _ = step(model, mask)
    total.backward()
    reaches = model.backbone.decoder0.blocks[0].conv1.weight.grad
    assert reaches.abs().sum() > 0
    save_model(tmp_path, model.backbone, model.classifier)
    backbone, classifier = load_model(tmp_path)
    assert classifier.config.features == features
    again = PretrainingModel(backbone, classifier)(images(2), mask)
    torch.testing.assert_close(again.logits, outputs.logits)
    named = Restorer(backbone, classifier, "cpu").classify(images(2)[0])
    assert sum(named.values()) == pytest.approx(1)


def test_several_types_at_once_have_a_likelihood_each(tmp_path):
    model = build("maskdcpt", multi_label=True)
    save_model(tmp_path, model.backbone, model.classifier)
    backbone, classifier = load_model(tmp_path)
    assert classifier.multi_label
    image = images(2)[:1]
    named = Restorer(backbone, classifier, "cpu").classify(image[0])
    logits = classifier(backbone.forward_features(image).stages)[0]
    for name, logit in zip(CLASSES, logits, strict=True):
        assert named[name] == pytest.approx(torch.sigmoid(logit).item(), rel=1e-5)


def test_accuracy_of_several_types_wants_all_of_them_right():
    logits = torch.tensor([[2.0, -1.0, 3.0], [1.0, 1.0, -1.0]])
    targets = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    terms = classification_terms(logits, targets)
    assert terms["accuracy"] == 0.5
    assert terms["classification"] == multi_label_focal_loss(logits, targets, 2.0, None)


def test_alpha_gamma_and_weights_reach_the_loss(mask):
    outputs, _, terms = step(build("maskdcpt"), mask)
    config = LossConfig(alpha=3.0, gamma=0.0, class_weights=(1.0, 2.0, 5.0))
    total, weighted = pretraining_loss(outputs, images(1), torch.tensor([0, 2]), mask, config)
    log_p = outputs.logits.log_softmax(1)
    assert weighted["classification"].item() == pytest.approx(-(log_p[0, 0] + 5 * log_p[1, 2]).item() / 2, rel=1e-6)
    assert total.item() == pytest.approx((3 * terms["reconstruction"] + weighted["classification"]).item(), rel=1e-6)
    assert terms["classification"] == focal_loss(outputs.logits, torch.tensor([0, 2]), 2.0)


@pytest.mark.parametrize("over", ["all", "visible", "hidden"])
def test_the_pixels_of_the_loss_are_those_that_are_named(over, mask):
    outputs, _, _ = step(build("reconstruction", tokens=True), mask)
    _, terms = pretraining_loss(outputs, images(1), torch.tensor([0, 2]), mask, LossConfig(pixels=over))
    visible = mask.at((32, 32)).expand(2, 3, 32, 32)
    chosen = {"all": torch.ones_like(visible), "visible": visible, "hidden": ~visible}[over]
    expected = (outputs.image - images(1)).double().abs()[chosen].mean()
    assert terms["reconstruction"].item() == pytest.approx(expected.item(), rel=1e-6)


DATA = DataConfig(types=CLASSES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "dcpt", "decoder": ReconstructionConfig(tokens=True)}, "method 'dcpt' does not"),
        (
            {"method": "classification", "decoder": ReconstructionConfig(tokens=True)},
            "method 'classification' does not",
        ),
        ({"loss": LossConfig(pixels="hidden")}, "without decoder.tokens nothing rebuilds hidden pixels"),
        ({"loss": LossConfig(pixels="visible"), "method": "unmasked"}, "'all' is the same"),
        ({"loss": LossConfig(class_weights=(1.0, 2.0))}, "has 2 entries for 3 classes"),
        (
            {
                "loss": LossConfig(pixels="hidden"),
                "decoder": ReconstructionConfig(tokens=True),
                "mask": MaskConfig(ratio=0.0),
            },
            "mask.ratio is 0",
        ),
    ],
)
def test_switches_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        PretrainConfig(data=DATA, **changes)
    assert dataclasses.replace(PretrainConfig(data=DATA)).method == "maskdcpt"
