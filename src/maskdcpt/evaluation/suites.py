"""The suites of the MaskDCPT paper (arXiv 2510.13282) and of its predecessors, set by set."""

from __future__ import annotations

from collections.abc import Iterable

from maskdcpt.degradations import Jpeg, Mosaic
from maskdcpt.evaluation.damage import Damage, LegacyNoise, Plain, RandomBlur, SwappedMosaic
from maskdcpt.evaluation.testset import PUBLISHED, PairFolders, PhotoFolders, Protocol, Split, TestSet

CLEAN = ("cbsd68", "kodak24", "mcmaster", "urban100")
"""The clean sets that are damaged by recipe."""

_FLOAT = "The published evaluation compares floats here: hold it against psnr and ssim."
_ROUNDED = (
    "The published evaluation compares floats for NAFNet (hold it against psnr and ssim), and rounds to 8 bit first "
    "for Restormer, PromptIR and SwinIR (psnr_8bit and ssim_8bit)."
)
_NOISE = "Gaussian noise is drawn by NumPy's legacy generator with seed 0 for each image, and not rounded."
_BLUR = "Random blur: which kernel an image gets cannot be repeated from the published code; here its name decides."
_MOSAIC = "The published demosaicing input has red and blue exchanged; both forms are measured."
_SOTS = (
    "Published results on SOTS are saved under the clean names, so that 492 of 500 are left for whatever is computed "
    "from saved files; psnr and ssim are means over all 500. The set with '@ saved' has the last of each."
)
_RAINDS = "Of RainDS, the images with drops alone are taken for raindrops."


def _set(name: str, task: str, source: Split, group: str = "all") -> TestSet:
    return TestSet(name=name, task=task, source=source, group=group)


def _whole(task: str, *places: str | tuple[str, str], group: str = "all") -> Iterable[TestSet]:
    """Sets that are whole splits, named as their data sets, with the split where it is not ``test``."""
    for place in places:
        dataset, split = (place, "test") if isinstance(place, str) else place
        name = dataset if split == "test" else f"{dataset} {split}"
        yield _set(name, task, Split(dataset, split), group)


def _made(task: str, names: Iterable[str], label: str, damage: Damage, group: str = "all") -> Iterable[TestSet]:
    """Clean sets, damaged by recipe."""
    for name in names:
        title = f"{name} {label}"
        yield TestSet(name=title, task=task, source=Split(name), damages=(damage,), group=group)


def _noise(task: str, sigma: int, names: Iterable[str] = CLEAN, group: str = "all") -> Iterable[TestSet]:
    return _made(task, names, f"sigma {sigma}", LegacyNoise(sigma), group)


def _sots() -> Iterable[TestSet]:
    yield from _whole("dehazing", "sots-outdoor")
    yield TestSet(
        name="sots-outdoor @ saved",
        task="dehazing",
        source=Split("sots-outdoor"),
        variant=PUBLISHED,
        replaces="sots-outdoor",
        last_of_clean=True,
    )


def _mosaic() -> Iterable[TestSet]:
    yield from _made("demosaic", ("urban100",), "mosaic", Plain("mosaic", Mosaic("rggb", "edge_aware")))
    yield TestSet(
        name="urban100 mosaic @ swapped",
        task="demosaic",
        source=Split("urban100"),
        damages=(SwappedMosaic(),),
        variant=PUBLISHED,
        replaces="urban100 mosaic",
    )


FIVE = Protocol(
    "5d",
    1,
    (
        *_sots(),
        *_whole("deraining", "rain100l"),
        *_noise("denoising", 25, ("cbsd68",)),
        *_whole("deblurring", "gopro"),
        *_whole("low_light", "lol-v1"),
    ),
    "five tasks of the all-in-one literature",
    notes=(_FLOAT, _NOISE, _SOTS),
)

THREE = Protocol(
    "3d",
    1,
    (
        *_sots(),
        *_whole("deraining", "rain100l"),
        *(each for sigma in (15, 25, 50) for each in _noise(f"denoising sigma {sigma}", sigma, ("cbsd68",))),
    ),
    "haze, rain, and noise at three strengths",
    notes=(_NOISE, _SOTS),
)

TWELVE = Protocol(
    "12d",
    1,
    (
        *(each for sigma in (15, 25, 50) for each in _noise("gaussian_denoising", sigma)),
        *_whole("real_denoising", ("sidd", "val")),
        *_whole("motion_deblur", "gopro", ("reds", "val"), "hide", "realblur-j", "realblur-r", "rsblur"),
        *_whole("defocus_deblur", "dpdd", "realdof"),
        *_made("jpeg_removal", CLEAN, "JPEG 50", Plain("jpeg", Jpeg(50))),
        *_sots(),
        *_whole("deraining", "rain100l", "rain100h", "test100", "test1200", "test2800", "synrain-13k"),
        _set("realrain-1k-l", "deraining", Split("realrain-1k", only="RealRain-1k-L/")),
        _set("realrain-1k-h", "deraining", Split("realrain-1k", only="RealRain-1k-H/")),
        *_whole("desnowing", ("snow100k", "test-s"), ("snow100k", "test-m"), ("snow100k", "test-l"), "csd"),
        *_mosaic(),
        *_whole("low_light_enhance", "lol-v1", "lol-v2-syn", "lol-v2-real"),
        _set("lsrw-huawei", "low_light_enhance", Split("lsrw", only="/Huawei/|^Huawei/", count=30)),
        _set("lsrw-nikon", "low_light_enhance", Split("lsrw", only="/Nikon/|^Nikon/", count=20)),
        *_whole("demoire", "raw-moire"),
        *_whole("raindrop", ("raindrop", "test-a"), ("raindrop", "test-b")),
        _set("rainds-syn", "raindrop", Split("rainds-syn", types=("raindrop",), count=200)),
        _set("rainds-real", "raindrop", Split("rainds-real", types=("raindrop",), count=98)),
        *_made("gaussian_deblur", ("urban100",), "random blur", RandomBlur()),
        *_whole("under_display_camera", "udc-poled", "udc-toled", group="unseen type"),
    ),
    "twelve tasks, Gaussian noise, and damage of an unseen type, on 52 sets",
    notes=(
        _FLOAT,
        _NOISE,
        _BLUR,
        _MOSAIC,
        _SOTS,
        _RAINDS,
        "How the published table merges the sets of a task is not known; here a task is the mean over its sets.",
    ),
)

NOISE = Protocol(
    "noise-ood",
    1,
    tuple(
        each
        for sigma in (15, 25, 50, 60, 75)
        for each in _noise(f"sigma {sigma}", sigma, group="in distribution" if sigma <= 50 else "out of distribution")
    ),
    "Gaussian noise that training knows, and stronger one",
    notes=(_ROUNDED, _NOISE, "The published table leaves McMaster out: compare by set, not by task."),
)


def _cdd(kind: str) -> TestSet:
    return _set(f"cdd-11 {kind}", kind, Split("cdd-11", only=f"/{kind}/", count=200))


def _lol_blur(kind: str) -> TestSet:
    return _set(f"lol-blur {kind}", kind, Split("lol-blur", only=f"/{kind}/", count=1_800))


MIXED = Protocol(
    "mixed",
    1,
    (
        *map(_cdd, ("haze", "rain", "snow", "low", "haze_rain", "haze_snow", "low_haze", "low_rain", "low_snow")),
        *map(_cdd, ("low_haze_rain", "low_haze_snow")),
        *map(_lol_blur, ("low_blur", "low_blur_noise")),
    ),
    "several kinds of damage at once: CDD-11 and LOL-Blur",
    notes=(_FLOAT,),
)

REAL = Protocol(
    "real",
    1,
    (
        *_whole("motion_blur", "realblur-r", group="with reference"),
        _set("realrain-1k-l", "rain", Split("realrain-1k", only="RealRain-1k-L/"), "with reference"),
        _set("realrain-1k-h", "rain", Split("realrain-1k", only="RealRain-1k-H/"), "with reference"),
        *_whole("defocus_blur", "cuhk", "pixeldp", group="without reference"),
        *_whole("snow", "snow100k-real", group="without reference"),
        *_whole("haze", "rtts", group="without reference"),
        *_whole("low_light", "dicm", "lime", "mef", "npe", "vv", group="without reference"),
    ),
    "photos of real damage, most without a clean original",
    metrics=("psnr", "ssim", "nrmse", "psnr_8bit", "ssim_8bit", "piqe"),
    notes=(
        "The published PIQE and BRISQUE were computed outside the published code, on results saved as 8 bit.",
        "The published columns of motion blur and rain are taken to be RealBlur-R and RealRain-1k; no file says so.",
    ),
)


def _single(dataset: str, title: str, task: str) -> Protocol:
    return Protocol(dataset, 1, tuple(_whole(task, dataset)), f"{title} alone")


SUITES = (
    FIVE,
    TWELVE,
    NOISE,
    MIXED,
    REAL,
    THREE,
    _single("gopro", "GoPro", "deblurring"),
    _single("hide", "HIDE", "deblurring"),
    _single("test100", "Test100", "deraining"),
    Protocol(
        "pairs",
        1,
        (TestSet(name="pairs", task="pairs", source=PairFolders()),),
        "pairs of one's own: any folder with lq and gt, or a folder of such folders",
    ),
    Protocol(
        "photos",
        1,
        (TestSet(name="photos", task="photos", source=PhotoFolders()),),
        "photos of one's own without clean originals: any folder, or a folder of folders",
        metrics=("piqe",),
    ),
)
"""The protocols."""
