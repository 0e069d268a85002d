"""Photos with the noise of their sensors, and screens that moire comes from."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet, Licence
from maskdcpt.datasets.layouts import Images
from maskdcpt.datasets.terms import NOT_STATED

_INSTANCE = "[SIDD_Medium_Srgb/]Data/{shot:[0-9]{4}}_{scene:[0-9]{3}}_{settings}"

NOISE = (
    DataSet(
        name="sidd",
        title="SIDD",
        types=("sensor_noise",),
        real=True,
        splits={
            "train": Images(
                f"{_INSTANCE}/{{shot}}_GT_SRGB_{{number}}",
                f"{_INSTANCE}/{{shot}}_NOISY_SRGB_{{number}}",
                "sensor_noise",
            ),
            "val": Images("val/target[_crops]/{image}", "val/input[_crops]/{image}", "sensor_noise"),
        },
        counts={"train": 320, "val": 1_280},
        licence=Licence("MIT", commercial=True),
        homepage="https://abdokamel.github.io/sidd/",
        citation="Abdelhamed, Lin and Brown, A high-quality denoising dataset for smartphone cameras, CVPR 2018",
        traps=(
            "The medium version in sRGB is meant: two pairs of each of 160 scenes; the small one has 160 pairs.",
            "The validation blocks come as .mat files; write the 40 x 32 blocks of 256 x 256 as images first.",
            "It shows ten scenes in all: a random split of its images tests on what was trained on.",
            "Papers count the 30,608 crops of 512 x 512 as samples.",
        ),
    ),
    DataSet(
        name="raw-moire",
        title="Raw screen moire (RDNet)",
        types=("moire",),
        real=True,
        splits={
            split: Images(f"{split}set/gt_RGB/{{image}}_gt", f"{split}set/moire_RGB/{{image}}_m", "moire")
            for split in ("train", "test")
        },
        licence=NOT_STATED,
        homepage="https://github.com/tju-chengyijia/RDNet",
        citation="Yue et al., Recaptured screen image demoireing in raw domain, TMM 2022",
        traps=(
            "It comes as raw arrays (.npz) beside images; the folders that end in RGB are meant.",
            "Training images are patches cut from a few hundred photos, so many of them overlap.",
        ),
    ),
)
"""Sets of noise and of moire."""
