"""Whether other processors and other numbers of threads give the same bytes."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from maskdcpt.data.samples import sample_photo
from maskdcpt.degradations import CATALOGUE, apply

KINDS = {
    kind.type_name: [level for level in (*entry.levels, *entry.held_out) if type(level) is kind]
    for entry in CATALOGUE
    for kind in entry.kinds
}
SEEDS = (1, 2)


def degrade_all(path):
    """Writes what every level makes of a photo that is large enough for OpenCV and torch to share the work."""
    photo = sample_photo("coffee")[:, 60:316, 100:420].contiguous()
    made = {
        name: np.stack([apply(photo, level, seed).numpy() for level in levels for seed in SEEDS])
        for name, levels in KINDS.items()
    }
    np.savez(path, **made)


def results(path, threads, variables):
    """What a process of its own makes of them, by kind of level."""
    count = str(threads)
    threading = {f"{library}_NUM_THREADS": count for library in ("OMP", "MKL", "OPENBLAS")}
    subprocess.run(
        [sys.executable, __file__, str(path), count], env={**os.environ, **threading, **variables}, check=True
    )
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The results of one thread with all that the processor has to offer."""
    return results(tmp_path_factory.mktemp("machines") / "here.npz", 1, {})


@pytest.fixture(scope="module")
def old_processor(tmp_path_factory, old_instructions):
    """The results without any instructions that not every processor has, and without Intel's library."""
    return results(tmp_path_factory.mktemp("machines") / "old.npz", 1, old_instructions)


@pytest.fixture(scope="module")
def threaded(tmp_path_factory):
    """The results of four threads."""
    return results(tmp_path_factory.mktemp("machines") / "threads.npz", 4, {})


@pytest.mark.parametrize("name", KINDS)
def test_the_number_of_threads_does_not_matter(name, here, threaded):
    assert np.array_equal(threaded[name], here[name])


@pytest.mark.parametrize("name", KINDS)
def test_an_old_processor_gives_the_same(name, here, old_processor):
    # Single-precision exponentials, powers and filters end in other last bits there: see degradations/exact.py.
    assert np.array_equal(old_processor[name], here[name])


if __name__ == "__main__":
    import cv2

    cv2.setNumThreads(int(sys.argv[2]))
    torch.set_num_threads(int(sys.argv[2]))
    degrade_all(sys.argv[1])
