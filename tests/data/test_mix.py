"""How often what is shown, against the probabilities worked out by hand."""

from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from maskdcpt.data import DataConfig, DegradedCrops, EmbeddedImages, SourceConfig, TrainingData, training_data
from maskdcpt.data.mix import Source
from maskdcpt.data.pairs import ANY, Pair
from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError
from maskdcpt.images import write_image

TYPES = ("haze", "snow", "low_light")


class Listed:
    """Pairs of which only the labels count."""

    def __init__(self, labels):
        self.labels = np.array(labels, np.int16)
        self.names = [str(number) for number in range(len(labels))]

    def __getitem__(self, index):
        return Pair(torch.full((3, 8, 8), index / 255))


def mixed(sources, balance):
    """Training data of sources given as (labels, repeat, types of the unlabelled)."""
    config = DataConfig(types=TYPES, balance=balance, crop=8, workers=0)
    return TrainingData(
        [
            Source(f"s{number}", Listed(labels), repeat, types, "nowhere")
            for number, (labels, repeat, types) in enumerate(sources)
        ],
        config,
    )


def counts(data, draws, seed):
    rng = np.random.default_rng(seed)
    seen = Counter()
    for _ in range(draws):
        drawn = data.draw(rng)
        seen[drawn.source, drawn.image, data.draw_label(drawn, rng)] += 1
    return seen


def expected(sources, balance):
    """Probability of (source, image, label), from the definitions."""
    weights = {
        (source, image, label): repeat
        for source, (labels, repeat, types) in enumerate(sources)
        for image, own in enumerate(labels)
        for label in (types if own == ANY else (own,))
    }
    if balance == "types":
        totals = Counter()
        for (_, _, label), weight in weights.items():
            totals[label] += weight
        return {key: weight / totals[key[2]] / len(TYPES) for key, weight in weights.items()}
    # Each image as often as its source's ratio; what may be done to it is shared out.
    choices = Counter((source, image) for source, image, _ in weights)
    total = sum(repeat * len(labels) for labels, repeat, _ in sources)
    return {key: weight / total / choices[key[:2]] for key, weight in weights.items()}


label_lists = st.lists(st.sampled_from([ANY, 0, 1, 2]), min_size=1, max_size=5)
some_types = st.sets(st.sampled_from([0, 1, 2]), min_size=1).map(lambda chosen: tuple(sorted(chosen)))
some_sources = st.lists(st.tuples(label_lists, st.sampled_from([0.5, 1, 5, 30]), some_types), min_size=1, max_size=4)


# Derandomised, as bounds of four and a half deviations are left once in a hundred thousand times.
@settings(max_examples=40, deadline=None, derandomize=True)
@given(sources=some_sources, balance=st.sampled_from(["types", "images"]))
def test_every_image_is_as_likely_as_defined(sources, balance):
    sources = [*sources, ([0, 1, 2], 1, (0, 1, 2))]  # so that every type occurs
    draws = 3000
    seen = counts(mixed(sources, balance), draws, seed=1)
    wanted = expected(sources, balance)
    assert sum(wanted.values()) == pytest.approx(1)
    assert set(seen) <= set(wanted)
    for key, share in wanted.items():
        assert abs(seen[key] - draws * share) < 4.5 * np.sqrt(draws * share * (1 - share)) + 1, (key, share)


def test_the_ratios_of_the_paper_weigh_as_its_concatenation():
    # Sizes of the 5D sets and the paper's ratios, a hundredth of each: haze, rain, noise, blur, low light.
    sizes, ratios = (721, 2, 51, 168, 5), (1, 300, 15, 5, 60)
    sources = [
        ([number % 3] * size, ratio, (0, 1, 2)) for number, (size, ratio) in enumerate(zip(sizes, ratios, strict=True))
    ]
    draws = 20000
    seen = Counter()
    for (source, _, _), count in counts(mixed(sources, "images"), draws, seed=0).items():
        seen[source] += count
    total = sum(size * ratio for size, ratio in zip(sizes, ratios, strict=True))
    for source, (size, ratio) in enumerate(zip(sizes, ratios, strict=True)):
        share = size * ratio / total
        assert abs(seen[source] - draws * share) < 4.5 * np.sqrt(draws * share * (1 - share))


@pytest.mark.parametrize("balance", ["types", "images"])
def test_a_replacement_keeps_the_shares_of_the_types(balance):
    sources = [([ANY] * 4, 2, (0, 1)), ([0, 0, 1, 2], 1, (0, 1, 2))]
    data = mixed(sources, balance)
    rng = np.random.default_rng(3)
    before, after = Counter(), Counter()
    for _ in range(6000):
        drawn = data.draw(rng)
        before[data.draw_label(drawn, rng)] += 1
        again = data.draw_again(drawn, rng)
        assert drawn.label in (None, again.label)
        after[again.label] += 1
    for label in range(3):
        assert abs(before[label] - after[label]) < 6 * np.sqrt(before[label])


def test_a_type_that_no_source_has_is_refused():
    with pytest.raises(UserError, match=r"data.types: 'snow' occurs in no source"):
        mixed([([0, 2], 1, ())], "types")


@pytest.fixture
def folders(tmp_path):
    """Two folders of clean images of one colour each, and a folder of pairs."""
    for name, value, count in (("dark", 0.25, 2), ("bright", 0.75, 3)):
        (tmp_path / name).mkdir()
        for number in range(count):
            write_image(torch.full((3, 20, 24), value), tmp_path / name / f"{number}.png")
    for side, seed in (("clean", 5), ("degraded", 6)):
        folder = tmp_path / "rain" / side / "deep"
        folder.mkdir(parents=True)
        write_image(procedural_image(seed, (20, 30)), folder / f"x{'.png' if side == 'clean' else '.bmp'}")
    return tmp_path


def test_sources_of_a_recipe_are_relative_to_its_folder(folders):
    config = DataConfig(
        folder=str(folders),
        types=("gaussian_noise", "rain_streak"),
        crop=16,
        workers=0,
        sources=(
            SourceConfig(kind="clean", folder="dark", types=("gaussian_noise",)),
            SourceConfig(kind="clean", folder="bright", types=("gaussian_noise",), repeat=4),
            SourceConfig(kind="pairs", folder="rain", name="wet", type="rain_streak"),
        ),
    )
    data = training_data(config)
    assert data.names == [
        "dark/0.png",
        "dark/1.png",
        "bright/0.png",
        "bright/1.png",
        "bright/2.png",
        "wet/deep/x rain_streak",
    ]
    samples = DegradedCrops(data, config, seed=0)
    seen = Counter()
    for index in range(400):
        sample = samples[index]
        values = sample.clean.unique()
        kind = "wet" if len(values) > 1 else {64: "dark", 191: "bright"}[round(255 * values.item())]
        assert sample.label == (kind == "wet")
        seen[kind] += 1
    assert abs(seen["wet"] - 200) < 45
    assert abs(seen["bright"] - 200 * 12 / 14) < 45


def test_embedded_images_can_be_mixed_with_those_of_a_folder(folders):
    config = DataConfig(
        folder=str(folders),
        types=TYPES,
        sources=(SourceConfig(kind="clean", folder="dark", repeat=2), SourceConfig(kind="embedded", types=("snow",))),
    )
    data = training_data(config)
    embedded = EmbeddedImages("train")
    assert data.names == ["dark/0.png", "dark/1.png", *(f"embedded/{name}" for name in embedded.names)]
    assert torch.equal(data.read(data.at(4)).clean, embedded[0])
    assert {data.draw_label(data.at(4), np.random.default_rng(seed)) for seed in range(9)} == {TYPES.index("snow")}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "clean", "folder": "a", "type": "haze"}, "clean have no 'type'; did you mean 'types'"),
        ({"kind": "pairs", "folder": "a"}, "data.sources, a: pairs need a type"),
        ({"kind": "pairs", "folder": "a", "type": "haze", "split": "test"}, "pairs have no 'split'"),
        ({"kind": "manifest", "folder": "a", "clean": "b"}, "manifest have no 'clean'"),
        ({"kind": "clean", "folder": "a", "repeat": 0}, "data.sources, a: repeat is 0"),
        ({"kind": "clean"}, "data.sources, clean: clean need a folder"),
        ({"kind": "embedded", "folder": "a"}, "data.sources, a: embedded have no 'folder'"),
    ],
)
def test_settings_of_a_source_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        SourceConfig(**wrong)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            [{"kind": "clean", "types": ("snw",)}],
            "data.sources, a: types: not in data.types: 'snw'; did you mean 'snow'",
        ),
        ([{"kind": "pairs", "type": "rain"}], "data.sources, a: type: not in data.types: 'rain'"),
        ([{"kind": "pairs", "type": "haze", "types": ("rain",)}], "types: no type of the catalogue: 'rain'"),
        ([{"kind": "clean"}, {"kind": "shards"}], "2 are called 'a'; give each a name of its own"),
    ],
)
def test_sources_that_do_not_fit_the_types_are_refused(sources, message):
    with pytest.raises(UserError, match=message):
        DataConfig(types=TYPES, sources=tuple(SourceConfig(folder="a", **values) for values in sources))


def test_a_missing_source_is_named(tmp_path):
    config = DataConfig(folder=str(tmp_path), sources=(SourceConfig(kind="clean", folder="gone"),))
    with pytest.raises(UserError, match=r"data.sources, gone: .*/gone: no such folder"):
        training_data(config)
