"""How much better arms are than those they are compared with, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from statistics import fmean

import numpy as np

from maskdcpt.degradations import CATALOGUE
from maskdcpt.evaluation.bootstrap import estimate, resampled_means
from maskdcpt.study.facts import RunFacts
from maskdcpt.study.intervals import Interval, interval_over_runs
from maskdcpt.study.plan import PLAIN
from maskdcpt.study.recipe import TestConfig
from maskdcpt.study.results import StudyResults
from maskdcpt.study.rows import FINAL, INPUT, StudyRow
from maskdcpt.study.times import StepTimes

INPUT_RUN = (INPUT, INPUT, 0)
"""Key of the rows of the damaged images."""

Key = tuple[str, str, int]
Step = tuple[str, str, int]
"""Part, network and arithmetic, which tell how long a step takes."""

Scores = dict[str, dict[tuple[str, str], float]]
"""Group to image and level to what was measured."""


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
        self._curves: dict[Key, list[tuple[int, float]]] = {}
        for point in results.curves:
            self._curves.setdefault((point.family, point.arm, point.seed), []).append((point.step, point.psnr))
        apart = {(each.family, each.arm): each for each in results.times}
        in_runs: dict[Step, set[float]] = {}
        timed: dict[Step, set[float]] = {}
        for facts in results.runs:
            for found, source in ((in_runs, facts), (timed, apart.get((facts.family, facts.arm)))):
                if source is not None:
                    for key, seconds in zip(_steps(facts), _took(source), strict=True):
                        found.setdefault(key, set()).add(seconds)
        self.timed_apart = timed.keys() == in_runs.keys()
        """Whether steps of all kinds were timed apart from the runs."""
        self._seconds = {
            key: fmean(timed[key]) if self.timed_apart else min(seconds) for key, seconds in in_runs.items()
        }

    def runs(self, family: str, arm: str) -> list[RunFacts]:
        """The runs of an arm that are done."""
        return [facts for facts in self.results.runs if (facts.family, facts.arm) == (family, arm)]

    def seeds(self, family: str, arm: str) -> list[int]:
        """Seeds of the runs of an arm that are done."""
        return [facts.seed for facts in self.runs(family, arm)]

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
            mine_alone, other_alone = (self.study.finetuning_of(self.study.arm(each)) for each in (arm, name))
            alike = mine_alone == other_alone and all(
                not other.pretraining_steps and other.finetuning_steps == facts.finetuning_steps
                for facts, other in pairs
            )
            if pairs and alike:
                return name
        return None

    def _differs_in_pretraining(self, family: str, arm: str) -> bool:
        """Whether an arm is pre-trained in its own way, and then fine-tuned as most are: as is usual, and as long."""
        study, own = self.study, self.study.arm(arm)
        usual = study.finetuning_of(own) == study.finetuning_of(PLAIN) and own.part == 1
        pretrained = all(facts.pretraining_steps and not facts.begins_with for facts in self.runs(family, arm))
        return usual and study.share_of(own) == study.share and pretrained

    def seconds(self, facts: RunFacts, step: int | None = None) -> float:
        """Time of so many steps of a run, or of all.

        Steps of a network that have the same arithmetic count alike: the mean of what was timed apart. Where some were
        not timed, what the quickest run took, for the others had to share their machine; never some of both.
        """
        step = facts.steps if step is None else step
        before = min(step, facts.pretraining_steps)
        of_pretraining, of_finetuning = (self._seconds[key] for key in _steps(facts))
        return before * of_pretraining + (step - before) * of_finetuning

    def relative_cost(self, family: str, arm: str, of: Callable[[RunFacts], float]) -> float | None:
        """What runs of an arm cost in that of the arm that it is compared with; None where one has no run.

        Args:
            family: The network.
            arm: The arm.
            of: The cost of a run, such as its arithmetic.
        """
        means = []
        for name in (arm, self.study.arm(arm).against):
            runs = self.runs(family, name)
            means.append(fmean(map(of, runs)) if runs else None)
        return means[0] / means[1] if means[0] and means[1] else None

    def beats_input(self, family: str, arm: str, test: TestConfig) -> bool | None:
        """Whether networks of an arm are better on average than the damaged images as they are; None without any."""
        mine = self.arm_mean(family, arm, test.name, test.metric)
        untouched = self.mean(INPUT_RUN, test.name, test.metric)
        if mine is None or untouched is None:
            return None
        return test.sign * (mine - untouched) > 0

    def gains(
        self,
        family: str,
        arm: str,
        test: str,
        metric: str,
        group: str | None = None,
        against: str | None = None,
        seeds: Collection[int] | None = None,
    ) -> list[float]:
        """For each seed that both have, how much higher an arm is than that which it is compared with.

        Args:
            family: The network.
            arm: The arm.
            test: The test.
            metric: ``psnr``, ``ssim`` or ``piqe``.
            group: A single group of the test; None for the mean of all.
            against: The other arm; None for that of the recipe.
            seeds: Of these alone; None for all.
        """
        return [
            fmean(fmean(values.values()) for name, values in scores.items() if group in (None, name))
            for scores in self._differences(family, arm, test, metric, against, seeds)
        ]

    def over_runs(
        self,
        families: Iterable[str],
        arm: str,
        test: str,
        metric: str,
        group: str | None = None,
        against: str | None = None,
        seeds: Collection[int] | None = None,
    ) -> Interval | None:
        """The gain of an arm with its interval over seeds; None where there is nothing to compare."""
        strata = [gains for name in families if (gains := self.gains(name, arm, test, metric, group, against, seeds))]
        return interval_over_runs(strata) if strata else None

    def correlated(self, family: str) -> list[str]:
        """Arms that differ in their pre-training alone and whose runs of all seeds of the study are there."""
        return [
            arm
            for arm in self.study.arm_names
            if self._differs_in_pretraining(family, arm) and {*self.study.seeds} <= {*self.seeds(family, arm)}
        ]

    def gain_curve(
        self, family: str, arm: str, of: Callable[[RunFacts, int], float]
    ) -> Iterator[tuple[float, Interval]]:
        """How the gain of an arm on the embedded test images grows, seeds paired.

        Args:
            family: The network.
            arm: The arm.
            of: What so many steps of a run cost.

        Yields:
            For each point of its learning curves what was spent by then, in all that is spent on the arm compared
            with, and the gain over that for as much, from lines between its points; past its end, over its end.
        """
        facts = {each.run: each for each in self.results.runs}
        against = self.study.arm(arm).against
        curves = []
        for seed in self.seeds(family, arm):
            runs = [facts.get((family, name, seed)) for name in (arm, against)]
            if (mine := runs[0]) is None or (other := runs[1]) is None:
                continue
            whole = of(other, other.steps)
            points = [
                [(of(each, step) / whole, psnr) for step, psnr in self._curves.get(each.run, [])]
                for each in (mine, other)
            ]
            if all(points):
                places, scores = zip(*points[1], strict=True)
                curves.append({place: psnr - float(np.interp(place, places, scores)) for place, psnr in points[0]})
        for place in sorted(set.intersection(*map(set, curves)) if curves else ()):
            yield place, interval_over_runs([[gains[place] for gains in curves]])

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

    def _differences(
        self,
        family: str,
        arm: str,
        test: str,
        metric: str,
        against: str | None = None,
        seeds: Collection[int] | None = None,
    ) -> list[Scores]:
        against = against or self.study.arm(arm).against
        if against == arm:
            return []
        both = [
            seed
            for seed in self.seeds(family, arm)
            if seed in self.seeds(family, against) and (seeds is None or seed in seeds)
        ]
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


def _steps(facts: RunFacts) -> tuple[Step, Step]:
    return (
        ("pretraining", facts.family, facts.pretraining_flops),
        ("finetuning", facts.family, facts.finetuning_flops),
    )


def _took(each: RunFacts | StepTimes) -> tuple[float, float]:
    return each.pretraining_seconds, each.finetuning_seconds


def _image_means(scores: Sequence[Scores], group: str) -> dict[str, float]:
    """Image to its mean over seeds and levels."""
    images: dict[str, list[float]] = {}
    for each in scores:
        for (image, _), value in each[group].items():
            images.setdefault(image, []).append(value)
    return {image: fmean(found) for image, found in images.items()}
