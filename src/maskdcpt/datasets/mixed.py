"""Several kinds of damage at once, and damage that no type of ours is for."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet, Licence
from maskdcpt.datasets.layouts import Images, Several
from maskdcpt.datasets.terms import NOT_STATED

_WORDS = {"low": "low_light", "haze": "haze", "rain": "rain_streak", "snow": "snow"}
_CDD_KINDS = (
    "low",
    "haze",
    "rain",
    "snow",
    "low_haze",
    "low_rain",
    "low_snow",
    "haze_rain",
    "haze_snow",
    "low_haze_rain",
    "low_haze_snow",
)


def _cdd(split: str) -> Several:
    place = f"{{archive:CDD-11_{split}|{split}}}/"
    parts = []
    for kind in _CDD_KINDS:
        basic = tuple(_WORDS[word] for word in kind.split("_"))
        damage = "low_light_weather" if len(basic) > 1 else basic[0]
        parts.append(
            Images(f"{place}clear/{{image}}", f"{place}{kind}/{{image}}", damage, basic if len(basic) > 1 else ())
        )
    return Several(tuple(parts))


def _lol_blur(split: str) -> Several:
    place = f"[{{archive:LOL-Blur|LOLBlur}}/]{split}"
    return Several(
        (
            Images(
                f"{place}/high_sharp_scaled/{{scene}}/{{frame}}", f"{place}/low_blur/{{scene}}/{{frame}}", *_LOL_BLUR
            ),
            Images(
                f"{place}/high_sharp_scaled/{{scene}}/{{frame}}",
                f"{place}/low_blur_noise/{{scene}}/{{frame}}",
                "low_light_blur",
                ("sensor_noise", "motion_blur", "low_light"),
            ),
        )
    )


_LOL_BLUR = ("low_light_blur", ("motion_blur", "low_light"))


def _clarity(time: str, counts: dict[str, int]) -> DataSet:
    return DataSet(
        name=f"raindrop-clarity-{time.lower()}",
        title=f"RaindropClarity, {time.lower()}",
        folder="raindrop-clarity",
        types=("blur_rain",),
        real=True,
        splits={
            split.lower(): Images(
                f"{time}RainDrop_{split}/[{time}RainDrop_{split}/]Clear/{{scene}}/{{image}}",
                f"{time}RainDrop_{split}/[{time}RainDrop_{split}/]Drop/{{scene}}/{{image}}",
                "blur_rain",
            )
            for split in ("Train", "Test")
        },
        counts=counts,
        licence=Licence("not stated for the photos; code for non-commercial use", commercial=None),
        homepage="https://github.com/jinyeying/RaindropClarity",
        citation="Jin et al., Raindrop clarity: A dual-focused dataset for day and night raindrop removal, ECCV 2024",
        traps=(
            "The folder Blur has photos of the blurred scene without drops, no clean ones.",
            "Several photos with drops show one scene: split it by scene.",
            "The table of UIR-2.5M gives 14,490 samples for the photos of the day, more than there are.",
        ),
    )


def _udc(panel: str) -> DataSet:
    word = f"{{panel:[{panel[0].upper()}{panel[0]}]{panel[1:]}}}"
    return DataSet(
        name=f"udc-{panel}",
        title=f"Under-display camera, {panel.upper()}",
        folder="udc",
        types=(),
        real=True,
        splits={
            "train": Images(
                f"{{part:UDC_train|Train}}/{word}/HQ/{{image}}", f"{{part:UDC_train|Train}}/{word}/LQ/{{image}}"
            ),
            "test": Images(f"UDC_val_test/{word}/HQ/{{image}}", f"UDC_val_test/{word}/LQ/{{image}}"),
        },
        counts={"train": 240, "test": 30},
        licence=NOT_STATED,
        homepage="https://yzhouas.github.io/projects/UDC/udc.html",
        citation="Zhou et al., Image restoration for under-display camera, CVPR 2021",
        traps=(
            "Validation and test images come as .mat files; write them as images first.",
            "Protocols use it as damage that was never seen: do not train on it.",
        ),
    )


MIXED = (
    _clarity("Day", {"train": 4_713, "test": 729}),
    _clarity("Night", {"train": 8_655, "test": 1_089}),
    DataSet(
        name="lol-blur",
        title="LOL-Blur",
        types=("low_light_blur",),
        real=False,
        splits={split: _lol_blur(split) for split in ("train", "test")},
        counts={"train": 20_400, "test": 3_600},
        licence=Licence("S-Lab License 1.0, non-commercial", commercial=False),
        homepage="https://github.com/sczhou/LEDNet",
        citation="Zhou, Li and Loy, LEDNet: Joint low-light enhancement and deblurring in the dark, ECCV 2022",
        traps=(
            "The clean images are high_sharp_scaled, not high_sharp_original, which is brighter.",
            "Each clean image has a dark blurred one and one with noise besides: 10,200 pairs of each kind in train.",
            "The first and the last 30 frames of a clip are not one sequence.",
        ),
    ),
    DataSet(
        name="cdd-11",
        title="CDD-11",
        types=("haze", "rain_streak", "snow", "low_light", "low_light_weather"),
        real=False,
        splits={split: _cdd(split) for split in ("train", "test")},
        counts={"train": 13_013, "test": 2_200},
        licence=NOT_STATED,
        homepage="https://github.com/gy65896/OneRestore",
        citation="Guo et al., OneRestore: A universal restoration framework for composite degradation, ECCV 2024",
        traps=(
            "Eleven damaged images share each of 1,183 clean ones (200 in test): four of one kind, five of two, two of "
            "three.",
            "Its rain and snow come from the masks of other data sets.",
        ),
    ),
    _udc("poled"),
    _udc("toled"),
    DataSet(
        name="cuhk",
        title="CUHK blur detection",
        types=("defocus_blur",),
        real=True,
        splits={"test": Images("", "[image/]{image:out_of_focus[0-9]+}", "defocus_blur")},
        licence=NOT_STATED,
        homepage="https://www.cse.cuhk.edu.hk/~leojia/projects/dblurdetect/dataset.html",
        citation="Shi, Xu and Jia, Discriminative blur detection features, CVPR 2014",
        traps=("There are no sharp images; the folder gt has masks.", "Its images with motion blur are another part."),
    ),
    DataSet(
        name="pixeldp",
        title="PixelDP",
        types=("defocus_blur",),
        real=True,
        splits={"test": Images("", "[test_c/][source/]{image}", "defocus_blur")},
        licence=NOT_STATED,
        homepage="https://github.com/Abdullah-Abuolaim/defocus-deblurring-dual-pixel",
        citation="Abuolaim and Brown, Defocus deblurring using dual-pixel data, ECCV 2020",
        traps=("There are no sharp images.",),
    ),
)
"""Sets of mixed damage, of damage of no type, and photos with blur but without sharp ones."""
