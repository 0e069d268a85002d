"""How much better arms are than those they are compared with, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy import stats

from maskdcpt.degradations import CATALOGUE
from maskdcpt.evaluation.bootstrap import estimate, resampled_means
from maskdcpt.study.facts import RunFacts
from maskdcpt.study.results import StudyResults
from maskdcpt.study.rows import FINAL, StudyRow

LEVEL = 0.95
"""Of intervals: how often such an interval holds what is true, if differences are normally distributed."""

Key = tuple[str, str, int]
Scores = dict[str, dict[tuple[str, str], float]]
"""Group to image and level to what was measured."""


class Interval(NamedTuple):
    """A mean with its interval."""

    mean: float
    """The mean."""
    low: float | None
    """Where the interval begins; None where it cannot be told."""
    high: float | None
    """Where it ends."""
    size: int
    """Of how many runs, or images."""

    @property
    def reversed(self) -> Interval:
        """That of the same difference taken the other way round."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return Interval(-self.mean, low, high, self.size)

    @property
    def sign(self) -> int:
        """1 if all of it is above zero, -1 if all is below, 0 if neither can be told."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


def interval_over_runs(strata: Sequence[Sequence[float]]) -> Interval:
    """The mean of strata, which count alike, with a t-interval.

    Args:
        strata: For each network the values of its seeds. What scatters is taken to scatter alike in all networks and
            independently; the networks themselves are given, not drawn.
    """
    means = [fmean(values) for values in strata]
    count = sum(map(len, strata))
    freedom = count - len(strata)
    if freedom < 1:
        return Interval(fmean(means), None, None, count)
    squares = sum((value - mean) ** 2 for values, mean in zip(strata, means, strict=True) for value in values)
    error = math.sqrt(squares / freedom * sum(1 / len(values) for values in strata)) / len(strata)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Interval(fmean(means), fmean(means) - reach, fmean(means) + reach, count)


class Comparison:
    """The rows of a study, ready to be compared.

    Args:
        results: The study.
    """

    def __init__(self, results: StudyResults) -> None:
        self.results = results
        self.study = results.study
        self._rows: dict[tuple[Key, str, str], list[StudyRow]] = {}
        for row in results.rows:
            self._rows.setdefault((row.run, row.stage, row.test), []).append(row)
        self._quickest: dict[tuple[str, str, int], float] = {}
        for facts in results.runs:
            for part, flops, seconds in (
                ("pretraining", facts.pretraining_flops, facts.pretraining_seconds),
                ("finetuning", facts.finetuning_flops, facts.finetuning_seconds),
            ):
                key = (part, facts.family, flops)
                self._quickest[key] = min(seconds, self._quickest.get(key, math.inf))

    def seeds(self, family: str, arm: str) -> list[int]:
        """Seeds of the runs of an arm that are done."""
        return [facts.seed for facts in self.results.runs if (facts.family, facts.arm) == (family, arm)]

    def mean(self, run: Key, test: str, metric: str, stage: str = FINAL) -> float | None:
        """Mean over the groups of a test of the means over their images; None where nothing was measured."""
        scores = self._scores(run, test, metric, stage)
        return fmean(fmean(group.values()) for group in scores.values()) if scores else None

    def arm_mean(self, family: str, arm: str, test: str, metric: str) -> float | None:
        """Mean of the seeds of an arm."""
        values = [self.mean((family, arm, seed), test, metric) for seed in self.seeds(family, arm)]
        known = [value for value in values if value is not None]
        return fmean(known) if known else None

    def without_pretraining(self, arm: str) -> str | None:
        """The arm that fine-tunes as a pre-trained one does, as many steps, and nothing before; None without one."""
        taken = {(facts.family, facts.arm): facts for facts in self.results.runs}
        mine = {family: facts for (family, name), facts in taken.items() if name == arm}
        if not all(facts.pretraining_steps for facts in mine.values()):
            return None
        for name in self.study.arm_names:
            pairs = [(facts, taken[family, name]) for family, facts in mine.items() if (family, name) in taken]
            alike = self.study.arm(name).finetune == self.study.arm(arm).finetune and all(
                not other.pretraining_steps and other.finetuning_steps == facts.finetuning_steps
                for facts, other in pairs
            )
            if pairs and alike:
                return name
        return None

    def seconds(self, facts: RunFacts, step: int | None = None) -> float:
        """Time of so many steps of a run, or of all.

        A step counts as much as in the quickest run of the network whose steps have the same arithmetic: the others had
        to share their machine.
        """
        step = facts.steps if step is None else step
        before = min(step, facts.pretraining_steps)
        of_pretraining = self._quickest["pretraining", facts.family, facts.pretraining_flops]
        of_finetuning = self._quickest["finetuning", facts.family, facts.finetuning_flops]
        return before * of_pretraining + (step - before) * of_finetuning

    def gains(
        self, family: str, arm: str, test: str, metric: str, group: str | None = None, against: str | None = None
    ) -> list[float]:
        """For each seed that both have, how much higher an arm is than that which it is compared with.

        Args:
            family: The network.
            arm: The arm.
            test: The test.
            metric: ``psnr``, ``ssim`` or ``piqe``.
            group: A single group of the test; None for the mean of all.
            against: The other arm; None for that of the recipe.
        """
        return [
            fmean(fmean(values.values()) for name, values in scores.items() if group in (None, name))
            for scores in self._differences(family, arm, test, metric, against)
        ]

    def over_runs(
        self,
        families: Iterable[str],
        arm: str,
        test: str,
        metric: str,
        group: str | None = None,
        against: str | None = None,
    ) -> Interval | None:
        """The gain of an arm with its interval over seeds; None where there is nothing to compare."""
        strata = [gains for name in families if (gains := self.gains(name, arm, test, metric, group, against))]
        return interval_over_runs(strata) if strata else None

    def over_images(self, families: Iterable[str], arm: str, test: str, metric: str) -> Interval | None:
        """The same gain of these very networks, with its interval over images that are drawn again and again."""
        networks = [scores for name in families if (scores := self._differences(name, arm, test, metric))]
        if not networks:
            return None
        means, resampled, counts = [], [], []
        for group in networks[0][0]:
            each = [_image_means(scores, group) for scores in networks]
            values = np.array([[fmean(found[image] for found in each)] for image in each[0]])
            means.append(float(values.mean()))
            resampled.append(resampled_means(values, list(each[0]))[:, 0])
            counts.append(len(values))
        found = estimate(fmean(means), np.mean(resampled, axis=0), sum(counts), min(counts))
        return Interval(found.mean, found.low, found.high, found.images)

    def accuracy(self, run: Key, stage: str) -> float | None:
        """Share of the images of tests of trained types whose damage a classifier names rightly; None without one."""
        tests = [test.name for test in self.study.tests if test.damage == "trained"]
        rows = [row for test in tests for row in self._rows.get((run, stage, test), []) if row.named]
        return fmean(CATALOGUE.name_the_same(row.named, row.group) for row in rows) if rows else None

    def cases(self, test: str) -> set[tuple[str, str, str]]:
        """Group, image and level of all that was measured of a test."""
        return {row.case for row in self.results.rows if row.test == test}

    def group_sizes(self, test: str) -> dict[str, int]:
        """The groups of a test, in the order in which they were measured, and the images of each."""
        images: dict[str, set[str]] = {}
        for row in self.results.rows:
            if row.test == test:
                images.setdefault(row.group, set()).add(row.image)
        return {group: len(found) for group, found in images.items()}

    def _scores(self, run: Key, test: str, metric: str, stage: str = FINAL) -> Scores:
        scores: Scores = {}
        for row in self._rows.get((run, stage, test), []):
            value = getattr(row, metric)
            if value is not None:
                scores.setdefault(row.group, {})[row.image, row.level] = value
        return scores

    def _differences(self, family: str, arm: str, test: str, metric: str, against: str | None = None) -> list[Scores]:
        against = against or self.study.arm(arm).against
        if against == arm:
            return []
        both = [seed for seed in self.seeds(family, arm) if seed in self.seeds(family, against)]
        found = []
        for seed in both:
            mine, other = (self._scores((family, name, seed), test, metric) for name in (arm, against))
            if mine:
                found.append(
                    {
                        group: {case: value - other[group][case] for case, value in values.items()}
                        for group, values in mine.items()
                    }
                )
        return found


def _image_means(scores: Sequence[Scores], group: str) -> dict[str, float]:
    """Image to its mean over seeds and levels."""
    images: dict[str, list[float]] = {}
    for each in scores:
        for (image, _), value in each[group].items():
            images.setdefault(image, []).append(value)
    return {image: fmean(found) for image, found in images.items()}


def correlation(points: Sequence[tuple[float, float]]) -> Interval | None:
    """Pearson's coefficient; None of fewer than three points, or where one coordinate never changes.

    Its interval, of four points or more, is that of Fisher's transformation (Fisher, "On the probable error of a
    coefficient of correlation deduced from a small sample", Metron 1921), for points that are independent.
    """
    if len(points) < 3:
        return None
    x, y = (np.array(values) for values in zip(*points, strict=True))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    found = float(np.corrcoef(x, y)[0, 1])
    if len(points) < 4 or abs(found) >= 1:
        return Interval(found, None, None, len(points))
    reach = float(stats.norm.ppf((1 + LEVEL) / 2)) / math.sqrt(len(points) - 3)
    return Interval(found, math.tanh(math.atanh(found) - reach), math.tanh(math.atanh(found) + reach), len(points))
