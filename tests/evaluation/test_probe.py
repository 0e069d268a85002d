"""Telling damage from features: what is shown, what is hidden, who votes, and that no image is on both sides."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from maskdcpt.backbones import create_backbone
from maskdcpt.data import EmbeddedImages
from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.evaluation.classifiers import (
    embed,
    linear_standardised,
    nearest_by_distance,
    nearest_standardised,
)
from maskdcpt.evaluation.features import pool, read, squared_distances
from maskdcpt.evaluation.probe import PROBES, probe, probe_rows
from maskdcpt.evaluation.probe_samples import (
    PROTOCOLS,
    ProbeProtocol,
    divide,
    draw_visible,
    find_probe_protocol,
    make_samples,
)
from maskdcpt.evaluation.random_networks import NAMES, random_network
from maskdcpt.masking import VisibleMask

CPU = torch.device("cpu")
SMALL = ProbeProtocol("small", ("gaussian_noise", "haze", "low_light"), samples=9, side=32)


class Pictures:
    """Generated pictures of 40 x 36 pixels."""

    def __init__(self, count: int) -> None:
        self.names = [f"picture-{index}" for index in range(count)]

    def __getitem__(self, index: int) -> torch.Tensor:
        return procedural_image(index, (40, 36))


@pytest.fixture(scope="module")
def samples():
    return make_samples(SMALL, Pictures(12))


@pytest.fixture(scope="module")
def net():
    network = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1])
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return network.eval()


def reference_vote(features, labels, train, test, neighbours):
    """Nearest neighbours, sample by sample, in double precision."""
    named = []
    for sample in test:
        distances = [float(np.sum((features[sample] - features[other]) ** 2)) for other in train]
        nearest = [labels[train[place]] for place in np.argsort(distances, kind="stable")[:neighbours]]
        counts = np.bincount(nearest)
        named.append(int(counts.argmax()))  # the first of equals
    return named


# What is shown


def test_the_protocols_are_the_paper_s_five_classes_and_all_nineteen():
    five = find_probe_protocol("5d")
    assert (len(five.types), five.samples, five.side, five.neighbours) == (5, 100, 128, 5)
    assert five.seeds == (0, 223, 929, 1234, 10086)
    assert five.chance == 0.2
    assert find_probe_protocol("19").types == CATALOGUE.names
    assert set(PROTOCOLS) == {"5d", "19"}


def test_every_image_is_once_in_every_class(samples):
    assert samples.images.shape == (27, 3, 32, 32)
    pairs = set(zip(samples.sources.tolist(), samples.labels.tolist(), strict=True))
    assert len(pairs) == 27
    assert len(set(samples.sources.tolist())) == 9


def test_samples_depend_on_type_and_image_alone(samples):
    again = make_samples(SMALL, Pictures(12))
    assert torch.equal(samples.images, again.images)
    fewer = ProbeProtocol("other", ("haze", "gaussian_noise"), samples=9, side=32)
    other = make_samples(fewer, Pictures(12))
    assert torch.equal(other.images[other.labels == 0], samples.images[samples.labels == 1])


def test_levels_differ_between_images():
    many = make_samples(ProbeProtocol("noise", ("gaussian_noise", "haze"), samples=30, side=16), Pictures(30))
    originals = torch.stack([Pictures(30)[index][:, 12:28, 10:26] for index in many.sources[many.labels == 0]])
    deviations = (many.images[many.labels == 0] - originals).std((1, 2, 3)) * 255
    assert deviations.max() > 3 * deviations.min()


def test_two_thirds_are_learnt_from_and_no_image_is_on_both_sides(samples):
    sides = []
    for seed in SMALL.seeds:
        train, test = divide(SMALL, samples, seed)
        assert (len(train), len(test)) == (18, 9)
        assert not set(samples.sources[train]) & set(samples.sources[test])
        assert sorted([*train, *test]) == list(range(27))
        assert np.bincount(samples.labels[test]).tolist() == [3, 3, 3]
        sides.append(tuple(test))
    assert len(set(sides)) > 1
    assert np.array_equal(divide(SMALL, samples, 0)[1], sides[0])


# What is hidden


def test_each_sample_has_its_own_mask_and_ratios_are_nested():
    masks = {ratio: draw_visible(SMALL, ratio, 8) for ratio in (0.25, 0.5, 0.75)}
    assert draw_visible(SMALL, 0, 8) is None
    for ratio, mask in masks.items():
        assert mask.shape == (27, 1, 4, 4)
        assert mask.sum((1, 2, 3)).tolist() == [16 * (1 - ratio)] * 27
    assert not (masks[0.75] & ~masks[0.5]).any()
    assert not (masks[0.5] & ~masks[0.25]).any()
    assert len(masks[0.5].flatten(1).unique(dim=0)) > 20


def test_features_do_not_see_hidden_pixels(samples, net):
    visible = draw_visible(SMALL, 0.5, 8)
    shown = VisibleMask(visible).at((32, 32))
    changed = torch.where(shown, samples.images, torch.rand(27, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert not torch.equal(changed, samples.images)
    one, two = (read(net, images, visible, ("last", "pooled"), CPU) for images in (samples.images, changed))
    assert np.array_equal(one.last, two.last)
    assert np.array_equal(one.pooled, two.pooled)
    whole = read(net, samples.images, None, ("pooled",), CPU)
    assert whole.last is None
    assert not np.allclose(whole.pooled, one.pooled)


def test_features_are_those_of_the_visible_positions(samples, net):
    visible = draw_visible(SMALL, 0.5, 8)
    reading = read(net, samples.images, visible, ("last", "pooled"), CPU)
    with torch.no_grad():
        features = net.forward_features(samples.images, VisibleMask(visible))
    flat, moments = [], []
    for index in range(27):
        row, means, deviations = [], [], []
        cells = visible[index, 0].nonzero().tolist()
        for stage in (*features.stages, None):
            whole = (features.last if stage is None else stage)[index].double()
            side = whole.shape[-1] // 4
            patches = [whole[:, y * side : (y + 1) * side, x * side : (x + 1) * side] for y, x in cells]
            values = torch.cat([patch.flatten(1) for patch in patches], 1)
            if stage is None:
                row.append(values.flatten())
            else:
                means.append(values.mean(1))
                deviations.append(values.std(1, correction=0))
        flat.append(torch.cat(row))
        moments.append(torch.cat([*means, *deviations]))
    # Within a channel the order of positions is the same in every sample, so distances do not depend on it.
    expected = torch.cdist(torch.stack(flat), torch.stack(flat)).square()
    assert reading.last == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-4)
    assert reading.pooled == pytest.approx(torch.stack(moments).numpy(), rel=1e-4, abs=1e-5)


def test_pooling_is_mean_and_deviation():
    stage = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]], [[2.0, 2.0], [2.0, 2.0]]]])
    assert pool([stage]).tolist()[0] == pytest.approx([4, 2, 5**0.5, 0])


def test_distances_keep_small_differences_of_large_numbers():
    generator = torch.Generator().manual_seed(0)
    rows = 1000 + 0.01 * torch.rand(20, 70_000, generator=generator)
    expected = torch.cdist(rows.double(), rows.double()).square().numpy()
    assert squared_distances(rows.clone()) == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_features_that_are_no_numbers_are_refused(samples, net):
    broken = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1])
    broken.load_state_dict(net.state_dict())
    broken.intro.weight.data.fill_(float("nan"))
    with pytest.raises(UserError, match="the features are not finite"):
        read(broken, samples.images, None, ("last",), CPU)


def test_features_that_do_not_fit_into_memory_are_refused(samples, net, monkeypatch):
    monkeypatch.setattr("maskdcpt.evaluation.features.free_memory", lambda device: 409600)
    with pytest.raises(UserError, match=r"the last features of 27 images take .*--features pooled"):
        read(net, samples.images, None, ("last",), CPU)


# Who votes


@pytest.fixture(scope="module")
def cloud():
    """Points of four classes that overlap, half of them to learn from."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 4
    features = rng.normal(size=(120, 6)) * [1, 10, 1, 1, 0.1, 1] + labels[:, None] * 0.7
    order = rng.permutation(120)
    return features, labels, order[:80], order[80:]


def test_neighbours_vote_as_in_a_plain_reference(cloud):
    features, labels, train, test = cloud
    named = nearest_by_distance(squared_distances(torch.from_numpy(features.copy())), labels, train, test, 5)
    assert named.tolist() == reference_vote(features, labels, train, test, 5)
    # And as the class that the paper's predecessor calls votes on the features themselves.
    model = KNeighborsClassifier(5).fit(features[train], labels[train])
    assert named.tolist() == model.predict(features[test]).tolist()


def test_standardising_uses_the_training_part_alone(cloud):
    features, labels, train, test = cloud
    scaled = (features - features[train].mean(0)) / features[train].std(0)
    assert nearest_standardised(features, labels, train, test, 5).tolist() == reference_vote(
        scaled, labels, train, test, 5
    )


def test_the_linear_classifier_is_the_minimum_of_its_loss(cloud):
    features, labels, train, test = cloud
    named = linear_standardised(features, labels, train, test)
    x = torch.from_numpy((features - features[train].mean(0)) / features[train].std(0))
    weight = torch.zeros(6, 4, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    def loss():
        optimizer.zero_grad()
        scores = x[train] @ weight + bias
        total = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels[train]), reduction="sum")
        total = total + weight.square().sum() / 2  # C = 1
        total.backward()
        return total

    optimizer.step(loss)
    assert named.tolist() == (x[test] @ weight + bias).argmax(1).tolist()


def test_perfect_features_give_certainty_and_shuffled_labels_chance():
    rng = np.random.default_rng(1)
    labels = np.arange(600) % 5
    perfect = np.eye(5)[labels] + rng.normal(size=(600, 5)) * 0.01
    shuffled = rng.permutation(labels)
    order = rng.permutation(600)
    train, test = order[:400], order[400:]
    squared = squared_distances(torch.from_numpy(perfect.copy()))
    for classes, low, high in ((labels, 1.0, 1.0), (shuffled, 0.1, 0.3)):
        for named in (
            nearest_by_distance(squared, classes, train, test, 5),
            nearest_standardised(perfect, classes, train, test, 5),
            linear_standardised(perfect, classes, train, test),
        ):
            assert low <= np.mean(named == classes[test]) <= high


def test_the_plane_keeps_neighbours_and_is_the_same_every_time():
    rng = np.random.default_rng(2)
    labels = np.arange(60) % 3
    squared = squared_distances(torch.from_numpy(10 * np.eye(3)[labels] + rng.normal(size=(60, 3)) * 0.1))
    positions = embed(squared)
    assert positions.shape == (60, 2)
    assert np.array_equal(positions, embed(squared))
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1) + np.diag([np.inf] * 60)
    assert np.mean(labels[distances.argmin(1)] == labels) == 1


# Altogether


def test_a_probe_has_a_row_for_all_and_the_same_ones_again(net):
    first, second = (
        probe(SMALL, {"a": net, "b": random_network("nafnet-small", 0)}, Pictures(9), ratios=(0.0, 0.5), device=CPU)
        for _ in range(2)
    )
    rows = probe_rows(SMALL, first[1])
    assert rows == probe_rows(SMALL, second[1])
    assert len(rows) == 2 * 2 * len(PROBES) * 5
    assert {(row.classifier, row.features) for row in rows} == set(PROBES)
    for result in first[1]:
        assert (result.positions is not None) == (result.mask_ratio == 0)
        for score in result.scores.values():
            assert score.confusion.sum(1).tolist() == [15, 15, 15]  # 3 images a class in each of 5 divisions
            # Divisions are of one size, so the confusion's diagonal and the accuracies say the same.
            assert np.trace(score.confusion) / 45 == pytest.approx(score.mean)


def test_a_network_that_paints_its_class_is_found_out():
    images = EmbeddedImages("test", generated=9)
    protocol = ProbeProtocol("pair", ("low_light", "haze"), samples=12, side=64)
    _, found = probe(protocol, {"net": random_network("nafnet-small", 0)}, images, device=CPU)
    # Bright haze and darkness: whatever keeps brightness tells them apart.
    assert all(score.mean > 0.9 for score in found[0].scores.values())


def test_random_weights_are_those_of_their_seed():
    state = torch.get_rng_state()
    one, same, other = (random_network("swinir-small", seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["conv_first.weight"], other["conv_first.weight"])


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-small")])
def test_every_small_network_can_be_probed_masked(name, samples):
    visible = draw_visible(SMALL, 0.5, 16)[:4]
    reading = read(random_network(name, 0), samples.images[:4], visible, ("last", "pooled"), CPU)
    assert reading.last.shape == (4, 4)
    assert (reading.last[~np.eye(4, dtype=bool)] > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"types": ("haze",)}, "two or more are needed"),
        ({"types": ("haze", "haze")}, "each only once"),
        ({"types": ("haze", "hase")}, "types: unknown degradation 'hase'; did you mean 'haze'?"),
        ({"types": ("haze", "webp")}, "types: all levels of 'webp' are held out"),
        ({"types": ("noise", "gaussian_noise")}, "a type and a kind of it cannot both be classes"),
        ({"samples": 5}, "samples is 5; it lies in"),
    ],
)
def test_protocols_that_make_no_sense_are_refused(change, message):
    with pytest.raises(UserError) as error:
        ProbeProtocol(**{"name": "x", "types": ("haze", "snow"), **change})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (8, {}, "8 clean images, and 9 are needed, one a sample of each type; --samples 8 takes no more"),
        (2, {}, "6 are the least, with --samples 6"),
        (9, {"ratios": (0.5,), "patch": 5}, "crop is 32 and patch 5; a crop is a whole number of patches"),
        (9, {"ratios": (0.5,), "patch": 2}, "net: patch is 2; it is a multiple of 4, the network's stride"),
        (9, {"ratios": (1.0,)}, "mask ratio is 1.0; the share of hidden patches lies in [0, 1)"),
        (9, {"ratios": (0.0, 0.0)}, "each only once"),
        (9, {"kinds": ()}, "one kind of features"),
    ],
)
def test_what_cannot_be_probed_is_refused(net, count, options, message):
    with pytest.raises(UserError) as error:
        probe(SMALL, {"net": net}, Pictures(count), device=CPU, **options)
    assert message in str(error.value)


def test_images_smaller_than_the_crop_are_refused():
    with pytest.raises(UserError, match="picture-0: 40x36 pixels, and the crop is 64; --crop takes a smaller one"):
        make_samples(ProbeProtocol("x", ("haze", "snow"), samples=6, side=64), Pictures(6))
