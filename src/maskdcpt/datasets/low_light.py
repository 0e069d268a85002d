"""Low light."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet
from maskdcpt.datasets.layouts import Images
from maskdcpt.datasets.terms import NOT_STATED


def _lol_v2(part: str, split: str, low: str, normal: str) -> Images:
    place = f"[LOL-v2/]{part}/{split}"
    return Images(f"{place}/Normal/{normal}{{image}}", f"{place}/Low/{low}{{image}}", "low_light")


def _unpaired(name: str, title: str, citation: str) -> DataSet:
    return DataSet(
        name=name,
        title=title,
        types=("low_light",),
        real=True,
        splits={"test": Images("", "[{folder}/]{image}", "low_light")},
        licence=NOT_STATED,
        homepage="https://daooshee.github.io/BMVC2018website/",
        citation=citation,
        traps=("There are no clean images.", "Copies with different numbers of images circulate."),
    )


_V2 = "Yang et al., Sparse gradient regularized deep retinex network for robust low-light image enhancement, TIP 2021"
_V2_PAGE = "https://github.com/flyywh/CVPR-2020-Semi-Low-Light"

LOW_LIGHT = (
    DataSet(
        name="lol-v1",
        title="LOL-v1",
        types=("low_light",),
        real=True,
        splits={
            split: Images(
                f"[{{archive:LOLdataset|LOL|lol_dataset}}/]{folder}/high/{{image}}",
                f"[{{archive:LOLdataset|LOL|lol_dataset}}/]{folder}/low/{{image}}",
                "low_light",
            )
            for split, folder in (("train", "our485"), ("test", "eval15"))
        },
        counts={"train": 485, "test": 15},
        licence=NOT_STATED,
        homepage="https://daooshee.github.io/BMVC2018website/",
        citation="Wei et al., Deep retinex decomposition for low-light enhancement, BMVC 2018",
        traps=(
            "LOL-v2 real shows the same scenes: train images of one are test images of the other.",
            "15 test images are few: a difference of a few tenths of a dB says little.",
        ),
    ),
    DataSet(
        name="lol-v2-real",
        title="LOL-v2, real",
        folder="lol-v2",
        types=("low_light",),
        real=True,
        splits={
            "train": _lol_v2("Real_captured", "Train", "low", "normal"),
            "test": _lol_v2("Real_captured", "Test", "low", "normal"),
        },
        counts={"train": 689, "test": 100},
        licence=NOT_STATED,
        homepage=_V2_PAGE,
        citation=_V2,
        traps=(
            "Names differ by a prefix, low00690 and normal00690.",
            "It shares scenes with LOL-v1, across the split.",
            "The table of UIR-2.5M seems to have the marks for real of its two rows of low light exchanged.",
        ),
    ),
    DataSet(
        name="lol-v2-syn",
        title="LOL-v2, synthetic",
        folder="lol-v2",
        types=("low_light",),
        real=False,
        splits={
            "train": _lol_v2("Synthetic", "Train", "", ""),
            "test": _lol_v2("Synthetic", "Test", "", ""),
        },
        counts={"train": 900, "test": 100},
        licence=NOT_STATED,
        homepage=_V2_PAGE,
        citation=_V2,
    ),
    DataSet(
        name="lsrw",
        title="LSRW",
        types=("low_light",),
        real=True,
        splits={
            split: Images(
                f"[LSRW/]{folder}/{{camera:Huawei|Nikon}}/high/{{image}}",
                f"[LSRW/]{folder}/{{camera:Huawei|Nikon}}/low/{{image}}",
                "low_light",
            )
            for split, folder in (("train", "Training data"), ("test", "Eval"))
        },
        counts={"train": 5_600, "test": 50},
        licence=NOT_STATED,
        homepage="https://github.com/JianghaiSCU/R2RNet",
        citation="Hai et al., R2RNet: Low-light image enhancement via real-low to real-normal network, JVCIR 2023",
        traps=(
            "The folder of training images has a blank in its name.",
            "The two photos of a pair were taken one after the other: some pairs are off by pixels.",
        ),
    ),
    _unpaired(
        "dicm", "DICM", "Lee, Lee and Kim, Contrast enhancement based on layered difference representation, TIP 2013"
    ),
    _unpaired(
        "lime", "LIME", "Guo, Li and Ling, LIME: Low-light image enhancement via illumination map estimation, TIP 2017"
    ),
    _unpaired(
        "mef", "MEF", "Ma, Zeng and Wang, Perceptual quality assessment for multi-exposure image fusion, TIP 2015"
    ),
    _unpaired(
        "npe",
        "NPE",
        "Wang et al., Naturalness preserved enhancement algorithm for non-uniform illumination images, TIP 2013",
    ),
    _unpaired(
        "vv",
        "VV",
        "Vonikakis, Kouskouridas and Gasteratos, On the evaluation of illumination compensation algorithms, MTA 2018",
    ),
)
"""Sets of low light."""
