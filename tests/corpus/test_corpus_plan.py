"""What is planned: shares, order, size; and what the published recipes ask for."""

import re
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskdcpt.corpus import Component, CorpusRecipe, Source, Sources, make_plan, read_recipe
from maskdcpt.corpus.plan import GROUP
from maskdcpt.datasets import DATASETS, Licence
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.recipes import find_recipe, presets

TABLE = {
    "noise": 531_816,
    "sensor_noise": 30_608,
    "motion_blur": 217_702 + 8_878,
    "defocus_blur": 18_261,
    "gaussian_blur": 531_816,
    "jpeg": 88_636,
    "haze": 72_030,
    "rain_streak": 28_422 + 11_150,
    "raindrop": 1_861 + 150,
    "streak_drop": 1_000 + 150,
    "snow": 73_005,
    "mosaic": 88_636,
    "low_light": 1_385 + 6_289,
    "moire": 63_180,
    "blur_jpeg": 8_878 + 12_636,
    "blur_rain": 14_490,
    "low_light_blur": 20_400,
    "low_light_weather": 8_281,
    "low_quality": 643_328,
}
"""Samples of each row of the table of UIR-2.5M (arXiv 2510.13282)."""


def source(name, count, paired=False, real=False):
    names = [f"{number:06d}" for number in range(count)]
    return Source(
        name, name, real, names, names, names if paired else None, [None] * count, [()] * count,
        (Licence("CC0-1.0", True),), np.zeros(count, np.uint8), Path(name),
    )  # fmt: skip


def sources(*found):
    return Sources({each.name: each for each in found})


def component(name="c", samples=10, make="engine", **values):
    return Component(name=name, type=values.pop("type", "noise"), samples=samples, make=make, **values)


def test_uir_is_the_published_table():
    recipe = read_recipe("uir-2.5m")
    asked = Counter()
    for part in recipe.components:
        asked[part.type] += part.samples
    assert asked == TABLE
    assert recipe.samples == sum(TABLE.values()) == 2_482_988
    assert set(asked) == set(CATALOGUE.names)
    marked = {"sensor-noise", "motion-blur-real", "rain-streak-real", "streak-drop-real", "low-light", "blur-rain"}
    marked |= {"blur-jpeg-real", "blur-jpeg-2"}
    assert sum(part.samples for part in recipe.components if part.name in marked) == 79_297


def test_presets_ask_for_data_sets_that_are_known_and_say_their_size():
    assert set(presets("data")) == {"uir-2.5m", "uir-12d", "uir-5d", "uir-mini"}
    for name in presets("data"):
        recipe = read_recipe(name)
        assert recipe.name == name
        said = find_recipe("data", name).read_text().split("\n\n")[0]
        assert f"maskdcpt data build --recipe {name} " in said
        assert int(re.search(r"result: ([\d,]+) pairs", said)[1].replace(",", "")) == recipe.samples
        for part in recipe.components:
            for origin in part.sources:
                assert origin in DATASETS or origin in {folder.name for folder in recipe.folders}, origin
                if part.make == "pairs":
                    assert part.type in DATASETS[origin].types
                    assert "train" in DATASETS[origin].splits
    assert {part.type for part in read_recipe("uir-mini").components} == set(CATALOGUE.names)


def test_where_all_is_there_everything_comes_from_it():
    recipe = read_recipe("uir-2.5m")
    published = {
        "synrain-13k": 13_711, "realrain-1k": 1_568, "raw-moire": 540, "nkusr8k": 8_000, "srrs": 15_005
    }  # fmt: skip
    names = dict.fromkeys(name for part in recipe.components for name in (*part.sources, *recipe.clean))
    found = []
    for name in names:
        if name == "own":
            found.append(source(name, 10))
            continue
        entry = DATASETS[name]
        found.append(source(name, entry.counts.get("train") or published[name], bool(entry.types), entry.real))
    shares = {share.component.name: share for share in make_plan(recipe, sources(*found)).shares}
    lacking = {name: (share.filled, share.short) for name, share in shares.items() if share.filled or share.short}
    assert not lacking


def test_two_and_a_half_million_pairs_are_planned_in_little_memory():
    recipe = read_recipe("uir-2.5m")
    clean = source("own", 93_000)
    tracemalloc.start()
    plan = make_plan(recipe, sources(clean))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(plan) == 2_482_988
    assert plan.shards == 4850
    assert kept < 80e6
    assert peak < 400e6
    task = plan.task(4849, Path("data"))
    assert len(task.jobs) == 2_482_988 - 4849 * 512
    assert len(task.originals) < 300


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    samples=st.lists(st.integers(0, 400), min_size=1, max_size=3),
    shard=st.integers(1, 64),
    seed=st.integers(0, 5),
)
def test_every_pair_is_in_one_shard_and_originals_share_alike(counts, samples, shard, seed):
    names = [f"s{number}" for number in range(len(counts))]
    parts = tuple(component(f"c{number}", count) for number, count in enumerate(samples))
    if not sum(samples):
        with pytest.raises(UserError, match="asks for no pair"):
            CorpusRecipe(name="r", clean=tuple(names), components=parts)
        return
    recipe = CorpusRecipe(name="r", clean=tuple(names), components=parts, shard=shard, seed=seed)
    plan = make_plan(recipe, sources(*(source(name, count) for name, count in zip(names, counts, strict=True))))
    assert len(plan) == sum(samples)
    pairs = []
    for number in range(plan.shards):
        task = plan.task(number, Path("data"))
        assert len(task.jobs) == min(shard, len(plan) - number * shard)
        for job in task.jobs:
            origin = task.originals[job.original]
            pairs.append((task.parts[job.part].name, origin.source, origin.key, job.number))
    assert len(set(pairs)) == len(pairs)
    for number, count in enumerate(samples):
        shares = Counter(pair[1:3] for pair in pairs if pair[0] == f"c{number}")
        every = [
            shares[name, f"{image:06d}"] for name, size in zip(names, counts, strict=True) for image in range(size)
        ]
        assert sum(every) == count
        assert max(every) - min(every) <= 1
    for number, count in enumerate(samples):
        levels = np.bincount(plan.level[plan.part == number], minlength=1) if count else np.zeros(1)
        assert levels.max() - levels[: len(CATALOGUE["noise"].levels)].min() <= max(1, levels.max() - 1)


def test_pairs_of_one_original_lie_together_but_not_too_many():
    recipe = CorpusRecipe(name="r", clean=("s",), components=(component(samples=2000),), shard=256)
    plan = make_plan(recipe, sources(source("s", 20)))
    runs = np.diff(np.flatnonzero(np.concatenate(([True], np.diff(plan.image) != 0, [True]))))
    assert runs.max() <= 2 * GROUP  # two groups of one original may meet
    assert np.median(runs) >= GROUP / 2
    for number in range(plan.shards - 1):
        assert len(np.unique(plan.image[number * 256 : (number + 1) * 256])) > 4


def test_kinds_are_as_often_as_each_other():
    kinds = ("gaussian_noise", "poisson_noise")
    recipe = CorpusRecipe(name="r", clean=("s",), components=(component(samples=1001, kinds=kinds),))
    plan = make_plan(recipe, sources(source("s", 7)))
    levels = CATALOGUE["noise"].levels
    found = Counter(levels[place].type_name for place in plan.level.tolist())
    assert found == {"gaussian_noise": 501, "poisson_noise": 500}
    each = Counter(levels[place] for place in plan.level.tolist())
    assert set(each.values()) == {50, 51, 83, 84}


def test_keys_choose_among_pairs():
    part = component(samples=9, make="pairs", sources=("s",), keys="00001*", type="haze")
    plan = make_plan(CorpusRecipe(name="r", components=(part,)), sources(source("s", 100, paired=True)))
    assert set(plan.image.tolist()) <= set(range(10, 20))


def test_an_engine_without_its_sources_takes_the_clean_ones_and_says_so():
    part = component(samples=9, sources=("away",), otherwise="engine")
    plan = make_plan(CorpusRecipe(name="r", clean=("s",), components=(part,)), sources(source("s", 3)))
    (share,) = plan.shares
    assert (share.engine, share.filled, share.short, share.missing) == (9, 9, 0, ("away",))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2_482_988))
def test_another_size_has_the_same_make_up(pairs):
    recipe = read_recipe("uir-2.5m")
    scaled = recipe.scaled(pairs)
    assert scaled.samples == pairs
    for before, after in zip(recipe.components, scaled.components, strict=True):
        assert abs(after.samples - before.samples * pairs / recipe.samples) < 1


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"type": "fog"}, "no type is called 'fog'"),
        ({"make": "pairs"}, "pairs need a source"),
        ({"kinds": ("poison_noise",)}, "did you mean 'poisson_noise'"),
        ({"sources": ("../x",)}, "is no name of a source"),
        ({"most_each": 2}, "are for pairs"),
        ({"name": "a/../b"}, "a name is made of letters"),
        ({"samples": -1}, "samples is -1"),
    ],
)
def test_what_is_wrong_in_a_component_is_said(values, problem):
    with pytest.raises(UserError, match=re.escape(problem)):
        component(**values)


def test_components_of_one_name_are_refused():
    with pytest.raises(UserError, match="2 are called 'c'"):
        CorpusRecipe(name="r", components=(component(), component()))
