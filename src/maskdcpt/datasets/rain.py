"""Rain as streaks and as drops on glass."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet, Files
from maskdcpt.datasets.layouts import Images, Several
from maskdcpt.datasets.terms import NOT_STATED

_RAIN13K_PAGE = "https://github.com/swz30/Restormer/tree/main/Deraining"


def _pairs(*places: str) -> Images:
    """Folders input and target with equal names, in a folder that may be there or not."""
    optional = "".join(f"[{place}/]" for place in places)
    return Images(f"{optional}target/{{image}}", f"{optional}input/{{image}}", "rain_streak")


def _test(name: str, title: str, count: int, citation: str, *traps: str, files: Files | None = None) -> DataSet:
    return DataSet(
        name=name,
        title=title,
        types=("rain_streak",),
        real=False,
        splits={"test": files or _pairs("test", title)},
        counts={"test": count},
        licence=NOT_STATED,
        homepage=_RAIN13K_PAGE,
        citation=citation,
        traps=traps,
    )


def _rain100(title: str) -> Several:
    return Several((_pairs("test", title), Images("norain-{image}", "[rainy/]rain-{image}", "rain_streak")))


_KINDS = (("raindrop", "rd-"), ("rainstreak", "rain-"), ("rainstreak_raindrop", "rd-rain-"))
_RAINDS_TYPES = {"raindrop": "raindrop", "rainstreak": "rain_streak", "rainstreak_raindrop": "streak_drop"}


def _rainds_syn(split: str) -> Several:
    place = f"[RainDS/]RainDS_syn/{split}[_set]"
    return Several(
        tuple(
            Images(
                f"{place}/gt/{{view:(?:pie-)?}}norain-{{image:[0-9]+}}",
                f"{place}/{kind}/{{view:(?:pie-)?}}{prefix}{{image:[0-9]+}}",
                _RAINDS_TYPES[kind],
            )
            for kind, prefix in _KINDS
        )
    )


def _rainds_real(split: str) -> Several:
    place = f"[RainDS/]RainDS_real/{split}[_set]"
    return Several(
        tuple(Images(f"{place}/gt/{{image}}", f"{place}/{kind}/{{image}}", _RAINDS_TYPES[kind]) for kind, _ in _KINDS)
    )


def _outdoor_rain(place: str) -> Images:
    return Images(
        f"{place}gt/{{image:im_[0-9]+}}",
        f"{place}{{side:in|input|data}}/{{image:im_[0-9]+}}_s{{strength}}_a{{airlight}}",
        "rain_streak",
    )


def _raindrop(place: str) -> Images:
    return Images(f"{place}/gt/{{image:[0-9]+}}_clean", f"{place}/data/{{image:[0-9]+}}_rain", "raindrop")


_JORDER = "Yang et al., Deep joint rain detection and removal from a single image, CVPR 2017"
_REALRAIN = "Li et al., Toward real-world single image deraining: A new benchmark and beyond, arXiv 2022"
_REALRAIN_PAGE = "https://github.com/hiker-lw/RealRain-1k"
_RAINDS = "Quan et al., Removing raindrops and rain streaks in one go, CVPR 2021"
_RAINDS_PAGE = "https://github.com/Songforrr/RainDS_CCN"
_RAINDS_TRAP = "Three damaged images share each clean one: drops, streaks, and both."

RAIN = (
    DataSet(
        name="rain13k",
        title="Rain13k",
        types=("rain_streak",),
        real=False,
        splits={"train": _pairs("train", "Rain13K")},
        counts={"train": 13_712},
        licence=NOT_STATED,
        homepage=_RAIN13K_PAGE,
        citation="Jiang et al., Multi-scale progressive fusion network for single image deraining, CVPR 2020",
        traps=(
            "It is put together of Rain14000, Rain1800, Rain800 and Rain12: the same clean image occurs many times.",
            "Others count 13,711 pairs.",
        ),
    ),
    DataSet(
        name="synrain-13k",
        title="SynRain-13k",
        types=("rain_streak",),
        real=False,
        splits={
            "train": Images(
                "[SynRain-13k/]{part:train|training}/target/{image}",
                "[SynRain-13k/]{part:train|training}/input/{image}",
                "rain_streak",
            ),
            "test": Images("[SynRain-13k/]test/target/{image}", "[SynRain-13k/]test/input/{image}", "rain_streak"),
        },
        licence=NOT_STATED,
        homepage=_REALRAIN_PAGE,
        citation=_REALRAIN,
    ),
    DataSet(
        name="realrain-1k",
        title="RealRain-1k",
        types=("rain_streak",),
        real=True,
        splits={
            split: Images(
                f"{{set:RealRain-1k-[LH]}}/{{part:{words}}}/target/{{image}}",
                f"{{set:RealRain-1k-[LH]}}/{{part:{words}}}/input/{{image}}",
                "rain_streak",
            )
            for split, words in (("train", "train|training"), ("val", "val|validation"), ("test", "test"))
        },
        licence=NOT_STATED,
        homepage=_REALRAIN_PAGE,
        citation=_REALRAIN,
        traps=(
            "The two parts, L of light and H of heavy rain, have clean images in common.",
            "Clean images are made of rainy videos, so they are estimates.",
        ),
    ),
    DataSet(
        name="rainds-syn",
        title="RainDS, synthetic",
        folder="rainds",
        types=("raindrop", "rain_streak", "streak_drop"),
        real=False,
        splits={split: _rainds_syn(split) for split in ("train", "test")},
        counts={"train": 3_000, "test": 600},
        licence=NOT_STATED,
        homepage=_RAINDS_PAGE,
        citation=_RAINDS,
        traps=(_RAINDS_TRAP, "Names differ by a prefix (norain-, rd-, rain-, rd-rain-), after pie- in some."),
    ),
    DataSet(
        name="rainds-real",
        title="RainDS, real",
        folder="rainds",
        types=("raindrop", "rain_streak", "streak_drop"),
        real=True,
        splits={split: _rainds_real(split) for split in ("train", "test")},
        counts={"train": 450, "test": 294},
        licence=NOT_STATED,
        homepage=_RAINDS_PAGE,
        citation=_RAINDS,
        traps=(_RAINDS_TRAP, "The table of UIR-2.5M prints its drops as not real."),
    ),
    DataSet(
        name="outdoor-rain",
        title="Outdoor-Rain",
        types=("rain_streak",),
        real=False,
        splits={
            "train": _outdoor_rain("[outdoor_rain_train/][train/]"),
            "test": _outdoor_rain("[outdoor_rain_test/]test1/"),
        },
        counts={"train": 9_000, "test": 750},
        licence=NOT_STATED,
        homepage="https://github.com/liruoteng/HeavyRainRemoval",
        citation="Li, Cheong and Tan, Heavy rain image restoration: Integrating physics model and conditional "
        "adversarial learning, CVPR 2019",
        traps=(
            "Its rain has a veil of mist with it: streaks and haze at once.",
            "It is synthetic, though the table of UIR-2.5M has it in a row of real rain.",
            "15 rainy images share each clean one: im_0001_s80_a04 is made of im_0001.",
        ),
    ),
    DataSet(
        name="raindrop",
        title="RainDrop",
        types=("raindrop",),
        real=True,
        splits={
            "train": _raindrop("[train/]train"),
            "test-a": _raindrop("[test_a/]test_a"),
            "test-b": _raindrop("[test_b/]test_b"),
        },
        counts={"train": 861, "test-a": 58, "test-b": 249},
        licence=NOT_STATED,
        homepage="https://github.com/rui1996/DeRaindrop",
        citation="Qian et al., Attentive generative adversarial network for raindrop removal, CVPR 2018",
        traps=(
            "test_a is a part of test_b.",
            "Drops are water on a pane of glass, whose clean photo was taken through another: pairs are off by a pixel "
            "or two here and there.",
        ),
    ),
    _test(
        "rain100l",
        "Rain100L",
        100,
        _JORDER,
        "The authors have replaced it by a version with 200 test images; papers use the first one, with 100.",
        "Its clean images are from BSDS500.",
        files=_rain100("Rain100L"),
    ),
    _test(
        "rain100h",
        "Rain100H",
        100,
        _JORDER,
        "The authors have replaced it by a version with 200 test images; papers use the first one, with 100.",
        "Its clean images are those of Rain100L, from BSDS500.",
        files=_rain100("Rain100H"),
    ),
    _test("test100", "Test100", 100, "Zhang, Sindagi and Patel, Image de-raining using a conditional GAN, TCSVT 2020"),
    _test(
        "test1200",
        "Test1200",
        1_200,
        "Zhang and Patel, Density-aware single image de-raining using a multi-stream dense network, CVPR 2018",
    ),
    _test(
        "test2800",
        "Test2800",
        2_800,
        "Fu et al., Removing rain from single images via a deep detail network, CVPR 2017",
        "14 rainy images of each of 200 clean ones.",
    ),
)
"""Sets of rain."""
