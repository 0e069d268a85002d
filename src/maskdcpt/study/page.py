"""The page of results of a study: Markdown, made of the files of results alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

from maskdcpt.degradations import CATALOGUE
from maskdcpt.files import atomic_file, write_bytes
from maskdcpt.study.figures import accuracy_plot, forest, learning_curves
from maskdcpt.study.gains import Comparison, Interval, correlation
from maskdcpt.study.recipe import TestConfig
from maskdcpt.study.results import StudyResults, write_results
from maskdcpt.study.rows import ENTERING, FINAL, INPUT

INPUT_RUN = (INPUT, INPUT, 0)


def write_study_report(results: StudyResults, out: Path) -> Path:
    """Writes the files of results, their pictures, and beside the folder the page, ``OUT.md``.

    Args:
        results: What was found.
        out: The folder, made where missing.

    Returns:
        The page. The same results give the same bytes.

    Raises:
        OSError: If a file cannot be written.
    """
    write_results(results, out)
    comparison = Comparison(results)
    for name, data in _figures(comparison):
        _write(out / name, data)
    page = out.with_name(f"{out.name}.md")
    _write(page, "".join(f"{line}\n" for line in _page(comparison, out.name)).encode())
    return page


def metric_of(test: TestConfig) -> str:
    """What a test is judged by first."""
    return "piqe" if test.damage == "photos" else "psnr"


def _write(path: Path, data: bytes) -> None:
    with atomic_file(path) as temporary:
        write_bytes(temporary, data)


def _figures(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    for test in comparison.study.tests:
        metric = metric_of(test)
        axis = "difference of PIQE, lower is better" if metric == "piqe" else "gain of PSNR in dB"
        yield f"gain-{test.name}.svg", forest(comparison, test, metric, axis)
    for family in comparison.study.families:
        yield f"curves-{family}.svg", learning_curves(comparison, family)
    yield "accuracy.svg", accuracy_plot(comparison, _first(comparison).name)


def _first(comparison: Comparison) -> TestConfig:
    """The test that the others stand behind."""
    return next((test for test in comparison.study.tests if test.damage != "photos"), comparison.study.tests[0])


def _page(comparison: Comparison, folder: str) -> Iterator[str]:
    yield "# Results"
    yield ""
    yield comparison.study.title
    yield ""
    yield (
        f"This page and its pictures are made of the files in [{folder}]({folder}/) alone, all at once, by "
        f"`maskdcpt study report {folder} --out {folder}` in the folder of this page; below each part stands "
        f"what it is made of. [{folder}/study.toml]({folder}/study.toml) is the recipe; [study.md](study.md) "
        "tells how it is run, what runs have in common and how intervals are made."
    )
    yield ""
    for part in (_state, _setting, _summary, _gains, _scores, _types, _costs, _accuracy, _limits):
        yield from part(comparison, folder)


def _state(comparison: Comparison, folder: str) -> Iterator[str]:
    results = comparison.results
    grid, missing = comparison.study.grid(), results.missing
    if missing:
        names = ", ".join(f"{family}/{arm}/{seed}" for family, arm, seed in missing)
        yield f"**Not complete: {len(missing)} of {len(grid)} runs are missing:** {names}."
    else:
        yield f"Complete: all {len(grid)} runs of the recipe are in, no arm and no seed is left out."
    yield ""
    about = results.about
    if about:
        where = about["cuda"] or f"CPU, {about['threads']} thread{'s' if about['threads'] > 1 else ''} a run"
        yield (
            f"Made with maskdcpt {about['maskdcpt']}, torch {about['packages']['torch']} ({where}) from "
            f"{about['training_images']:,} clean training images (SHA-256 of their names "
            f"`{about['training_images_sha256'][:16]}`)."
        )
        yield ""


def _setting(comparison: Comparison, folder: str) -> Iterator[str]:
    study = comparison.study
    yield "## What is compared"
    yield ""
    yield (
        f"Every run is worth {study.steps:,} optimiser steps, for seeds {', '.join(map(str, study.seeds))} and the "
        f"networks {', '.join(study.families)}."
    )
    yield ""
    rows = []
    for arm in study.arms:
        limits = [*(f"{name} only" for name in [", ".join(arm.families)] if name)]
        limits += [f"seeds {', '.join(map(str, arm.seeds))} only"] if arm.seeds else []
        begins = {facts.begins_with for facts in comparison.results.runs if facts.arm == arm.name} - {""}
        limits += [f"begins with the pre-training of {name}" for name in sorted(begins)]
        rows.append(
            (
                f"`{arm.name}`",
                "; ".join([arm.title, *limits]),
                f"{study.share_of(arm):.0%}",
                arm.budget,
                "-" if arm.against == arm.name else f"`{arm.against}`",
            )
        )
    yield from _table(("arm", "what it is", "pre-training", "equal in", "compared with"), rows)
    tests = [
        (f"`{test.name}`", test.title, str(len(comparison.cases(test.name))), metric_of(test).upper())
        for test in study.tests
    ]
    yield from _table(("test", "what it is", "images", "judged by"), tests)
    yield from _source(folder, "study.toml")


def _summary(comparison: Comparison, folder: str) -> Iterator[str]:
    study = comparison.study
    families = list(study.families)
    yield "## What holds, what does not, what is not known"
    yield ""
    yield (
        "For each test the arms whose mean gain over all networks has a 95 % interval, over seeds, that lies "
        "on one side of zero; the others cannot be told from what they are compared with. Of so many "
        "intervals some exclude zero by chance: about one in twenty where there is no difference at all."
    )
    yield ""
    rows = []
    for test in study.tests:
        told: dict[int, list[str]] = {1: [], -1: [], 0: []}
        way = -1 if metric_of(test) == "piqe" else 1
        for arm in _compared(comparison):
            found = comparison.over_runs(families, arm, test.name, metric_of(test))
            if found is not None:
                told[way * found.sign].append(f"{arm} {found.mean:+.2f}")
        rows.append((f"`{test.name}`", *("; ".join(part) or "none" for part in told.values())))
    yield from _table(("test", "better", "worse", "not told apart"), rows)
    yield from _source(folder, "rows.parquet")


def _gains(comparison: Comparison, folder: str) -> Iterator[str]:
    study = comparison.study
    families = list(study.families)
    yield "## Gains"
    yield ""
    yield (
        "Mean difference from the arm compared with, paired by seed and image, with its 95 % interval over seeds "
        "(Student's t). The last column is the interval over images of these very networks (bootstrap): it tells how "
        "much hangs on the choice of test images, not on that of seeds. Bold: the interval excludes zero."
    )
    yield ""
    for test in study.tests:
        metric = metric_of(test)
        unit = "PIQE, lower is better" if metric == "piqe" else "PSNR in dB"
        yield f"### {test.name}: {test.title}"
        yield ""
        yield f"{unit}."
        yield ""
        yield f"![Gains on {test.name}]({folder}/gain-{test.name}.svg)"
        yield ""
        rows = []
        for arm in _compared(comparison):
            cells = [comparison.over_runs([name], arm, test.name, metric) for name in families]
            cells.append(comparison.over_runs(families, arm, test.name, metric))
            cells.append(comparison.over_images(families, arm, test.name, metric))
            rows.append((f"`{arm}`", *map(_interval, cells)))
        yield from _table(("arm", *families, "all networks", "over images"), rows)
        yield from _source(folder, "rows.parquet")


def _scores(comparison: Comparison, folder: str) -> Iterator[str]:
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
        yield from _table(("arm", *(test.name for test in study.tests)), rows)
        yield from _source(folder, "rows.parquet")


def _types(comparison: Comparison, folder: str) -> Iterator[str]:
    families = list(comparison.study.families)
    yield "## Gains by type of damage"
    yield ""
    yield "PSNR in dB over all networks, with intervals over seeds."
    yield ""
    for test in comparison.study.tests:
        groups = comparison.groups(test.name)
        if test.damage == "photos" or len(groups) < 2:
            continue
        yield f"### {test.name}"
        yield ""
        head = ["arm", *(CATALOGUE[name].title if name in CATALOGUE else name for name in groups)]
        rows = [
            (
                f"`{arm}`",
                *(_interval(comparison.over_runs(families, arm, test.name, "psnr", group)) for group in groups),
            )
            for arm in _compared(comparison)
        ]
        yield from _table(head, rows)
        yield from _source(folder, "rows.parquet")


def _costs(comparison: Comparison, folder: str) -> Iterator[str]:
    yield "## Cost"
    yield ""
    yield (
        "Arithmetic is counted: a pass forward with its decoders, three times, for a gradient takes as much "
        "as two. Time is the median of a step times their number, on a machine that may have had other work; "
        "it depends on it, and on how samples are made. Both in what the arm compared with takes; curves are "
        "means over seeds on the embedded test images, which no choice was made by."
    )
    yield ""
    for family in comparison.study.families:
        yield f"### {family}, cost"
        yield ""
        yield f"![Learning curves of {family}]({folder}/curves-{family}.svg)"
        yield ""
        rows = []
        for arm in comparison.study.arms:
            runs = [facts for facts in comparison.results.runs if (facts.family, facts.arm) == (family, arm.name)]
            base = [facts for facts in comparison.results.runs if (facts.family, facts.arm) == (family, arm.against)]
            if runs:
                relative = [
                    f"{fmean(map(of, runs)) / fmean(map(of, base)):.2f}" if base else "-"
                    for of in (lambda facts: facts.flops, lambda facts: facts.seconds)
                ]
                steps = f"{runs[0].pretraining_steps:,} + {runs[0].finetuning_steps:,}"
                rows.append((f"`{arm.name}`", steps, *relative, f"{fmean(facts.seconds for facts in runs) / 60:.1f}"))
        yield from _table(("arm", "steps", "arithmetic", "time", "minutes"), rows)
        yield from _source(folder, "runs.csv", "curves.csv")


def _accuracy(comparison: Comparison, folder: str) -> Iterator[str]:
    test = _first(comparison)
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
                    _percent([comparison.accuracy(each.run, stage) for each in runs]) for stage in (ENTERING, FINAL)
                ]
                probes = [
                    _percent([each.probe_entering for each in runs]),
                    _percent([each.probe_final for each in runs]),
                ]
                psnr = comparison.arm_mean(family, arm, test.name, "psnr")
                cells = (probes[0], named[0], probes[1], named[1], "-" if psnr is None else f"{psnr:.2f}")
                rows.append((f"`{arm}`", *cells))
        yield f"### {family}, accuracy"
        yield ""
        head = ("arm", "probe, entering", "named, entering", "probe, final", "named, final", "PSNR")
        yield from _table(head, rows)
        yield from _correlations(comparison, family, test)
        yield from _source(folder, "runs.csv", "rows.parquet")


def _correlations(comparison: Comparison, family: str, test: TestConfig) -> Iterator[str]:
    runs = [facts for facts in comparison.results.runs if facts.family == family]
    scored = [(facts, psnr) for facts in runs if (psnr := comparison.mean(facts.run, test.name, "psnr")) is not None]
    named = [(value, psnr) for facts, psnr in scored if (value := comparison.accuracy(facts.run, ENTERING)) is not None]
    probed = [(facts.probe_entering, psnr) for facts, psnr in scored]
    for title, points in (("the probe", probed), ("naming by the classifier", named)):
        found = correlation(points)
        told = "cannot be told" if found is None else f"is {found:+.2f}"
        yield f"The correlation of {title} on entering fine-tuning with the final PSNR {told} ({len(points)} runs)."
        yield ""


def _limits(comparison: Comparison, folder: str) -> Iterator[str]:
    seeds = len(comparison.study.seeds)
    yield "## What this cannot tell"
    yield ""
    yield (
        f"- {seeds} seed{'s' if seeds > 1 else ''} a network: intervals over seeds are wide, and what lies "
        "within them is not known."
    )
    yield (
        f"- {comparison.study.steps:,} steps are few. What pre-training brings after a hundred times as many, "
        "at the size of the published networks, does not follow from this."
    )
    yield "- Synthetic damage is that of one engine, in training and in tests alike; the pairs and photos are few."
    yield "- Middle parts of test images are measured, not whole ones, so that scores are not those of benchmarks."


def _compared(comparison: Comparison) -> list[str]:
    return [arm.name for arm in comparison.study.arms if arm.against != arm.name]


def _score(comparison: Comparison, runs: Sequence[tuple[str, str, int]], test: TestConfig) -> str:
    values = {metric: [comparison.mean(run, test.name, metric) for run in runs] for metric in ("psnr", "ssim", "piqe")}
    means = {
        metric: fmean(each for each in found if each is not None) for metric, found in values.items() if any(found)
    }
    if metric_of(test) == "piqe":
        return f"{means['piqe']:.2f}" if "piqe" in means else "-"
    return f"{means['psnr']:.2f}/{means['ssim']:.4f}" if "psnr" in means else "-"


def _interval(found: Interval | None) -> str:
    if found is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.mean:+.2f}"
    text = f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    return f"**{text}**" if found.sign else text


def _percent(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * fmean(known):.1f}" if known else "-"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _source(folder: str, *files: str) -> Iterator[str]:
    listed = " and ".join(f"[{name}]({folder}/{name})" for name in files)
    yield f"From {listed}: `maskdcpt study report {folder} --out {folder}`."
    yield ""
