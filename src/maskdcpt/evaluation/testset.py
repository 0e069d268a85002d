"""What a protocol is made of, as values: test sets, where their images are, and how numbers are averaged."""

from __future__ import annotations

from dataclasses import dataclass

from maskdcpt.evaluation.damage import Damage, Engine

CANONICAL = "canonical"
"""The variant of a test set that is right by our lights."""

PUBLISHED = "published"
"""The variant that repeats a quirk of the published evaluation, to be held against published numbers."""


@dataclass(frozen=True)
class CleanFolder:
    """The clean images of any folder, those below it included; without a folder the embedded test images."""


@dataclass(frozen=True)
class Split:
    """A split of a public data set, or a part of it."""

    dataset: str
    """Its name in the registry."""
    split: str = "test"
    """Which."""
    only: str = ""
    """Regular expression that is found in the keys of the images meant; all where empty."""
    types: tuple[str, ...] = ()
    """The types of damage meant; all where empty."""
    count: int | None = None
    """How many there are of a part; that of a whole split stands in the registry."""


@dataclass(frozen=True)
class PairFolders:
    """Pairs in any folder, or in each of the folders in it, which is then a test set of its own.

    Damaged images are in ``lq``, clean ones of the same names in ``gt``, or under other usual names.
    """


@dataclass(frozen=True)
class PhotoFolders:
    """Photos without a clean original in any folder, or in each of the folders in it."""


Source = CleanFolder | Split | PairFolders | PhotoFolders
"""Where the images of a test set are."""


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """Images that are measured and averaged together."""

    __test__ = False  # for pytest, which takes it for tests

    name: str
    """Unique in the protocol; of sources with many folders, it is that of the folder."""
    task: str
    """What the network has to do; means of sets are averaged by task."""
    group: str = "all"
    """Tasks that are averaged together."""
    source: Source
    """Where its images are."""
    damages: tuple[Damage, ...] = ()
    """What is done to clean images; nothing where they are damaged on the disk."""
    variant: str = CANONICAL
    """``published`` for a set that takes the place of one in the published variant."""
    replaces: str = ""
    """The canonical set whose place it takes there."""
    last_of_clean: bool = False
    """Whether only the last damaged image of each clean one counts, as where results overwrite one another."""


@dataclass(frozen=True)
class Protocol:
    """A fixed way to measure. RGB, whole images, values clamped to [0, 1]; means over images, sets, then tasks."""

    name: str
    """What the command line calls it."""
    version: int
    """Grows with every change that may change a number; results of different versions are not comparable."""
    sets: tuple[TestSet, ...]
    """What is measured, in this order."""
    title: str = ""
    """What it is, one line."""
    metrics: tuple[str, ...] = ("psnr", "ssim", "nrmse", "psnr_8bit", "ssim_8bit")
    """Names of the metrics; those that need a reference are left out where there is none."""
    notes: tuple[str, ...] = ()
    """How it differs from the published evaluation, and from others, a sentence each."""

    def __post_init__(self) -> None:
        names = [each.name for each in self.sets]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: two test sets have one name")

    @property
    def levels(self) -> tuple[tuple[str, int], ...]:
        """Type and place in the catalogue of all levels of our engine that are not held out, in order."""
        return tuple(
            (damage.type, damage.index)
            for each in self.sets
            for damage in each.damages
            if isinstance(damage, Engine) and not damage.held_out
        )

    @property
    def any_folder(self) -> bool:
        """Whether it measures on clean images of any folder alone."""
        return all(isinstance(each.source, CleanFolder) for each in self.sets)

    @property
    def variants(self) -> tuple[str, ...]:
        """``canonical``, and ``published`` if some sets have such a form."""
        return tuple(dict.fromkeys((CANONICAL, *(each.variant for each in self.sets))))
