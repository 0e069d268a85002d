"""Epochs: every image as often as it is said, in an order that the position alone decides."""

import pickle
from collections import Counter
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from maskdcpt.config import to_dict
from maskdcpt.data import DataConfig, DegradedCrops, SourceConfig, TrainingData, training_batches, training_data
from maskdcpt.data.mix import Source
from maskdcpt.data.order import ShuffledOrder
from maskdcpt.data.pairs import ANY, Pair
from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError
from maskdcpt.images import write_image
from maskdcpt.training.shares import Share

TYPES = ("haze", "snow", "low_light")
SHUFFLED = DataConfig(types=TYPES, balance="images", order="shuffled", crop=8, workers=0)


class Told:
    """Images of one shade that tells which they are, already damaged by doing nothing."""

    def __init__(self, first, labels):
        self.labels = np.array(labels, np.int16)
        self.names = [str(number) for number in range(len(labels))]
        self._first = first

    def __getitem__(self, index):
        image = torch.full((3, 8, 8), (self._first + index) / 255)
        return Pair(image, image)


def mixed(sources):
    """Training data of sources given as (labels, repeat); shades count through all of them."""
    starts = np.cumsum([0, *(len(labels) for labels, _ in sources)])
    return TrainingData(
        [
            Source(f"s{number}", Told(first, labels), repeat, (0, 1, 2), "nowhere")
            for number, (first, (labels, repeat)) in enumerate(zip(starts, sources, strict=False))
        ],
        SHUFFLED,
    )


def shades(samples, numbers):
    return [round(float(samples[number].clean[0, 0, 0] * 255)) for number in numbers]


labels = st.lists(st.sampled_from([ANY, 0, 1, 2]), min_size=1, max_size=6)
sources = st.lists(st.tuples(labels, st.integers(1, 4)), min_size=1, max_size=4)


@settings(max_examples=30, deadline=None)
@given(sources, st.integers(0, 5), st.integers(0, 2**64 - 1))
def test_an_epoch_shows_every_image_as_often_as_its_source_says(sources, epoch, seed):
    sources = [*sources, ([0, 1, 2], 2)]  # so that every type occurs
    data = mixed(sources)
    wanted, shade = {}, 0
    for labels, repeat in sources:
        for _ in labels:
            wanted[shade] = repeat
            shade += 1
    assert data.epoch == sum(wanted.values())
    samples = DegradedCrops(data, SHUFFLED, seed)
    start = epoch * data.epoch
    assert Counter(shades(samples, range(start, start + data.epoch))) == wanted


@given(st.integers(1, 2000), st.integers(0, 2**40), st.integers(0, 2**64 - 1))
@settings(max_examples=50, deadline=None)
def test_the_position_decides_alone(size, position, seed):
    order = ShuffledOrder(size, seed)
    value = order[position]
    assert 0 <= value < size
    order[position + size]
    assert pickle.loads(pickle.dumps(order))[position] == order[position] == value


def test_epochs_and_seeds_differ_and_are_shuffled():
    size = 1000
    epochs = [[ShuffledOrder(size, seed)[epoch * size + place] for place in range(size)]
              for seed, epoch in ((0, 0), (0, 1), (1, 0))]  # fmt: skip
    for one in epochs:
        assert sorted(one) == list(range(size))
        for other in (range(size), *(each for each in epochs if each is not one)):
            # Two unrelated orders agree at one place, on average.
            assert sum(a == b for a, b in zip(one, other, strict=True)) < 8


def test_ranks_together_show_everything_once():
    data = mixed([([0, 1, 2] * 4, 2), ([ANY] * 8, 1)])
    samples = DegradedCrops(data, SHUFFLED, seed=3)
    ranks = 4
    shares = [Share.of(8, ranks=ranks, rank=rank, device_batch=None) for rank in range(ranks)]
    numbers = [[number for step in range(data.epoch // 8) for number in share.samples(step)] for share in shares]
    assert sorted(number for own in numbers for number in own) == list(range(data.epoch))
    seen = sum((Counter(shades(samples, own)) for own in numbers), Counter())
    assert seen == {shade: 2 if shade < 12 else 1 for shade in range(20)}


@pytest.fixture
def config(tmp_path):
    """Seven photos, one of which is broken, and two of another source that are shown twice."""
    for folder, count in (("a", 7), ("b", 2)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            write_image(procedural_image(number, (40, 40)), tmp_path / folder / f"{number}.png")
    (tmp_path / "a" / "3.png").write_bytes(b"text")
    sources = (SourceConfig(kind="clean", folder="a"), SourceConfig(kind="clean", folder="b", repeat=2))
    return replace(SHUFFLED, folder=str(tmp_path), sources=sources, crop=24, types=("gaussian_noise", "low_light"))


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True)) and one.faults == other.faults


def test_a_broken_image_has_its_turn_and_is_replaced(config):
    data = training_data(config)
    assert data.epoch == 11
    samples = DegradedCrops(data, config, seed=0)
    for epoch in range(3):
        faults = [fault for place in range(11) for fault in samples[11 * epoch + place].faults]
        assert {(fault.source, fault.image) for fault in faults} == {("a", "3.png")}


@pytest.mark.slow
def test_resuming_at_any_step_with_any_workers_goes_on_with_the_very_next_sample(config):
    numbers = [range(4 * step, 4 * step + 4) for step in range(8)]  # nearly three epochs
    expected = list(training_batches(training_data(config), config, batches=numbers, seed=9))
    for done, workers in ((3, 0), (2, 2)):
        left = training_batches(training_data(config), replace(config, workers=workers), batches=numbers[done:], seed=9)
        assert all(same(one, other) for one, other in zip(left, expected[done:], strict=True))


def test_what_is_not_drawn_by_epochs_is_what_it_was(config):
    drawn = replace(config, order="drawn")
    one, other = (DegradedCrops(training_data(each), each, seed=1) for each in (config, drawn))
    assert to_dict(DataConfig())["order"] == "drawn"
    assert not all(same(one[number], other[number]) for number in range(6))


def test_what_cannot_be_shuffled_is_one_line():
    with pytest.raises(UserError, match=r'data\.order = "shuffled" .* set data\.balance to "images"$'):
        DataConfig(order="shuffled")
    source = SourceConfig(kind="clean", folder="rain", repeat=1.5)
    with pytest.raises(
        UserError, match=r"^data\.sources, rain: repeat is 1\.5; .* a whole number of times in an epoch$"
    ):
        DataConfig(order="shuffled", balance="images", sources=(source,))
    with pytest.raises(UserError, match="there can be 1 to"):
        ShuffledOrder(2**31, 0)
