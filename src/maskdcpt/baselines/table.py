"""All baselines by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from maskdcpt.baselines.base import Baseline
from maskdcpt.baselines.dark_channel import dark_channel_prior
from maskdcpt.baselines.dct import dct_denoise
from maskdcpt.baselines.equalisation import clahe
from maskdcpt.baselines.median import median
from maskdcpt.baselines.non_local_means import non_local_means
from maskdcpt.baselines.resampling import bicubic
from maskdcpt.baselines.richardson_lucy import richardson_lucy

_ALL = (
    Baseline("identity", "Identity", "the damaged image as it is", (), lambda image: image),
    Baseline(
        "bicubic",
        "Bicubic",
        "Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 1981; down by 2 and up again",
        ("noise",),
        bicubic,
    ),
    Baseline("median", "Median", "Tukey, Exploratory Data Analysis, 1977; 3 x 3 pixels", ("noise",), median),
    Baseline(
        "nlm",
        "Non-local means",
        "Buades, Coll and Morel, A non-local algorithm for image denoising, CVPR 2005; noise level estimated",
        ("noise",),
        non_local_means,
    ),
    Baseline(
        "dct",
        "Sliding DCT",
        "Yu and Sapiro, DCT image denoising, IPOL 2011; noise level estimated",
        ("noise",),
        dct_denoise,
    ),
    Baseline(
        "richardson_lucy",
        "Richardson-Lucy",
        "Richardson, JOSA 1972; Lucy, Astronomical Journal 1974; Gaussian of estimated width, 10 iterations",
        ("gaussian_blur",),
        richardson_lucy,
    ),
    Baseline(
        "dark_channel",
        "Dark channel prior",
        "He, Sun and Tang, Single image haze removal using dark channel prior, CVPR 2009; guided filter",
        ("haze",),
        dark_channel_prior,
    ),
    Baseline(
        "clahe",
        "CLAHE",
        "Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994; clip 2, 8 x 8",
        ("low_light",),
        clahe,
    ),
)

BASELINES: Mapping[str, Baseline] = MappingProxyType({baseline.name: baseline for baseline in _ALL})
"""Name to baseline."""
