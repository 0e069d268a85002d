"""What a study has found, part by part of its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from maskdcpt.degradations import CATALOGUE
from maskdcpt.study.gains import INPUT_RUN, Comparison
from maskdcpt.study.markdown import interval_text, source, table
from maskdcpt.study.recipe import TestConfig
from maskdcpt.study.times import TIMES


def summary(comparison: Comparison, folder: str) -> Iterator[str]:
    """Which arms are better or worse, and of which it cannot be told."""
    study = comparison.study
    families = list(study.families)
    yield "## What holds, what does not, what is not known"
    yield ""
    yield (
        "For each test the arms whose mean gain over all networks that they were tried with has a 95 % interval, over "
        "seeds, that lies on one side of zero; those whose interval does not cannot be told from what they are "
        "compared with, and of a single run there is no interval. Of so many intervals some exclude zero by chance: "
        "where there is no difference at all, one in forty on the side of better and as many on that of worse, and "
        "since most arms are compared with the same runs, they err together."
    )
    yield ""
    rows = []
    for test in study.tests:
        told: dict[int | None, list[str]] = {1: [], -1: [], 0: [], None: []}
        for arm in study.compared:
            found = comparison.over_runs(families, arm, test.name, test.metric)
            if found is not None:
                limits = study.arm(arm).families
                title = f"{arm} ({', '.join(limits)} only)" if limits and len(families) > 1 else arm
                told[None if found.low is None else test.sign * found.sign].append(f"{title} {found.mean:+.2f}")
        rows.append((f"`{test.name}`", *("; ".join(part) or "none" for part in told.values())))
    yield from table(("test", "better", "worse", "not told apart", "too few runs"), rows)
    yield from source(folder, "rows.parquet")


def gains(comparison: Comparison, folder: str) -> Iterator[str]:
    """Gains of arms on each test, for each network and for all."""
    study = comparison.study
    families = list(study.families)
    yield "## Gains"
    yield ""
    yield (
        "Mean difference from the arm compared with, paired by seed and image, with its 95 % interval over seeds "
        "(Student's t). All networks are those that an arm was tried with, and `runs` is their number. Bold: the "
        "interval excludes zero. `other images` is the interval over images of these very networks (bootstrap): it "
        "tells how much hangs on the choice of test images, and nothing of what training anew would bring."
    )
    yield ""
    for test in study.tests:
        metric = test.metric
        unit = "PIQE, lower is better" if metric == "piqe" else "PSNR in dB"
        yield f"### {test.name}: {test.title}"
        yield ""
        yield f"{unit}."
        yield ""
        yield f"![Gains on {test.name}]({folder}/gain-{test.name}.svg)"
        yield ""
        rows = []
        for arm in study.compared:
            cells = [comparison.over_runs([name], arm, test.name, metric) for name in families]
            both = comparison.over_runs(families, arm, test.name, metric)
            images = interval_text(comparison.over_images(families, arm, test.name, metric), bold=False)
            cells += [both] if len(families) > 1 else []
            rows.append((f"`{arm}`", *map(interval_text, cells), images, str(both.size) if both else "0"))
        head = ("arm", *families, *(["all networks"] if len(families) > 1 else []), "other images", "runs")
        yield from table(head, rows)
        yield from _beaten(comparison, test)
        yield from source(folder, "rows.parquet")
    yield from _ssim_gains(comparison, folder)


def worth(comparison: Comparison, folder: str) -> Iterator[str]:
    """Gains of pre-training over the same fine-tuning without it; nothing where no arm tells."""
    study = comparison.study
    alone = {arm: name for arm in study.compared if (name := comparison.without_pretraining(arm)) is not None}
    if not alone:
        return
    yield "## What pre-training is worth where it costs nothing"
    yield ""
    yield (
        "Arms with pre-training, compared with the arm of the very same fine-tuning and nothing before: how papers "
        "compare, whose pre-training comes on top, whatever it took. What gains here and loses above is worth "
        "something, and less than the steps of plain training that it takes the place of. What these are worth stands "
        "first: pre-training has to bring as much to pay for itself. Intervals over seeds, all networks; of photos "
        "PIQE, lower is better, else PSNR in dB."
    )
    yield ""
    rows = []
    for name in dict.fromkeys(alone.values()):
        price = [comparison.over_runs(study.families, name, test.name, test.metric) for test in study.tests]
        title = f"steps that `{name}` lacks"
        rows.append((title, f"`{name}`", *(interval_text(found and found.reversed) for found in price)))
    for arm, name in alone.items():
        cells = [
            comparison.over_runs(study.families, arm, test.name, test.metric, against=name) for test in study.tests
        ]
        rows.append((f"`{arm}`", f"`{name}`", *map(interval_text, cells)))
    yield from table(("arm", "compared with", *(test.name for test in study.tests)), rows)
    first = {facts.arm: facts for facts in comparison.results.runs}
    others = [arm for arm in study.compared if arm in first and first[arm].pretraining_steps and arm not in alone]
    if others:
        listed = ", ".join(f"`{arm}`" for arm in others)
        yield f"Not here, since no arm has their fine-tuning, as long and with the same settings, alone: {listed}."
        yield ""
    yield from source(folder, "rows.parquet", "runs.csv")


def parts(comparison: Comparison, folder: str) -> Iterator[str]:
    """Arms held against the one that the study is about; nothing where it is about none."""
    study = comparison.study
    if study.question is None:
        return
    method = study.question.arm
    others = [arm for arm in study.compared if arm != method and study.share_of(study.arm(arm))]
    yield f"## Against `{method}`"
    yield ""
    yield (
        f"Other arms with pre-training, each compared with `{method}` itself for the seeds that both have, all "
        "networks; of photos PIQE, lower is better, else PSNR in dB."
    )
    yield ""
    rows = []
    for arm in others:
        cells = [
            comparison.over_runs(study.families, arm, test.name, test.metric, against=method) for test in study.tests
        ]
        if any(cells):
            rows.append((f"`{arm}`", *map(interval_text, cells)))
    yield from table(("arm", *(test.name for test in study.tests)), rows)
    yield from source(folder, "rows.parquet")


def scores(comparison: Comparison, folder: str) -> Iterator[str]:
    """What networks reach on each test."""
    study = comparison.study
    yield "## Scores"
    yield ""
    yield "Means over seeds: PSNR in dB / SSIM, of photos PIQE."
    yield ""
    for family in study.families:
        yield f"### {family}"
        yield ""
        rows = [("damaged input", *(_score(comparison, [INPUT_RUN], test) for test in study.tests))]
        for arm in study.arm_names:
            runs = [(family, arm, seed) for seed in comparison.seeds(family, arm)]
            if runs:
                rows.append((f"`{arm}`", *(_score(comparison, runs, test) for test in study.tests)))
        yield from table(("arm", *(test.name for test in study.tests)), rows)
        yield from source(folder, "rows.parquet")


def types(comparison: Comparison, folder: str) -> Iterator[str]:
    """Gains by group of a test."""
    families = list(comparison.study.families)
    yield "## Gains by type of damage"
    yield ""
    yield "PSNR in dB over all networks that an arm was tried with, with intervals over seeds."
    yield ""
    for test in comparison.study.tests:
        groups = list(comparison.group_sizes(test.name))
        if test.damage == "photos" or len(groups) < 2:
            continue
        yield f"### {test.name}"
        yield ""
        head = ["arm", *(CATALOGUE[name].title if name in CATALOGUE else name for name in groups)]
        rows = [
            (
                f"`{arm}`",
                *(interval_text(comparison.over_runs(families, arm, test.name, "psnr", group)) for group in groups),
            )
            for arm in comparison.study.compared
        ]
        yield from table(head, rows)
        yield from source(folder, "rows.parquet")


def costs(comparison: Comparison, folder: str) -> Iterator[str]:
    """Steps, arithmetic and time, and what came of them."""
    main = comparison.study.main_test
    yield "## Cost"
    yield ""
    step = (
        "takes, all timed in turns on one machine"
        if comparison.timed_apart
        else "took in the quickest of the runs whose steps have as much arithmetic, since the others may have shared "
        "their machine; with few runs this overstates the time, and `maskdcpt study time` measures it better"
    )
    yield (
        "Arithmetic is counted: a pass forward with its decoders, three times, for a gradient takes as much as two. "
        f"Time is the number of steps, times what a step {step}. Both are relative to the arm compared with."
    )
    yield ""
    yield (
        "Curves are gains on the embedded test images, after as many steps and after as much time as the arm compared "
        "with has had by then; bands are 95 % intervals over seeds, of the curve over steps, and cut where they leave "
        "the picture. Learning rates fall over the whole of a run, so that points before its end are not what a "
        "shorter run would come to."
    )
    yield ""
    for family in comparison.study.families:
        yield f"### {family}, cost"
        yield ""
        yield f"![Gains of {family} against steps and time]({folder}/curves-{family}.svg)"
        yield ""
        rows = []
        for arm in comparison.study.arms:
            runs = comparison.runs(family, arm.name)
            if runs:
                known = [
                    comparison.relative_cost(family, arm.name, of)
                    for of in (lambda facts: facts.flops, comparison.seconds)
                ]
                relative = ["-" if each is None else f"{each:.2f}" for each in known]
                steps = f"{runs[0].pretraining_steps:,} + {runs[0].finetuning_steps:,}"
                minutes = f"{fmean(map(comparison.seconds, runs)) / 60:.1f}"
                gain = interval_text(comparison.over_runs([family], arm.name, main.name, main.metric))
                rows.append((f"`{arm.name}`", steps, *relative, minutes, gain))
        yield from table(("arm", "steps", "arithmetic", "time", "minutes", f"gain on `{main.name}`"), rows)
        yield from source(folder, "runs.csv", "curves.csv", *([TIMES] if comparison.timed_apart else []))


def _beaten(comparison: Comparison, test: TestConfig) -> Iterator[str]:
    """How many arms are better than the damaged images as they are."""
    study = comparison.study
    told = []
    for family in study.families:
        beats = [comparison.beats_input(family, arm, test) for arm in study.arm_names]
        known = [each for each in beats if each is not None]
        told.append(f"{sum(known)} of {len(known)} arms of {family}")
    yield f"Better than the damaged images as they are: {', '.join(told)}."
    yield ""


def _ssim_gains(comparison: Comparison, folder: str) -> Iterator[str]:
    study = comparison.study
    tests = [test.name for test in study.tests if test.damage != "photos"]
    yield "### SSIM, all tests with clean images"
    yield ""
    yield "All networks, with intervals over seeds."
    yield ""
    rows = [
        (f"`{arm}`", *(interval_text(comparison.over_runs(study.families, arm, name, "ssim"), 4) for name in tests))
        for arm in study.compared
    ]
    yield from table(("arm", *tests), rows)
    yield from source(folder, "rows.parquet")


def _score(comparison: Comparison, runs: Sequence[tuple[str, str, int]], test: TestConfig) -> str:
    values = {metric: [comparison.mean(run, test.name, metric) for run in runs] for metric in ("psnr", "ssim", "piqe")}
    known = {metric: [each for each in found if each is not None] for metric, found in values.items()}
    means = {metric: fmean(found) for metric, found in known.items() if found}
    if test.metric == "piqe":
        return f"{means['piqe']:.2f}" if "piqe" in means else "-"
    return f"{means['psnr']:.2f}/{means['ssim']:.4f}" if "psnr" in means else "-"
