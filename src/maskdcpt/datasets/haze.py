"""Haze."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet
from maskdcpt.datasets.layouts import Images
from maskdcpt.datasets.terms import NOT_STATED

_PAPER = "Li et al., Benchmarking single-image dehazing and beyond, TIP 2019"
_PAGE = "https://sites.google.com/view/reside-dehaze-datasets"

HAZE = (
    DataSet(
        name="reside-ots",
        title="RESIDE-beta OTS",
        types=("haze",),
        real=False,
        splits={
            "train": Images(
                "[OTS_ALPHA/]clear/[clear_images/]{image}",
                "[OTS_ALPHA/]haze/[OTS/]{image:[^/_]+}_{airlight:[0-9.]+}_{beta:[0-9.]+}",
                "haze",
            )
        },
        counts={"train": 72_135},
        licence=NOT_STATED,
        homepage=_PAGE,
        citation=_PAPER,
        traps=(
            "35 hazy images share each of 2,061 clean ones: 0025_0.8_0.04 is made of 0025.",
            "Larger versions of OTS circulate; their further clean images may include those of SOTS.",
            "The names end in the parameters and not in a number, so suffixes have to be cut off at the last dot.",
        ),
    ),
    DataSet(
        name="sots-outdoor",
        title="SOTS outdoor",
        folder="sots",
        types=("haze",),
        real=False,
        splits={
            "test": Images(
                "[SOTS/]outdoor/gt/{image}",
                "[SOTS/]outdoor/hazy/{image:[^/_]+}_{airlight:[0-9.]+}_{beta:[0-9.]+}",
                "haze",
            )
        },
        counts={"test": 500},
        licence=NOT_STATED,
        homepage=_PAGE,
        citation=_PAPER,
        traps=(
            "500 hazy images have 492 clean ones: results saved under the clean name overwrite one another.",
            "Hazy images are JPEG and clean ones PNG files.",
        ),
    ),
    DataSet(
        name="sots-indoor",
        title="SOTS indoor",
        folder="sots",
        types=("haze",),
        real=False,
        splits={
            "test": Images("[SOTS/]indoor/gt/{image}", "[SOTS/]indoor/hazy/{image:[^/_]+}_{number:[0-9]+}", "haze")
        },
        counts={"test": 500},
        licence=NOT_STATED,
        homepage=_PAGE,
        citation=_PAPER,
        traps=("Clean images have a border of 10 pixels more than hazy ones in the authors' archive: cut it off.",),
    ),
    DataSet(
        name="rtts",
        title="RTTS",
        types=("haze",),
        real=True,
        splits={"test": Images("", "[RTTS/]JPEGImages/{image}", "haze")},
        counts={"test": 4_322},
        licence=NOT_STATED,
        homepage=_PAGE,
        citation=_PAPER,
        traps=("There are no clean images; the boxes of objects in it are for detection.",),
    ),
)
"""Sets of haze."""
