import itertools

import numpy as np
import pytest
import torch

from maskdcpt.seeds import derive_seed


def test_seeds_are_the_same_on_every_machine_and_in_every_version():
    assert derive_seed() == 0xE4A6A0577479B2B4
    assert derive_seed("mask", 7, -1) == 0xD8AF2A67270A5033


def test_parts_cannot_be_mistaken_for_one_another():
    calls = [
        (),
        (1,),
        ("1",),
        ("i1:1",),
        (11,),
        (1, 1),
        ("1", 1),
        (1, "1"),
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("",),
        ("", ""),
    ]
    assert len({derive_seed(*call) for call in calls}) == len(calls)


def test_order_matters():
    assert derive_seed("a", 1) != derive_seed(1, "a")


def test_numpy_integers_count_as_integers():
    assert derive_seed(np.int64(12)) == derive_seed(12)


def test_fractions_are_refused():
    with pytest.raises(TypeError):
        derive_seed(1.5)


def test_every_generator_takes_them():
    for number in range(200):
        seed = derive_seed("x", number)
        assert 0 <= seed < 2**64
        torch.Generator().manual_seed(seed)
        np.random.default_rng(seed)


def test_neighbours_get_unrelated_seeds():
    flipped = [(derive_seed(a) ^ derive_seed(b)).bit_count() for a, b in itertools.pairwise(range(500))]
    assert 31 < np.mean(flipped) < 33
    assert min(flipped) > 10
