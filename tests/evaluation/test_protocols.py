"""Protocols as data, and what they do to images."""

import hashlib

import cv2
import numpy as np
import pytest
import torch

from maskdcpt.data.procedural import procedural_image
from maskdcpt.datasets import DATASETS
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.evaluation import PROTOCOLS, TestSet, cases, find_clean_protocol
from maskdcpt.evaluation.damage import LegacyNoise, RandomBlur, Scope, SwappedMosaic
from maskdcpt.evaluation.published import published_tables
from maskdcpt.evaluation.testset import CANONICAL, PUBLISHED, CleanFolder, Protocol, Split
from maskdcpt.metrics import METRICS

SCOPE = Scope("quick", 1, "a.png")


class Two:
    names = ("a.png", "b.png")

    def __getitem__(self, index):
        return procedural_image(index, (24, 40))


def test_the_published_suites_have_the_sets_they_should():
    sets = {name: sum(each.variant == CANONICAL for each in protocol.sets) for name, protocol in PROTOCOLS.items()}
    assert {name: sets[name] for name in ("5d", "12d", "noise-ood", "mixed", "3d")} == {
        "5d": 5,
        "12d": 52,
        "noise-ood": 20,
        "mixed": 13,
        "3d": 5,
    }
    assert len({each.task for each in PROTOCOLS["12d"].sets if each.group == "all"}) == 13  # Gaussian noise besides


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda protocol: protocol.name)
def test_every_set_and_metric_is_known(protocol):
    assert set(protocol.metrics) <= set(METRICS)
    assert protocol.title
    for each in protocol.sets:
        assert (each.variant == PUBLISHED) == bool(each.replaces)
        assert not each.replaces or each.replaces in {other.name for other in protocol.sets}
        titles = [damage.title for damage in each.damages]
        assert len(set(titles)) == len(titles)
        if isinstance(each.source, Split):
            entry = DATASETS[each.source.dataset]
            assert each.source.split in entry.splits
            assert each.source.split != "train"
            # What is damaged by recipe is clean, and what is measured as it is has damage.
            assert bool(each.damages) == (not entry.types and not entry.real)
    replaced = [each.replaces for each in protocol.sets if each.replaces]
    assert len(set(replaced)) == len(replaced)


def test_published_columns_are_tasks_or_sets():
    for protocol in PROTOCOLS.values():
        for table in published_tables(protocol.name):
            names = {"set": {each.name for each in protocol.sets}, "task": {each.task for each in protocol.sets}}
            assert set(table.columns) <= names.get(table.kind, {"mean"}), protocol.name
            assert all(len(cell) == len(table.metrics) for row in table.rows.values() for cell in row.values())
    assert published_tables("5d")[0].rows["NAFNet+MaskDCPT"]["denoising"][0] == 31.41
    assert published_tables("noise-ood")[0].rows["NAFNet-5D+MaskDCPT"]["cbsd68 sigma 25"] == [31.41]


def test_synthetic_19_has_every_type_and_the_held_out_levels():
    protocol = PROTOCOLS["synthetic-19"]
    seen = [each for each in protocol.sets if "held out" not in each.group]
    assert [each.task for each in seen] == list(CATALOGUE.names)
    assert all(len(each.damages) == 3 for each in seen)
    assert sum(len(each.damages) for each in protocol.sets if each not in seen) == 10
    full = PROTOCOLS["synthetic-19-full"]
    assert len(full.levels) == sum(len(entry.levels) for entry in CATALOGUE)
    assert find_clean_protocol("synthetic-19") is protocol
    with pytest.raises(UserError, match="5d needs data sets of its own; on any clean images there are synthetic-5d"):
        find_clean_protocol("5d")


def test_synthetic_5d_is_what_it_was():
    digest = hashlib.sha256()
    for case in cases(PROTOCOLS["synthetic-5d"], Two()):
        digest.update(f"{case.image} {case.type} {case.level}".encode())
        digest.update(case.degraded.mul(255).round().byte().contiguous().numpy().tobytes())
    assert digest.hexdigest() == GOLDEN


GOLDEN = "f95d3eaa65fa32ace85c739e487a44a73301856b9aab5c87f28e4b66b56e3df1"


def test_noise_is_that_of_the_legacy_generator_for_every_image_alike():
    clean = procedural_image(3, (16, 24))
    pixels = clean.permute(1, 2, 0).numpy().copy()
    np.random.seed(0)  # noqa: NPY002  as published
    pixels += np.random.normal(0, 25 / 255, pixels.shape)  # noqa: NPY002
    expected = torch.from_numpy(np.clip(pixels, 0, 1)).permute(2, 0, 1)
    noisy = LegacyNoise(25).degrade(clean, SCOPE)
    assert torch.equal(noisy, expected)
    assert torch.equal(noisy, LegacyNoise(25).degrade(clean, SCOPE._replace(image="b.png")))
    assert not torch.equal(noisy, noisy.mul(255).round().div(255))  # not rounded


def test_the_swapped_mosaic_is_the_other_with_red_and_blue_exchanged():
    clean = procedural_image(4, (32, 32))
    (canonical,) = (each.damages[0] for each in PROTOCOLS["12d"].sets if each.name == "urban100 mosaic")
    right, swapped = canonical.degrade(clean, SCOPE), SwappedMosaic().degrade(clean, SCOPE)
    inside = (slice(None), slice(3, -3), slice(3, -3))
    assert torch.equal(right[inside], swapped.flip(0)[inside])
    assert not torch.equal(right[inside], swapped[inside])


def test_jpeg_is_that_of_opencv():
    clean = procedural_image(5, (32, 40))
    (damage,) = (each.damages[0] for each in PROTOCOLS["12d"].sets if each.name == "cbsd68 JPEG 50")
    pixels = clean.mul(255).round().byte().permute(1, 2, 0).numpy()[..., ::-1]
    _, file = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 50])
    expected = cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255
    assert torch.equal(damage.degrade(clean, SCOPE), torch.from_numpy(expected.copy()).permute(2, 0, 1))


def test_random_blur_depends_on_the_name_alone():
    clean = procedural_image(6, (32, 32))
    one = RandomBlur().degrade(clean, SCOPE._replace(image="HR/img_001"))
    assert torch.equal(one, RandomBlur().degrade(clean, SCOPE._replace(image="img_001.png")))
    others = [RandomBlur().degrade(clean, SCOPE._replace(image=f"img_{n:03d}")) for n in range(2, 6)]
    assert not any(torch.equal(one, other) for other in others)
    assert all(image.min() >= 0 and image.max() <= 1 for image in others)


def test_two_sets_of_one_name_are_a_mistake():
    twin = TestSet(name="a", task="t", source=CleanFolder())
    with pytest.raises(ValueError, match="two test sets have one name"):
        Protocol("p", 1, (twin, twin))
