"""The classifier that reads statistics of features, against statistics worked out by hand."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

import maskdcpt
from maskdcpt.errors import UserError
from maskdcpt.inference import RestoreOptions, Restorer
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import StatisticsClassifier, StatisticsConfig, classifier_features, load_model, save_model
from maskdcpt.pretraining.statistics import FAINTEST, build_statistics

CLASSES = ("noise", "haze", "clean")
BACKBONES = {
    "nafnet": {"width": 4, "encoder_blocks": (1, 1), "middle_blocks": 1, "decoder_blocks": (1, 1)},
    "restormer": {"width": 4, "blocks": (1, 1, 1), "heads": (1, 2, 2), "refinement_blocks": 1},
    "swinir": {"width": 6, "encoder_blocks": (1,), "decoder_blocks": (1, 1), "heads": 2, "window": 4},
}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request):
    torch.manual_seed(0)
    return maskdcpt.create_backbone(request.param, **BACKBONES[request.param]).eval()


def features_of(backbone, x, classifier, mask=None):
    return classifier_features(backbone.forward_features(x, mask, early=True), backbone, classifier.config.features)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 3))
def test_statistics_are_those_of_numpy_in_double_precision(seed, rows, columns):
    classifier = StatisticsClassifier((3, 2), (1, 2), CLASSES, StatisticsConfig(hidden=4))
    fine = torch.randn(2, 3, 4 * rows, 4 * columns, generator=seeded(seed))
    coarse = torch.randn(2, 2, 2 * rows, 2 * columns, generator=seeded(seed + 1)) + 1
    found = classifier.statistics(classifier.evidence([fine, coarse])).double().numpy()

    def logarithms(blocks):
        details = blocks @ np.array([[1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).T / 2
        return np.log(np.array([blocks.var(), *(details**2).mean(0)]) + FAINTEST)

    def blocks_of(channel):
        return channel.reshape(len(channel) // 2, 2, -1, 2).transpose(0, 2, 1, 3).reshape(-1, 4)

    def expected(channel):
        side = len(channel) // rows
        cells = [
            channel[top : top + side, left : left + side]
            for top in range(0, len(channel), side)
            for left in range(0, channel.shape[1], side)
        ]
        local = np.array([[cell.mean(), *logarithms(blocks_of(cell))] for cell in cells])
        return [channel.mean(), *logarithms(blocks_of(channel)), *local.mean(0)[1:], *local.std(0)]

    for image in range(2):
        columns_of = [[expected(channel) for channel in feature[image].double().numpy()] for feature in (fine, coarse)]
        wanted = np.concatenate([np.array(stage).T.ravel() for stage in columns_of])
        assert found[image] == pytest.approx(wanted, abs=2e-3)


def test_what_is_hidden_says_nothing(backbone):
    classifier = build_statistics(backbone, CLASSES, StatisticsConfig(hidden=8))
    unit = classifier.unit
    mask = VisibleMask(torch.tensor([[[[True, False], [False, True]]]]))
    side = max(unit, backbone.stride)
    image = torch.rand(1, 3, 2 * side, 2 * side, generator=seeded(1))
    other = torch.where(mask.at(image.shape[-2:]), image, torch.rand(image.shape, generator=seeded(2)))
    with torch.no_grad():
        logits = [classifier(features_of(backbone, x, classifier, mask), mask) for x in (image, other)]
        whole = [classifier(features_of(backbone, x, classifier)) for x in (image, other)]
    assert torch.equal(*logits)
    assert not torch.allclose(*whole)


def test_standardised_statistics_have_mean_0_and_deviation_1(backbone):
    classifier = build_statistics(backbone, CLASSES, StatisticsConfig(hidden=8))
    images = torch.rand(6, 3, 16, 16, generator=seeded(3)) * torch.linspace(0.2, 1, 6)[:, None, None, None]
    with torch.no_grad():
        statistics = classifier.statistics(classifier.evidence(features_of(backbone, images, classifier)))
    classifier.standardise(statistics)
    seen = (statistics - classifier.centre) / classifier.spread
    assert torch.allclose(seen.mean(0), torch.zeros(()), atol=1e-3)
    varied = statistics.std(0) > 1e-3
    assert varied.float().mean() > 0.9
    assert torch.allclose(seen.std(0)[varied], torch.ones(()), atol=1e-3)


def test_weights_with_it_load_as_they_were_saved_and_name_damage_in_tiles_as_in_whole(backbone, tmp_path):
    classifier = build_statistics(backbone, CLASSES, StatisticsConfig(hidden=8))
    images = torch.rand(4, 3, 16, 16, generator=seeded(4)) * torch.linspace(0.2, 1, 4)[:, None, None, None]
    with torch.no_grad():
        classifier.standardise(classifier.statistics(classifier.evidence(features_of(backbone, images, classifier))))
    save_model(tmp_path, backbone, classifier)
    _, loaded = load_model(tmp_path)
    assert isinstance(loaded, StatisticsClassifier)
    for name, tensor in classifier.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name

    photo = torch.rand(3, 150, 180, generator=seeded(5))
    whole = Restorer.from_pretrained(tmp_path, device="cpu").classify(photo)
    tiled = Restorer.from_pretrained(tmp_path, device="cpu", options=RestoreOptions(tile=64)).classify(photo)
    assert set(whole) == set(CLASSES)
    assert tiled == pytest.approx(whole, abs=1e-3)


def test_an_unknown_kind_of_classifier_is_refused(backbone, tmp_path):
    save_model(tmp_path, backbone, build_statistics(backbone, CLASSES, StatisticsConfig(hidden=8)))
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"statistics"', '"oracle"', 1))
    with pytest.raises(UserError, match=r"kind is 'oracle'; 'network' and 'statistics' are known"):
        load_model(tmp_path)
