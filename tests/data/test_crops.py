import dataclasses
import hashlib
import pickle
from collections import Counter

import numpy as np
import pytest
import torch

from maskdcpt.data import (
    CachedImages,
    CentralCrops,
    DataConfig,
    DegradedCrops,
    EmbeddedImages,
    Fault,
    clean_data,
    training_batches,
    training_data,
)
from maskdcpt.data.crops import stack
from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError
from maskdcpt.images import write_image


class Ramp:
    """Two images of different size, whose red channel counts rows and whose green channel counts columns."""

    names = ("wide", "small")

    def __getitem__(self, index):
        height, width = ((50, 90), (10, 40))[index]
        rows = torch.arange(height).float()[:, None].expand(height, width) / 255
        columns = torch.arange(width).float()[None].expand(height, width) / 255
        return torch.stack([rows, columns, torch.full((height, width), 128 / 255)])


CONFIG = DataConfig(crop=32, workers=0)


def crops(images, config, seed):
    return DegradedCrops(clean_data(images, config), config, seed)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True)) and one.faults == other.faults


def test_a_sample_is_decided_by_its_number_and_the_seed():
    samples = crops(Ramp(), CONFIG, seed=3)
    forward = [samples[index] for index in range(6)]
    backward = [crops(Ramp(), CONFIG, seed=3)[index] for index in reversed(range(6))][::-1]
    np.random.seed(0)  # noqa: NPY002  (global state must not matter)
    for one, other in zip(forward, backward, strict=True):
        assert same(one, other)
    other_seed = crops(Ramp(), CONFIG, seed=4)
    assert any(not torch.equal(forward[index].clean, other_seed[index].clean) for index in range(6))


def test_degraded_and_clean_show_the_same_place():
    samples = crops(Ramp(), DataConfig(crop=32, types=("gaussian_noise",)), seed=0)
    for index in range(20):
        sample = samples[index]
        assert sample.clean.shape == sample.degraded.shape == (3, 32, 32)
        assert not torch.equal(sample.clean, sample.degraded)
        assert (sample.clean - sample.degraded).mean().abs() < 0.05


def test_all_eight_views_and_all_types_occur_about_equally_often():
    samples = crops(Ramp(), CONFIG, seed=0)
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


@pytest.mark.parametrize("labels", ["single", "multi"])
def test_a_share_of_samples_is_shown_undamaged_as_a_class_of_its_own(labels):
    config = DataConfig(crop=16, workers=0, types=("gaussian_noise", "blur_jpeg"), labels=labels, clean=0.25)
    assert config.classes == (
        ("gaussian_noise", "blur_jpeg", "clean") if labels == "single" else ("noise", "motion_blur", "jpeg")
    )
    samples = crops(Ramp(), config, seed=0)
    without = crops(Ramp(), dataclasses.replace(config, clean=0.0), seed=0)
    seen = Counter()
    for index in range(400):
        sample = samples[index]
        undamaged = torch.equal(sample.degraded, sample.clean)
        assert undamaged == (sample.label == 2 if labels == "single" else not sample.label.any())
        assert torch.equal(sample.clean, without[index].clean)
        seen[undamaged] += 1
    assert abs(seen[True] - 100) < 40


def test_every_place_of_an_image_is_reached():
    class One(Ramp):
        names = ("wide",)

    samples = crops(One(), CONFIG, seed=0)
    corners = {
        (round(float(c[0].min() * 255)), round(float(c[1].min() * 255))) for c in (samples[i].clean for i in range(900))
    }
    assert {top for top, _ in corners} == set(range(19))
    assert {left for _, left in corners} == set(range(59))


def test_batches_are_the_samples_in_order_from_any_step():
    samples = crops(Ramp(), CONFIG, seed=5)
    batches = list(training_batches(clean_data(Ramp(), CONFIG), CONFIG, batches=[range(6, 9), range(9, 12)], seed=5))
    assert len(batches) == 2
    for step, batch in zip(range(2, 4), batches, strict=True):
        for place in range(3):
            assert torch.equal(batch.clean[place], samples[step * 3 + place].clean)
            assert torch.equal(batch.degraded[place], samples[step * 3 + place].degraded)
            assert batch.label[place] == samples[step * 3 + place].label
            assert batch.index[place] == step * 3 + place


def test_samples_of_clean_images_never_change():
    # Whoever resumes an older run gets its samples, on any machine.
    digest = hashlib.sha256()
    samples = crops(EmbeddedImages("train"), DataConfig(workers=0), seed=11)
    for index in range(40):
        sample = samples[index]
        digest.update(sample.degraded.numpy().tobytes())
        digest.update(sample.clean.numpy().tobytes())
        digest.update(bytes([int(sample.label)]))
    assert digest.hexdigest() == "b2bf87fafe7d8e42c5d8245123f3d71194f99e68b9ef23675c6cb78bc8b34bdf"


def test_samples_of_a_folder_never_change(tmp_path):
    for seed in range(3):
        write_image(procedural_image(seed, (40 + 30 * seed, 90)), tmp_path / f"{seed}.png")
    types = ("haze", "grey_poisson_noise", "low_light_weather")
    config = DataConfig(folder=str(tmp_path), types=types, crop=48, workers=0)
    data = training_data(config)
    assert data.names == ["0.png", "1.png", "2.png"]
    digest = hashlib.sha256()
    numbers = [range(4 * step, 4 * step + 4) for step in range(5, 9)]
    for batch in training_batches(data, config, batches=numbers, seed=2**63 + 5):
        for degraded, clean, label in zip(batch.degraded, batch.clean, batch.label, strict=True):
            digest.update(degraded.numpy().tobytes())
            digest.update(clean.numpy().tobytes())
            digest.update(bytes([int(label)]))
    assert digest.hexdigest() == "f6f21ece58ce39dbef078c3dc0b0648359132dcfdef0bbf1d375caa755ff4488"


def test_parts_of_a_batch_are_its_samples():
    samples = crops(Ramp(), CONFIG, seed=1)
    faults = (Fault(1, "", "a.png", "gone"), Fault(4, "", "b.png", "gone"))
    whole = stack([samples[index] for index in range(5)])._replace(faults=faults)
    front, back = whole.part(0, 2), whole.part(2, 5)
    assert front.faults == faults[:1]
    assert back.faults == faults[1:]
    assert back.index.tolist() == [2, 3, 4]
    assert torch.equal(torch.cat((front.degraded, back.degraded)), whole.degraded)
    assert torch.equal(torch.cat((front.label, back.label)), whole.label)
    moved = whole.to(torch.device("cpu"))
    assert moved.degraded.is_contiguous(memory_format=torch.channels_last)
    assert same(moved, whole)


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
        ({"prefetch": 0}, "data.prefetch is 0"),
        ({"clean": 1.0}, "data.clean is 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        DataConfig(**wrong)


def test_samples_travel_to_worker_processes_that_start_afresh():
    for images in (EmbeddedImages("train"), CentralCrops(EmbeddedImages("test"), 64)):
        samples = crops(images, CONFIG, seed=1)
        before = samples[1]
        copied = pickle.loads(pickle.dumps(samples))
        assert same(copied[1], before)
