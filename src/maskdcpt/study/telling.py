"""How well the networks of a study tell the damage, and whether that goes with restoring it well."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from maskdcpt.study.facts import RunFacts
from maskdcpt.study.gains import Comparison
from maskdcpt.study.intervals import Interval, correlations
from maskdcpt.study.markdown import interval_text, percent_text, source, table
from maskdcpt.study.recipe import TestConfig
from maskdcpt.study.rows import ENTERING, FINAL


def accuracy(comparison: Comparison, folder: str) -> Iterator[str]:
    """How well the damage is told, and whether that goes with restoring it well."""
    test = comparison.study.main_test
    yield "## Telling the damage, and restoring it"
    yield ""
    yield (
        "The probe is logistic regression on means and deviations of features, so that networks without a "
        "classifier can be asked too; from scratch it asks the random network. Types are named by the "
        f"network's own classifier. Both in % of images, means over seeds. PSNR is that of `{test.name}`. Correlations "
        "are of means of arms, and of what is left of runs without their arm's and their seed's mean, with intervals "
        "of arms that are drawn again and again (bootstrap), for runs of one arm are no independent points. Hollow "
        "marks are of arms that are not in the correlations: not pre-trained in a way of their own, or fine-tuned in "
        "another way or for another number of steps. Curves are of pre-training itself: which share of the training "
        "images of the last steps the classifier named rightly, a line for each seed. An arm that begins with the "
        "pre-training of another is not among them, nor one that names nothing."
    )
    yield ""
    yield f"![Probe accuracy and PSNR]({folder}/accuracy.svg)"
    yield ""
    for family in comparison.study.families:
        rows = []
        for arm in comparison.study.arm_names:
            runs = comparison.runs(family, arm)
            if runs:
                named = [
                    percent_text([comparison.accuracy(each.run, stage) for each in runs]) for stage in (ENTERING, FINAL)
                ]
                probes = [
                    percent_text([each.probe_entering for each in runs]),
                    percent_text([each.probe_final for each in runs]),
                ]
                psnr = comparison.arm_mean(family, arm, test.name, "psnr")
                cells = (probes[0], named[0], probes[1], named[1], "-" if psnr is None else f"{psnr:.2f}")
                rows.append((f"`{arm}`", *cells))
        yield f"### {family}, accuracy"
        yield ""
        yield f"![Naming in the pre-training of {family}, by seed]({folder}/pretraining-{family}.svg)"
        yield ""
        head = ("arm", "probe, entering", "named, entering", "probe, final", "named, final", "PSNR")
        yield from table(head, rows)
        yield from _correlations(comparison, family, test)
        yield from source(folder, "runs.csv", "rows.parquet", "pretraining.csv")


def _correlations(comparison: Comparison, family: str, test: TestConfig) -> Iterator[str]:
    """Of arms that differ in their pre-training alone, so that nothing else makes them better."""
    arms = comparison.correlated(family)
    for title, entering in (
        ("the probe", lambda facts: facts.probe_entering),
        ("naming by the classifier", lambda facts: comparison.accuracy(facts.run, ENTERING)),
    ):
        points = {arm: both for arm in arms if (both := _points(comparison, (family, arm), test, entering))}
        found = correlations(points)
        seeds = ", ".join(map(str, comparison.study.seeds))
        count = f"{len(points)} arm{'' if len(points) == 1 else 's'}"
        yield (
            f"The correlation of {title} on entering fine-tuning with the final PSNR, of {count} with pre-training, "
            f"the usual fine-tuning after it and all of the seeds {seeds}, taken as given: between arms "
            f"{_told(found.between)}; within arms, from seed to seed, {_told(found.within)}."
        )
        yield ""


def _told(found: Interval | None) -> str:
    return "it cannot be told" if found is None or found.low is None else interval_text(found, bold=False)


def _points(
    comparison: Comparison, key: tuple[str, str], test: TestConfig, entering: Callable[[RunFacts], float | None]
) -> list[tuple[float, float]]:
    """Both measures for each seed of the study; none where one is missing."""
    runs = {facts.seed: facts for facts in comparison.runs(*key)}
    points = []
    for seed in comparison.study.seeds:
        told = None if seed not in runs else entering(runs[seed])
        psnr = comparison.mean((*key, seed), test.name, "psnr")
        if told is None or psnr is None:
            return []
        points.append((told, psnr))
    return points
