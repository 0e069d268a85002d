"""How well the networks of a study tell the damage, and whether that goes with restoring it well."""

from __future__ import annotations

from collections.abc import Iterator

from maskdcpt.study.facts import RunFacts
from maskdcpt.study.gains import Comparison, correlation
from maskdcpt.study.markdown import percent_text, source, table
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
        f"network's own classifier. Both in % of images, means over seeds. PSNR is that of `{test.name}`."
    )
    yield ""
    yield f"![Probe accuracy and PSNR]({folder}/accuracy.svg)"
    yield ""
    for family in comparison.study.families:
        rows = []
        for arm in comparison.study.arm_names:
            runs = [facts for facts in comparison.results.runs if (facts.family, facts.arm) == (family, arm)]
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
        head = ("arm", "probe, entering", "named, entering", "probe, final", "named, final", "PSNR")
        yield from table(head, rows)
        yield from _correlations(comparison, family, test)
        yield from source(folder, "runs.csv", "rows.parquet")


def _correlations(comparison: Comparison, family: str, test: TestConfig) -> Iterator[str]:
    """Of runs that differ in their pre-training alone, so that nothing else makes them better."""
    runs = [facts for facts in comparison.results.runs if facts.family == family and _usual(comparison, facts)]
    scored = [(facts, psnr) for facts in runs if (psnr := comparison.mean(facts.run, test.name, "psnr")) is not None]
    named = [(value, psnr) for facts, psnr in scored if (value := comparison.accuracy(facts.run, ENTERING)) is not None]
    probed = [(facts.probe_entering, psnr) for facts, psnr in scored]
    for title, points in (("the probe", probed), ("naming by the classifier", named)):
        found = correlation(points)
        if found is None or found.low is None or found.high is None:
            told = "cannot be told"
        else:
            told = f"is {found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}], if they were independent"
        yield (
            f"The correlation of {title} on entering fine-tuning with the final PSNR, of {len(points)} runs with "
            f"pre-training and the usual fine-tuning after it, {told}."
        )
        yield ""


def _usual(comparison: Comparison, facts: RunFacts) -> bool:
    study = comparison.study
    arm = study.arm(facts.arm)
    usual = arm.finetune == {} and arm.part == 1 and study.share_of(arm) == study.share
    return usual and facts.pretraining_steps > 0 and not facts.begins_with
