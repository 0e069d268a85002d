import numpy as np
import pytest
import torch

from maskdcpt.data.samples import sample_photo


@pytest.fixture(scope="session")
def photos():
    """Small photos with structure at all scales: the middle of sample photos at half size, (3, 96, 96)."""
    halves = [
        torch.nn.functional.avg_pool2d(sample_photo(name), 2) for name in ("astronaut", "coffee", "chelsea", "camera")
    ]
    return [
        half[:, (half.shape[1] - 96) // 2 :, (half.shape[2] - 96) // 2 :][:, :96, :96].contiguous() for half in halves
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(5)
