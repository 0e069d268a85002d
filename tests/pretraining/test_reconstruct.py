"""The decoder with mask tokens, and the choice of features for the classifier."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import maskdcpt
from maskdcpt.backbones import FeatureInfo, adapt
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask, ZeroedView
from maskdcpt.pretraining import (
    ClassificationDecoder,
    ClassifierConfig,
    ReconstructionConfig,
    ReconstructionDecoder,
    classifier_channels,
    classifier_features,
    pixel_l1,
)

# All of stride 4, and with windows of 4.
BACKBONES = {
    "nafnet": {"width": 8, "encoder_blocks": (1, 1), "middle_blocks": 1, "decoder_blocks": (1, 1)},
    "restormer": {"width": 8, "blocks": (1, 1, 1), "heads": (1, 2, 2), "refinement_blocks": 1},
    "promptir": {
        "width": 8,
        "blocks": (1, 1, 1),
        "heads": (1, 2, 2),
        "refinement_blocks": 1,
        "prompt_channels": (4, 8),
        "prompt_sizes": (6, 3),
    },
    "swinir": {"width": 12, "encoder_blocks": (1, 1), "decoder_blocks": (1, 1, 1), "heads": 2, "window": 4},
}
PATCH = 16


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request):
    torch.manual_seed(0)
    return maskdcpt.create_backbone(request.param, **BACKBONES[request.param])


@pytest.fixture
def decoder(backbone):
    return ReconstructionDecoder(backbone.feature_info, PATCH, ReconstructionConfig(width=16))


def rebuild(backbone, decoder, x, mask):
    return decoder(backbone.forward_features(x, mask).stages, mask, (x.shape[-2], x.shape[-1]))


@pytest.mark.parametrize("size", [(48, 32), (41, 50), (16, 16)])
@torch.no_grad()
def test_the_whole_image_is_rebuilt_whatever_its_size(backbone, decoder, size):
    grid = tuple(math.ceil(extent / PATCH) for extent in size)
    x = torch.rand(2, 3, *size, generator=seeded(1))
    for mask in (VisibleMask.random(2, grid, generator=seeded(2)), None):
        assert rebuild(backbone, decoder, x, mask).shape == x.shape


@torch.no_grad()
def test_only_visible_pixels_are_read(backbone, decoder):
    x = torch.rand(2, 3, 48, 48, generator=seeded(1))
    mask = VisibleMask.random(2, (3, 3), generator=seeded(2))
    hidden = ~mask.at((48, 48)).expand_as(x)
    expected = rebuild(backbone, decoder, x, mask)
    assert torch.equal(rebuild(backbone, decoder, x.masked_fill(hidden, float("nan")), mask), expected)
    stages = [
        torch.where(mask.at(stage.shape[-2:]), stage, float("nan"))
        for stage in backbone.forward_features(x, mask).stages
    ]
    assert torch.equal(decoder(stages, mask, (48, 48)), expected)


@torch.no_grad()
def test_every_hidden_pixel_hears_of_what_is_visible_around_its_patch(backbone, decoder):
    visible = torch.ones(1, 1, 3, 3, dtype=torch.bool)
    visible[..., 1, 1] = False
    mask = VisibleMask(visible)
    hidden = ~mask.at((48, 48))[0, 0]
    dark, light = (rebuild(backbone, decoder, torch.full((1, 3, 48, 48), value), mask)[0] for value in (0.2, 0.8))
    assert (dark - light).abs().amin(0)[hidden].min() > 0


def test_gradients_reach_the_tokens_and_everything_else(backbone, decoder):
    for index, parameter in enumerate(backbone.parameters()):
        nn.init.normal_(parameter, std=0.2, generator=seeded(index))
    mask = VisibleMask.random(2, (3, 3), generator=seeded(2))
    image = rebuild(backbone, decoder, torch.rand(2, 3, 48, 48, generator=seeded(1)), mask)
    pixel_l1(image, torch.zeros_like(image), mask.at((48, 48)), "hidden").backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert all(parameter.grad.abs().max() > 0 for parameter in backbone.parameters() if parameter.grad is not None)
    assert sum(parameter.grad is not None for parameter in backbone.parameters()) > 10


@torch.no_grad()
def test_both_views_give_the_same_image(backbone, decoder, monkeypatch):
    backbone.double()
    decoder.double()
    mask = VisibleMask.random(2, (3, 3), generator=seeded(2))
    x = torch.rand(2, 3, 48, 48, generator=seeded(1), dtype=torch.float64)
    gathered = rebuild(backbone, decoder, x, mask)
    monkeypatch.setattr("maskdcpt.backbones.base.view_of", ZeroedView)
    assert torch.allclose(rebuild(backbone, decoder, x, mask), gathered, rtol=1e-8, atol=1e-8)


@torch.no_grad()
def test_a_mask_without_hidden_patches_is_none(backbone, decoder):
    stages = backbone.forward_features(torch.rand(1, 3, 32, 32, generator=seeded(1))).stages
    mask = VisibleMask.random(1, (2, 2), 0.0, generator=seeded(2))
    assert torch.equal(decoder(stages, mask, (32, 32)), decoder(stages, None, (32, 32)))


@torch.no_grad()
def test_half_precision_and_masks_of_another_batch(backbone, decoder):
    x = torch.rand(2, 3, 32, 32, generator=seeded(1))
    mask = VisibleMask.random(2, (2, 2), generator=seeded(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = rebuild(backbone, decoder, x, mask)
    assert (y - rebuild(backbone, decoder, x, mask)).abs().max() < 0.1
    with pytest.raises(UserError, match="a mask for 1 images does not fit a batch of 2"):
        decoder(backbone.forward_features(x).stages, VisibleMask(mask.visible[:1]), (32, 32))


@pytest.mark.parametrize(
    ("strides", "levels"),
    [((1, 2, 4, 8), 5), ((1, 2), 5), ((1, 1, 1), 5), ((2, 8), 3), ((4,), 3), ((16, 32), 2), ((1, 1, 2), 5)],
)
@torch.no_grad()
def test_levels_go_down_to_one_position_a_patch_from_any_stages(strides, levels):
    stages = [FeatureInfo(f"stage{index}", 3, stride) for index, stride in enumerate(strides)]
    decoder = ReconstructionDecoder(stages, PATCH, ReconstructionConfig(width=4))
    assert len(decoder.levels) == levels
    features = [torch.rand(1, 3, 96 // stride, 64 // stride, generator=seeded(1)) for stride in strides]
    assert decoder(features, None, (90, 64)).shape == (1, 3, 90, 64)


def test_hidden_pixels_can_be_learned():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    image = 0.5 + 0.4 * torch.stack([(x / 12 - y / 25).sin(), (y / 15).cos(), ((x + y) / 20).sin()])[None]
    torch.manual_seed(0)
    backbone = maskdcpt.create_backbone("nafnet", **BACKBONES["nafnet"])
    decoder = ReconstructionDecoder(backbone.feature_info, PATCH, ReconstructionConfig(width=16))
    optimizer = torch.optim.AdamW([*backbone.parameters(), *decoder.parameters()], lr=3e-3)
    masks, unseen = seeded(1), VisibleMask.random(1, (4, 4), generator=seeded(3))

    def error(mask):
        return pixel_l1(rebuild(backbone, decoder, image, mask), image, mask.at((64, 64)), "hidden")

    for _ in range(60):
        optimizer.zero_grad()
        error(VisibleMask.random(1, (4, 4), generator=masks)).backward()
        optimizer.step()
    visible = unseen.at((64, 64))
    best_constant = image[0, :, ~visible[0, 0]].median(1).values[None, :, None, None]
    assert error(unseen) < 0.4 * pixel_l1(best_constant.expand_as(image), image, visible, "hidden")


# --- what the classifier reads ---


def features_of(backbone, which):
    x = torch.rand(2, 3, 32, 32, generator=seeded(1))
    mask = VisibleMask.random(2, (2, 2), generator=seeded(2))
    features = backbone.forward_features(x, mask, early=which == "all")
    return features, mask, classifier_features(features, backbone, which)


@pytest.mark.parametrize("which", ["latter-half", "last", "all"])
def test_a_classifier_can_read_each_choice_of_features(backbone, which):
    features, mask, chosen = features_of(backbone, which)
    channels = classifier_channels(backbone, which)
    assert [feature.shape[1] for feature in chosen] == channels
    decoder = ClassificationDecoder(channels, ("a", "b", "c"), ClassifierConfig(blocks=1))
    assert decoder(chosen, mask).shape == (2, 3)
    parts = {"latter-half": features.stages, "last": features.stages[:1], "all": [*features.stages, *features.early]}
    assert sum(channels) == sum(part.shape[1] for part in parts[which])
    rows = torch.cat([feature.transpose(0, 1).flatten(1).sum(1) for feature in chosen]).sort().values
    expected = torch.cat([part.transpose(0, 1).flatten(1).sum(1) for part in parts[which]]).sort().values
    assert torch.allclose(rows, expected)  # every channel is there once


def test_all_features_join_those_that_mirror_one_another(backbone):
    features, _, chosen = features_of(backbone, "all")
    # SwinIR has a stage less in its first half here.
    for index, (own, joined) in enumerate(zip(features.stages, chosen, strict=True)):
        assert torch.equal(joined[:, : own.shape[1]], own)
        if index < len(features.early):
            assert torch.equal(joined[:, own.shape[1] :], features.early[index])
        else:
            assert joined.shape == own.shape


def test_all_features_need_those_of_the_first_half(backbone):
    features = backbone.forward_features(torch.rand(1, 3, 16, 16))
    with pytest.raises(UserError, match="early=True"):
        classifier_features(features, backbone, "all")
    body, head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
    own = adapt(nn.Sequential(body, head), ["0"], "1")
    assert classifier_channels(own, "last") == classifier_channels(own, "latter-half") == [4]
    with pytest.raises(UserError, match=r"does not tell the stages of its first half; .*'latter-half' or 'last'"):
        classifier_channels(own, "all")


def test_more_first_stages_than_latter_ones_are_all_read():
    backbone = maskdcpt.create_backbone(
        "swinir", width=6, encoder_blocks=[1, 1, 1], decoder_blocks=[1, 1], heads=2, window=4
    )
    assert classifier_channels(backbone, "all") == [12, 18]
    features = backbone.forward_features(torch.rand(1, 3, 8, 8, generator=seeded(1)), early=True)
    chosen = classifier_features(features, backbone, "all")
    assert torch.equal(chosen[1], torch.cat([features.stages[1], *features.early[1:]], 1))
    assert F.mse_loss(*features.early[1:]) > 0
