import pickle

import numpy as np
import pytest
import torch

from maskdcpt.data import CachedImages, CentralCrops, DataConfig, DegradedCrops, EmbeddedImages, training_batches
from maskdcpt.errors import UserError


class Ramp:
    """Two images of different size, whose red channel counts rows and whose green channel counts columns."""

    names = ("wide", "small")

    def __getitem__(self, index):
        height, width = ((50, 90), (10, 40))[index]
        rows = torch.arange(height).float()[:, None].expand(height, width) / 255
        columns = torch.arange(width).float()[None].expand(height, width) / 255
        return torch.stack([rows, columns, torch.full((height, width), 128 / 255)])


CONFIG = DataConfig(crop=32, workers=0)


def test_a_sample_is_decided_by_its_number_and_the_seed():
    samples = DegradedCrops(Ramp(), CONFIG, seed=3)
    forward = [samples[index] for index in range(6)]
    backward = [DegradedCrops(Ramp(), CONFIG, seed=3)[index] for index in reversed(range(6))][::-1]
    np.random.seed(0)  # noqa: NPY002  (global state must not matter)
    for one, other in zip(forward, backward, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    other_seed = DegradedCrops(Ramp(), CONFIG, seed=4)
    assert any(not torch.equal(forward[index].clean, other_seed[index].clean) for index in range(6))


def test_degraded_and_clean_show_the_same_place():
    samples = DegradedCrops(Ramp(), DataConfig(crop=32, types=("gaussian_noise",)), seed=0)
    for index in range(20):
        sample = samples[index]
        assert sample.clean.shape == sample.degraded.shape == (3, 32, 32)
        assert not torch.equal(sample.clean, sample.degraded)
        assert (sample.clean - sample.degraded).mean().abs() < 0.05


def test_all_eight_views_and_all_types_occur_about_equally_often():
    samples = DegradedCrops(Ramp(), CONFIG, seed=0)
    views, labels = {}, np.zeros(len(CONFIG.types), int)
    for index in range(2400):
        sample = samples[index]
        labels[sample.label] += 1
        red, green = sample.clean[0], sample.clean[1]
        if green.max() - green.min() < 0.11:
            continue  # the small image, padded by repeating its border
        steps = tuple(channel.diff(dim=axis).sum().sign().item() for channel in (red, green) for axis in (0, 1))
        views[steps] = views.get(steps, 0) + 1
    share = 1 / len(CONFIG.types)
    assert (abs(labels - 2400 * share) < 4.5 * np.sqrt(2400 * share * (1 - share))).all(), labels
    assert len(views) == 8
    assert min(views.values()) > 0.5 * max(views.values())


def test_every_place_of_an_image_is_reached():
    class One(Ramp):
        names = ("wide",)

    samples = DegradedCrops(One(), CONFIG, seed=0)
    corners = {
        (round(float(c[0].min() * 255)), round(float(c[1].min() * 255))) for c in (samples[i].clean for i in range(900))
    }
    assert {top for top, _ in corners} == set(range(19))
    assert {left for _, left in corners} == set(range(59))


def test_batches_are_the_samples_in_order_from_any_step():
    samples = DegradedCrops(Ramp(), CONFIG, seed=5)
    batches = list(training_batches(Ramp(), CONFIG, batch=3, steps=range(2, 4), seed=5))
    assert len(batches) == 2
    for step, batch in zip(range(2, 4), batches, strict=True):
        for place in range(3):
            assert torch.equal(batch.clean[place], samples[step * 3 + place].clean)
            assert torch.equal(batch.degraded[place], samples[step * 3 + place].degraded)
            assert batch.label[place] == samples[step * 3 + place].label


def test_the_two_splits_of_embedded_images_share_nothing():
    train, test = EmbeddedImages("train"), EmbeddedImages("test")
    assert not set(train.names) & set(test.names)
    assert not torch.equal(train[len(train.names) - 1], test[len(test.names) - 1])
    for images in (train, test):
        image = images[0]
        assert image.dtype == torch.float32
        assert 0 <= image.min() < image.max() <= 1


def test_cache_returns_what_it_was_given_and_forgets_the_oldest():
    class Counted(Ramp):
        def __init__(self):
            self.reads = []

        def __getitem__(self, index):
            self.reads.append(index)
            return super().__getitem__(index)

    images = Counted()
    cache = CachedImages(images, limit=3 * 50 * 90 + 1)
    assert torch.equal(cache[0], Ramp()[0])
    assert torch.equal(cache[0], Ramp()[0])
    assert torch.equal(cache[1], Ramp()[1])
    assert torch.equal(cache[0], Ramp()[0])
    assert images.reads == [0, 1, 0]


def test_central_crops():
    crops = CentralCrops(Ramp(), 30)
    assert crops[0].shape == (3, 30, 30)
    assert torch.equal(crops[0], Ramp()[0][:, 10:40, 30:60])
    assert crops[1].shape == (3, 10, 30)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"types": ("hazze",)}, "did you mean 'haze'"),
        ({"types": ()}, "at least one type"),
        ({"types": ("haze", "haze")}, "only once"),
        ({"types": ("gaussan_noise",)}, "did you mean 'gaussian_noise'"),
        ({"types": ("webp",)}, "all levels of 'webp' are held out"),
        ({"types": ("noise", "gaussian_noise")}, "a type and a kind of it cannot both be classes"),
        ({"crop": 0}, "at least 1"),
        ({"workers": -1}, "at least 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        DataConfig(**wrong)


def test_samples_travel_to_worker_processes_that_start_afresh():
    for images in (EmbeddedImages("train"), CentralCrops(EmbeddedImages("test"), 64)):
        samples = DegradedCrops(images, CONFIG, seed=1)
        before = samples[1]
        copied = pickle.loads(pickle.dumps(samples))
        assert all(torch.equal(a, b) for a, b in zip(copied[1], before, strict=True))
