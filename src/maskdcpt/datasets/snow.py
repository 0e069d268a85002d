"""Snow."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet
from maskdcpt.datasets.layouts import Images, Several
from maskdcpt.datasets.terms import NOT_STATED

_SNOW100K = "[media/jdway/GameSSD/overlapping/][test/]test/Snow100K-"


def _snow(clean: str, degraded: str) -> Images:
    return Images(f"{clean}/{{image}}", f"{degraded}/{{image}}", "snow")


SNOW = (
    DataSet(
        name="snow100k",
        title="Snow100K",
        types=("snow",),
        real=False,
        splits={
            "train": _snow("[train/]all/gt", "[train/]all/synthetic"),
            **{
                f"test-{size.lower()}": _snow(f"{_SNOW100K}{size}/gt", f"{_SNOW100K}{size}/synthetic") for size in "SML"
            },
        },
        counts={"train": 50_000, "test-s": 16_611, "test-m": 16_588, "test-l": 16_801},
        licence=NOT_STATED,
        homepage="https://sites.google.com/view/yunfuliu/desnownet",
        citation="Liu et al., DesnowNet: Context-aware deep network for snow removal, TIP 2018",
        traps=(
            "The test archive unpacks to a path of its authors' disk, media/jdway/GameSSD/overlapping.",
            "Other papers test on 2,000 images drawn from it, and their numbers are no others' numbers.",
            "The folder mask has the snow alone.",
        ),
    ),
    DataSet(
        name="snow100k-real",
        title="Snow100K, realistic",
        folder="snow100k",
        types=("snow",),
        real=True,
        splits={"test": Images("", "realistic/{image}", "snow")},
        counts={"test": 1_329},
        licence=NOT_STATED,
        homepage="https://sites.google.com/view/yunfuliu/desnownet",
        citation="Liu et al., DesnowNet: Context-aware deep network for snow removal, TIP 2018",
        traps=("There are no clean images.",),
    ),
    DataSet(
        name="srrs",
        title="SRRS",
        types=("snow",),
        real=False,
        splits={
            "train": Several(
                (
                    _snow("[SRRS-2021/]gt", "[SRRS-2021/]{folder:Syn|Snow|snow}"),
                    _snow("[SRRS/]train2500/Gt", "[SRRS/]train2500/Snow"),
                )
            ),
            "test": _snow("[SRRS/]test2000/Gt", "[SRRS/]test2000/Snow"),
        },
        licence=NOT_STATED,
        homepage="https://github.com/weitingchen83/JSTASR-DesnowNet-ECCV-2020",
        citation="Chen et al., JSTASR: Joint size and transparency-aware snow removal algorithm, ECCV 2020",
        traps=(
            "It has no split of its authors; papers draw 2,500 to train and 2,000 to test (train2500 and test2000).",
            "The table of UIR-2.5M leaves 15,005 samples for it.",
            "What the authors' archive calls its folders is not known here for certain; gt and Syn or Snow are taken.",
        ),
    ),
    DataSet(
        name="csd",
        title="CSD",
        types=("snow",),
        real=False,
        splits={
            "train": _snow("[CSD/]Train/Gt", "[CSD/]Train/Snow"),
            "test": _snow("[CSD/]Test/Gt", "[CSD/]Test/Snow"),
        },
        counts={"train": 8_000, "test": 2_000},
        licence=NOT_STATED,
        homepage="https://github.com/weitingchen83/ICCV2021-Single-Image-Desnowing-HDCWNet",
        citation="Chen et al., ALL snow removed: Single image desnowing algorithm using hierarchical dual-tree complex "
        "wavelet representation and contradict channel loss, ICCV 2021",
        traps=("The folder Mask has the snow alone.", "Its snow comes with a veil, as haze does."),
    ),
)
"""Sets of snow."""
