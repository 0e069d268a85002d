"""Clean photos, for the engine to damage or to test on."""

from __future__ import annotations

from maskdcpt.datasets.entry import DataSet, Files, Licence
from maskdcpt.datasets.layouts import Images, Several
from maskdcpt.datasets.terms import NOT_STATED, RESEARCH


def _clean(
    name: str,
    title: str,
    splits: dict[str, Files],
    counts: dict[str, int],
    licence: Licence,
    homepage: str,
    citation: str,
    *traps: str,
) -> DataSet:
    return DataSet(
        name=name,
        title=title,
        types=(),
        real=False,
        splits=splits,
        counts=counts,
        licence=licence,
        homepage=homepage,
        citation=citation,
        traps=traps,
    )


_FLAT = Images("[{folder:HR|original|images}/]{image}")

CLEAN = (
    _clean(
        "lsdir",
        "LSDIR",
        {"train": Images("[HR/][train/]{shard:[0-9]{7}}/{image:[0-9]+}")},
        {"train": 84_991},
        RESEARCH,
        "https://huggingface.co/ofsoundof/LSDIR",
        "Li et al., LSDIR: A large scale dataset for image restoration, CVPR workshops 2023",
        "The download is gated, and in shards that all have to be unpacked into one folder.",
    ),
    _clean(
        "df2k",
        "DF2K",
        {
            "train": Several((Images("[DIV2K/]DIV2K_train_HR/{image}"), Images("Flickr2K/[Flickr2K_HR/]{image}"))),
            "val": Images("[DIV2K/]DIV2K_valid_HR/{image}"),
        },
        {"train": 3_450, "val": 100},
        Licence("academic research only (DIV2K); not stated (Flickr2K)", commercial=False),
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/",
        "Agustsson and Timofte, NTIRE 2017 challenge on single image super-resolution, CVPR workshops 2017",
        "It is two data sets: the 800 training images of DIV2K and the 2,650 of Flickr2K.",
        "Both come with downscaled copies (LR); only the folders HR are meant.",
    ),
    _clean(
        "bsd500",
        "BSDS500",
        {
            "train": Images("[BSR/BSDS500/][data/]images/{part:train|test}/{image}"),
            "val": Images("[BSR/BSDS500/][data/]images/val/{image}"),
        },
        {"train": 400, "val": 100},
        Licence("non-commercial research and education", commercial=False),
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html",
        "Arbelaez et al., Contour detection and hierarchical image segmentation, TPAMI 2011",
        "Restoration trains on its train and test images together (BSD400), so both are train here.",
        "The val images hold all of BSD68, CBSD68 and BSD100: training on them is training on the test.",
        "Clean images of Rain100L and Rain100H are among its train images.",
        "The images are JPEG files of good quality, not originals.",
    ),
    _clean(
        "wed",
        "Waterloo Exploration Database",
        {"train": Images("[exploration_database_and_code/]pristine_images/{image}")},
        {"train": 4_744},
        NOT_STATED,
        "https://ece.uwaterloo.ca/~k29ma/exploration/",
        "Ma et al., Waterloo exploration database: New challenges for image quality assessment models, TIP 2017",
        "Only the folder pristine_images is clean; the archive's code makes damaged ones beside it.",
    ),
    _clean(
        "nkusr8k",
        "NKUSR8K",
        {"train": Images("[{folder}/]{image}")},
        {},
        Licence("not stated (Pi-Lab License 1.0 for the project)", commercial=None),
        "https://huggingface.co/datasets/acceptee/NKUSR8K",
        "Duan et al., DiT4SR: Taming diffusion transformer for real-world image super-resolution, ICCV 2025",
        "Its exact count and the folders in its archive are not known here: images up to one folder down are taken.",
    ),
    _clean(
        "ffhq-1k",
        "FFHQ-1k",
        {"train": Images("[images1024x1024/][{folder:[0-9]{5}}/]{image:[0-9]{5}}")},
        {"train": 1_000},
        Licence("CC-BY-NC-SA-4.0, and that of each photo", commercial=False),
        "https://github.com/NVlabs/ffhq-dataset",
        "Karras et al., A style-based generator architecture for generative adversarial networks, CVPR 2019",
        "Which 1,000 of the 70,000 are meant is not published; the first are as good as any.",
        "Each photo has a licence of its own besides that of the data set; some forbid commercial use.",
    ),
    _clean(
        "cbsd68",
        "CBSD68",
        {"test": _FLAT},
        {"test": 68},
        Licence("non-commercial research and education", commercial=False),
        "https://github.com/cszn/FFDNet",
        "Martin et al., A database of human segmented natural images, ICCV 2001; Roth and Black, CVPR 2005",
        "All of it is in BSDS500 val.",
        "Copies with noise in them circulate; only the folder of originals is meant.",
    ),
    _clean(
        "bsd68",
        "BSD68",
        {"test": _FLAT},
        {"test": 68},
        Licence("non-commercial research and education", commercial=False),
        "https://github.com/cszn/FFDNet",
        "Martin et al., A database of human segmented natural images, ICCV 2001; Roth and Black, CVPR 2005",
        "The grey version of CBSD68: the same pictures, so results of the two are no two results.",
    ),
    _clean(
        "kodak24",
        "Kodak24",
        {"test": _FLAT},
        {"test": 24},
        Licence("released for unrestricted usage, as its page understands", commercial=None),
        "https://r0k.us/graphics/kodak/",
        "Franzen, Kodak lossless true color image suite, 1999",
        "Six of its images stand upright, and are turned in some copies.",
    ),
    _clean(
        "mcmaster",
        "McMaster",
        {"test": _FLAT},
        {"test": 18},
        NOT_STATED,
        "https://www4.comp.polyu.edu.hk/~cslzhang/CDM_Dataset.htm",
        "Zhang et al., Color demosaicking by local directional interpolation and nonlocal adaptive thresholding, "
        "JEI 2011",
    ),
    _clean(
        "urban100",
        "Urban100",
        {"test": _FLAT},
        {"test": 100},
        NOT_STATED,
        "https://github.com/jbhuang0604/SelfExSR",
        "Huang, Singh and Ahuja, Single image super-resolution from transformed self-exemplars, CVPR 2015",
        "The authors ship it in folders by scale with LR beside HR; put the 100 HR images into one folder.",
    ),
    _clean(
        "set5",
        "Set5",
        {"test": _FLAT},
        {"test": 5},
        NOT_STATED,
        "https://github.com/jbhuang0604/SelfExSR",
        "Bevilacqua et al., Low-complexity single-image super-resolution based on nonnegative neighbor embedding, "
        "BMVC 2012",
    ),
    _clean(
        "set14",
        "Set14",
        {"test": _FLAT},
        {"test": 14},
        NOT_STATED,
        "https://github.com/jbhuang0604/SelfExSR",
        "Zeyde, Elad and Protter, On single image scale-up using sparse-representations, Curves and Surfaces 2010",
        "Some of its images are grey.",
    ),
)
"""Sets of clean images: for training, and to test synthetic damage on."""
