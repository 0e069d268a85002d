"""Measures what weights can tell about images: which look clean, and which are unlike anything they know.

Clean images are damaged by every type that the weights know, and by types that they do not know. Of the images one part
is learnt from (a logistic regression on what the network shows), one sets the threshold, and one tests what came out;
they share no image. The threshold is the quantile that split conformal prediction takes: of new images like these, no
more than the limit are expected to be called so wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor

from maskdcpt.data import CleanImages, central_crop
from maskdcpt.degradations import CATALOGUE, Degradation, apply
from maskdcpt.errors import UserError, naming
from maskdcpt.inference.calibration import Calibration, Flag
from maskdcpt.inference.evidence import Evidence
from maskdcpt.progress import progress_bar
from maskdcpt.seeds import derive_seed

LIMIT = 0.05
"""Share of wrong alarms: damaged images called clean, familiar ones called unfamiliar."""

CROP = 256
"""Side of the middle of an image that is used, in pixels."""

STRANGE = 3
"""Samples of each image damaged in ways that the weights do not know."""

PARTS = (0.4, 0.3, 0.3)
"""Shares of the images to learn from, to set thresholds by, and to test on."""

LEAST_IMAGES = 20
"""With fewer no rate of one in twenty can be told."""

Numbers = NDArray[np.float64]


class Sample(NamedTuple):
    """An image as it is, or damaged."""

    part: int
    """Which of ``PARTS`` its image is in."""
    type: str
    """Name of the damage; empty for a clean image."""
    known: bool
    """Whether the weights know this damage; they know clean images."""
    vector: tuple[float, ...]
    """What the network shows."""


def calibrate(
    examine: Callable[[Tensor], Evidence],
    classes: Sequence[str],
    clean: CleanImages,
    sha256: dict[str, str],
    *,
    source: str,
    count: int,
    seed: int = 0,
) -> Calibration:
    """Measures weights.

    Args:
        examine: What they show of an image (3, H, W).
        classes: Types of damage that they know.
        clean: Clean images that they have not been trained on.
        sha256: Their files and hashes.
        source: What people call the images.
        count: Images to use at most.
        seed: Of the damage, and of the division of the images.

    Raises:
        UserError: If there are too few images or one cannot be read, or no type of damage that they know can be made.
    """
    known = [CATALOGUE[name] for name in classes if name in CATALOGUE and CATALOGUE[name].levels]
    if not known:
        raise UserError(f"none of the types that the weights know can be made from clean images: {', '.join(classes)}")
    names = list(clean.names)
    order = np.random.default_rng(derive_seed("calibration", seed)).permutation(len(names))[: max(0, count)]
    if len(order) < LEAST_IMAGES:
        raise UserError(
            f"{source}: {len(order)} images, and {LEAST_IMAGES} or more are needed to tell a rate of {LIMIT:.0%}"
        )
    strange = CATALOGUE.apart_from(known)
    samples: list[Sample] = []
    with progress_bar(total=len(order), title="calibrating", unit="image") as bar:
        for place, index in enumerate(order.tolist()):
            image = central_crop(clean[index], CROP)
            part = int(np.searchsorted(np.cumsum(PARTS[:-1]), place / len(order), side="right"))
            chosen = [strange[(STRANGE * place + turn) % len(strange)] for turn in range(STRANGE if strange else 0)]
            with naming(names[index]):
                for name, is_known, damaged in _versions(image, known, chosen, f"{seed}/{names[index]}"):
                    samples.append(Sample(part, name, is_known, examine(damaged).vector))
            bar.update()
    # The flag for strange images learns from every second type and is tested on the others, which it has never seen.
    learnt = {entry.name for entry in strange[::2]}
    return Calibration(
        sha256=sha256,
        classes=tuple(classes),
        source=source,
        images=len(order),
        clean=make_flag(
            [sample for sample in samples if sample.known],
            lambda sample: not sample.type,
        ),
        unfamiliar=make_flag(
            [sample for sample in samples if sample.known or (sample.type in learnt) == (sample.part < 2)],
            lambda sample: not sample.known,
        )
        if len(strange) > 1
        else None,
    )


def make_flag(samples: Sequence[Sample], deserves: Callable[[Sample], bool]) -> Flag:
    """Learns to tell samples apart, sets the threshold, and tests it.

    Args:
        samples: Of all parts.
        deserves: Whether a sample deserves a yes.

    Raises:
        UserError: If too few are left to set the threshold by.
    """
    (x, y), (held, held_y), (test, test_y) = (
        _table([s for s in samples if s.part == part], deserves) for part in range(3)
    )
    means, deviations = x.mean(0), np.maximum(x.std(0), 1e-6)
    model = LogisticRegression(class_weight="balanced", max_iter=10_000).fit((x - means) / deviations, y)
    weights: Numbers = model.coef_[0]

    def scores(rows: Numbers) -> Numbers:
        result: Numbers = (rows - means) / deviations @ weights
        return result

    threshold = conformal_threshold(scores(held[~held_y]), LIMIT)
    found = scores(test)
    return Flag(
        means=tuple(means.tolist()),
        deviations=tuple(deviations.tolist()),
        weights=tuple(weights.tolist()),
        threshold=threshold,
        limit=LIMIT,
        found=float(np.mean(found[test_y] > threshold)),
        false=float(np.mean(found[~test_y] > threshold)),
        auroc=float(roc_auc_score(test_y, found)),
        positives=int(test_y.sum()),
        negatives=int((~test_y).sum()),
    )


def conformal_threshold(scores: Numbers, limit: float) -> float:
    """The value that a new score from the same source exceeds with a probability of at most ``limit``.

    Split conformal prediction: of n scores the one of rank ceil((n + 1) (1 - limit)).

    Raises:
        UserError: If there are too few scores for such a rank.
    """
    rank = ceil((len(scores) + 1) * (1 - limit))
    if rank > len(scores):
        raise UserError(
            f"{len(scores)} images to set a threshold by, and {ceil(1 / limit) - 1} are needed; use more images"
        )
    return float(np.sort(scores)[rank - 1])


def _versions(
    image: Tensor, known: Sequence[Degradation], strange: Sequence[Degradation], key: str
) -> Iterator[tuple[str, bool, Tensor]]:
    yield "", True, image
    rng = np.random.default_rng(derive_seed("calibration levels", key))
    for is_known, entries in ((True, known), (False, strange)):
        for entry in entries:
            level = entry.draw(rng)
            yield entry.name, is_known, apply(image, level, seed=derive_seed("calibration damage", key, entry.name))


def _table(samples: Sequence[Sample], deserves: Callable[[Sample], bool]) -> tuple[Numbers, NDArray[np.bool_]]:
    return np.array([sample.vector for sample in samples]), np.array([deserves(sample) for sample in samples])
