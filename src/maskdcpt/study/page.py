"""The page of results of a study: Markdown, made of the files of results alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from maskdcpt.files import write_whole
from maskdcpt.study.answer import answer
from maskdcpt.study.figures import accuracy_plot, forest, gain_curves, naming_curves
from maskdcpt.study.findings import costs, gains, parts, scores, summary, types, worth
from maskdcpt.study.gains import Comparison
from maskdcpt.study.markdown import source, table
from maskdcpt.study.results import StudyResults, write_results
from maskdcpt.study.telling import accuracy


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
    out = out.resolve() if out.name in ("", "..") else out  # the page is called like the folder
    write_results(results, out)
    comparison = Comparison(results)
    for name, data in _figures(comparison):
        write_whole(out / name, data)
    page = out.with_name(f"{out.name}.md")
    write_whole(page, "".join(f"{line}\n" for line in _page(comparison, out.name)).encode())
    return page


def _figures(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    for test in comparison.study.tests:
        metric = test.metric
        axis = "difference of PIQE, lower is better" if metric == "piqe" else "gain of PSNR in dB"
        yield f"gain-{test.name}.svg", forest(comparison, test, metric, axis)
    for family in comparison.study.families:
        yield f"curves-{family}.svg", gain_curves(comparison, family)
        yield f"pretraining-{family}.svg", naming_curves(comparison, family)
    yield "accuracy.svg", accuracy_plot(comparison, comparison.study.main_test.name)


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
    for part in (_state, answer, _setting, summary, gains, worth, parts, scores, types, costs, accuracy, _limits):
        yield from part(comparison, folder)


def _state(comparison: Comparison, folder: str) -> Iterator[str]:
    results = comparison.results
    grid, missing = comparison.study.grid(), results.missing
    if missing:
        seeds: dict[tuple[str, str], list[str]] = {}
        for family, arm, seed in missing:
            seeds.setdefault((family, arm), []).append(str(seed))
        names = "; ".join(f"{family}/{arm}/{', '.join(found)}" for (family, arm), found in seeds.items())
        yield f"**Not complete: {len(missing)} of {len(grid)} runs are missing:** {names}."
    else:
        yield f"Complete: all {len(grid)} runs of the recipe are in, no arm and no seed is left out."
    yield ""
    about = results.about
    for made in about.get("made_with", ()):
        where = made["cuda"] or f"CPU, {made['threads']} thread{'s' if made['threads'] > 1 else ''} a run"
        code = made.get("code")
        commit = f" (commit {code['commit']}{' with changes' if code['changed'] else ''})" if code else ""
        yield f"Made with maskdcpt {made['maskdcpt']}{commit}, torch {made['packages']['torch']} ({where})."
        yield ""
    if about:
        yield (
            f"All runs are from the same {about['training_images']:,} clean training images (SHA-256 of their names "
            f"`{about['training_images_sha256'][:16]}`)."
        )
        yield ""


def _setting(comparison: Comparison, folder: str) -> Iterator[str]:
    study = comparison.study
    yield "## What is compared"
    yield ""
    yield (
        f"Every run is worth {study.steps:,} optimiser steps, and every arm has the seeds "
        f"{', '.join(map(str, study.seeds))}, unless the table says otherwise. Networks: "
        f"{', '.join(_sizes(comparison))}."
    )
    yield ""
    rows = []
    for arm in study.arms:
        limits = [f"added {arm.added}"] if arm.added else []
        limits += [*(f"{name} only" for name in [", ".join(arm.families)] if name)]
        only = " only" if set(arm.seeds) < set(study.seeds) else ""
        limits += [f"seeds {', '.join(map(str, arm.seeds))}{only}"] if arm.seeds else []
        limits += [arm.seeds_added] if arm.seeds_added else []
        begins = {facts.begins_with for facts in comparison.results.runs if facts.arm == arm.name} - {""}
        limits += [f"begins with the pre-training of {name}" for name in sorted(begins)]
        rows.append(
            (
                f"`{arm.name}`",
                "; ".join([arm.title, *limits]),
                f"{study.share_of(arm):.0%}",
                arm.budget if arm.part == 1 else f"{arm.part:.0%} of {arm.budget}",
                "-" if arm.against == arm.name else f"`{arm.against}`",
            )
        )
    yield from table(("arm", "what it is", "pre-training", "equal in", "compared with"), rows)
    if any(arm.added for arm in study.arms):
        yield (
            "Arms that were added after some results had been seen say so. What they reach with seeds whose results "
            "were known then is a hint, for it is by these that they were thought of; new seeds confirm it, or not."
        )
        yield ""
    tests = [
        (f"`{test.name}`", test.title, str(len(comparison.cases(test.name))), test.metric.upper())
        for test in study.tests
    ]
    yield from table(("test", "what it is", "cases", "judged by"), tests)
    yield "A case is one image with one damage. Groups of a test, such as types of damage, count alike, large or small."
    yield ""
    yield from source(folder, "study.toml", "rows.parquet")


def _sizes(comparison: Comparison) -> Iterator[str]:
    sizes = {facts.family: facts.parameters for facts in comparison.results.runs}
    for name in comparison.study.families:
        yield f"{name} ({sizes[name]:,} weights)" if name in sizes else name


def _limits(comparison: Comparison, folder: str) -> Iterator[str]:
    seeds = len(comparison.study.seeds)
    yield "## What this cannot tell"
    yield ""
    yield (
        f"- {seeds} seed{'s' if seeds > 1 else ''} of most arms and each network: intervals over seeds are wide, and "
        "what lies within them is not known."
    )
    yield (
        f"- {comparison.study.steps:,} steps are few. What pre-training brings after a hundred times as many, "
        "at the size of the published networks, does not follow from this."
    )
    yield "- Synthetic damage is that of one engine, in training and in tests alike."
    for test in comparison.study.tests:
        counts = comparison.group_sizes(test.name)
        if test.damage in ("pairs", "photos") and counts:
            yield f"- `{test.name}` are few: {', '.join(f'{count} of {name}' for name, count in counts.items())}."
    yield "- Middle parts of test images are measured, not whole ones, so that scores are not those of benchmarks."
    for sentence in comparison.study.limits:
        yield f"- {sentence}"
