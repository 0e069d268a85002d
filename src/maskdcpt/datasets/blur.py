"""Blur by motion and by focus."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet, Licence
from maskdcpt.datasets.layouts import Images, Listed, Several
from maskdcpt.datasets.terms import CC_BY, NOT_STATED


def _reds(split: str, blur: str, damage: str) -> Images:
    return Images(
        f"[{split}/]{split}_sharp/{{scene}}/{{frame}}", f"[{split}/]{split}_{blur}/{{scene}}/{{frame}}", damage
    )


def _rsblur(split: str, kind: str, blur: str) -> Listed:
    name = f"RSBlur_{kind}_{split}.txt"
    place = "RSBlur/{scene}/{number}"
    return Listed((name, f"datalist/RSBlur/{name}"), "motion_blur", f"{place}/{blur}", f"{place}/gt/gt_sharp")


def _realblur(letter: str, aligned: str, split: str, damage: str) -> Listed:
    name = f"RealBlur_{letter}_{split}_list.txt"
    place = f"RealBlur-{letter}_{aligned}ECC_IMCORR_centroid_itensity_ref/{{scene}}"
    return Listed((name, f"datalist/{name}"), damage, f"{place}/blur/blur_{{number}}", f"{place}/gt/gt_{{number}}")


def _dpdd(split: str) -> Images:
    place = f"[dd_dp_dataset_canon/][dd_dp_dataset_png/]{split}_c"
    return Images(f"{place}/target/{{target}}", f"{place}/source/{{source}}", "defocus_blur", ordered=True)


def _lfdof(split: str) -> Images:
    place = f"[LFDOF/]{split}_data"
    return Images(
        f"{place}/ground_truth/{{image}}", f"{place}/input/{{image}}/{{image}}_ap{{aperture}}_{{focus}}", "defocus_blur"
    )


_REDS_PAPER = "Nah et al., NTIRE 2019 challenge on video deblurring and super-resolution: Dataset and study, CVPRW 2019"
_REDS_PAGE = "https://seungjunnah.github.io/Datasets/reds"
_REDS_TRAPS = (
    "Clips are numbered from 000 in train and in val alike: the same number is another scene.",
    "Super-resolution holds out clips 000, 011, 015 and 020 of train (REDS4); that is another split.",
    "The 240 clips of train have 100 frames each, which look alike: draw few of each, or sets of many scenes.",
)
_RSBLUR_PAPER = "Rim et al., Realistic blur synthesis for learning image deblurring, ECCV 2022"
_RSBLUR_PAGE = "https://github.com/rimchang/RSBlur"
_RSBLUR_TRAP = "The lists that say what is train, val and test are in the authors' repository; put them beside RSBlur."
_REALBLUR_PAPER = "Rim et al., Real-world blur dataset for learning and benchmarking deblurring algorithms, ECCV 2020"
_REALBLUR_PAGE = "https://github.com/rimchang/RealBlur"
_REALBLUR_TRAPS = (
    "The folder of aligned pairs is meant, whose name says itensity without an n.",
    "Pairs are aligned only nearly: the authors' measurements align each result with its sharp image first.",
)

BLUR = (
    DataSet(
        name="gopro",
        title="GoPro",
        types=("motion_blur",),
        real=False,
        splits={
            split: Images(
                f"[GOPRO_Large/]{split}/{{scene}}/sharp/{{frame}}",
                f"[GOPRO_Large/]{split}/{{scene}}/blur/{{frame}}",
                "motion_blur",
            )
            for split in ("train", "test")
        },
        counts={"train": 2_103, "test": 1_111},
        licence=CC_BY,
        homepage="https://seungjunnah.github.io/Datasets/gopro",
        citation="Nah et al., Deep multi-scale convolutional neural network for dynamic scene deblurring, CVPR 2017",
        traps=(
            "blur_gamma, beside blur, averages frames with gamma correction; papers measure on blur.",
            "Papers count the 16,824 crops of the training frames as samples.",
            "It is 33 filmed scenes: split it by scene, never by frame.",
        ),
    ),
    DataSet(
        name="hide",
        title="HIDE",
        types=("motion_blur",),
        real=False,
        splits={
            "train": Images("[HIDE_dataset/]GT/{image}", "[HIDE_dataset/]train/{image}", "motion_blur"),
            "test": Several(
                (
                    Images(
                        "[HIDE_dataset/]GT/{image}",
                        "[HIDE_dataset/]test/{kind:test-close-ups|test-long-shot}/{image}",
                        "motion_blur",
                    ),
                    Images("[test/]target/{image}", "[test/]input/{image}", "motion_blur"),
                )
            ),
        },
        counts={"train": 6_397, "test": 2_025},
        licence=NOT_STATED,
        homepage="https://github.com/joanshen0508/HA_deblur",
        citation="Shen et al., Human-aware motion deblurring, ICCV 2019",
        traps=("Papers test on it alone, with networks trained on GoPro; its train images are hardly used.",),
    ),
    DataSet(
        name="reds",
        title="REDS, blur",
        folder="reds",
        types=("motion_blur",),
        real=False,
        splits={"train": _reds("train", "blur", "motion_blur"), "val": _reds("val", "blur", "motion_blur")},
        counts={"train": 24_000, "val": 3_000},
        licence=CC_BY,
        homepage=_REDS_PAGE,
        citation=_REDS_PAPER,
        traps=(
            *_REDS_TRAPS,
            "The table of UIR-2.5M gives REDS 8,878 samples, the number of RSBlur: it may be an error of copying.",
        ),
    ),
    DataSet(
        name="reds-jpeg",
        title="REDS, blur and compression",
        folder="reds",
        types=("blur_jpeg",),
        real=False,
        splits={"train": _reds("train", "blur_comp", "blur_jpeg"), "val": _reds("val", "blur_comp", "blur_jpeg")},
        counts={"train": 24_000, "val": 3_000},
        licence=CC_BY,
        homepage=_REDS_PAGE,
        citation=_REDS_PAPER,
        traps=(*_REDS_TRAPS, "The compression is that of a video codec (MP4), not JPEG proper."),
    ),
    DataSet(
        name="rsblur",
        title="RSBlur, real",
        folder="rsblur",
        types=("motion_blur",),
        real=True,
        splits={split: _rsblur(split, "real", "real_blur/real_blur") for split in ("train", "val", "test")},
        counts={"train": 8_878, "val": 1_120, "test": 3_360},
        licence=CC_BY,
        homepage=_RSBLUR_PAGE,
        citation=_RSBLUR_PAPER,
        traps=(
            _RSBLUR_TRAP,
            "RSBlur_additional is for learning to synthesise; the authors ask not to train on it as real.",
        ),
    ),
    DataSet(
        name="rsblur-syn",
        title="RSBlur, averaged",
        folder="rsblur",
        types=("motion_blur",),
        real=False,
        splits={"train": _rsblur("train", "syn", "avg65_img/avg_blur")},
        counts={"train": 8_878},
        licence=CC_BY,
        homepage=_RSBLUR_PAGE,
        citation=_RSBLUR_PAPER,
        traps=(_RSBLUR_TRAP, "Its sharp images are those of the real pairs."),
    ),
    DataSet(
        name="realblur-j",
        title="RealBlur-J",
        folder="realblur",
        types=("blur_jpeg",),
        real=True,
        splits={split: _realblur("J", "", split, "blur_jpeg") for split in ("train", "test")},
        counts={"train": 3_758, "test": 980},
        licence=CC_BY,
        homepage=_REALBLUR_PAGE,
        citation=_REALBLUR_PAPER,
        traps=_REALBLUR_TRAPS,
    ),
    DataSet(
        name="realblur-r",
        title="RealBlur-R",
        folder="realblur",
        types=("motion_blur",),
        real=True,
        splits={split: _realblur("R", "BM3D_", split, "motion_blur") for split in ("train", "test")},
        counts={"train": 3_758, "test": 980},
        licence=CC_BY,
        homepage=_REALBLUR_PAGE,
        citation=_REALBLUR_PAPER,
        traps=(*_REALBLUR_TRAPS, "The same scenes as RealBlur-J, developed from the raw files."),
    ),
    DataSet(
        name="dpdd",
        title="DPDD",
        types=("defocus_blur",),
        real=True,
        splits={
            "train": _dpdd("train"),
            "val": _dpdd("val"),
            "test": Several((_dpdd("test"), Images("[test/]target/{image}", "[test/]inputC/{image}", "defocus_blur"))),
        },
        counts={"train": 350, "val": 74, "test": 76},
        licence=Licence("not stated for the photos; MIT for the code beside them", commercial=None),
        homepage="https://github.com/Abdullah-Abuolaim/defocus-deblurring-dual-pixel",
        citation="Abuolaim and Brown, Defocus deblurring using dual-pixel data, ECCV 2020",
        traps=(
            "Source and target have different names and are paired by their order: one missing file shifts all pairs.",
            "The combined view (folders that end in _c) is meant, not the left and right ones.",
            "The images have 16 bits; they are read as 8 here, and a note says so.",
            "Papers count the 7,000 patches of the training images as samples.",
        ),
    ),
    DataSet(
        name="lfdof",
        title="LFDOF",
        types=("defocus_blur",),
        real=False,
        splits={split: _lfdof(split) for split in ("train", "test")},
        counts={"train": 11_261, "test": 725},
        licence=NOT_STATED,
        homepage="https://sweb.cityu.edu.hk/miullam/AIFNET/",
        citation="Ruan et al., AIFNet: All-in-focus image restoration network using a light field dataset, TCI 2021",
        traps=(
            "The images carry an alpha channel.",
            "Many damaged images share one clean one: split it by clean image.",
        ),
    ),
    DataSet(
        name="realdof",
        title="RealDOF",
        types=("defocus_blur",),
        real=True,
        splits={
            "test": Images(
                "[RealDOF/][test/]target/{image}", "[RealDOF/][test/]{side:source|input}/{image}", "defocus_blur"
            )
        },
        counts={"test": 50},
        licence=NOT_STATED,
        homepage="https://github.com/codeslake/IFAN",
        citation="Lee et al., Iterative filter adaptive network for single image defocus deblurring, CVPR 2021",
    ),
)
"""Sets of motion blur and of defocus."""
