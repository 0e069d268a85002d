"""``maskdcpt study``: a comparison of ways to train, or the page of its results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.cli.columns import aligned
from maskdcpt.errors import UserError
from maskdcpt.parallel import Processes, usual_workers
from maskdcpt.progress import say_above_bar
from maskdcpt.recipes import presets
from maskdcpt.study import (
    Measuring,
    Run,
    StudyConfig,
    choose,
    plan_runs,
    read_study,
    run_study,
    steps_done,
    steps_wanted,
)

FAILED = 1
"""Exit code when a run has failed."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Trains networks in several ways at equal cost and measures them; the same command goes on with it."""

    recipe: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="RECIPE")]]
    """Name of a preset, or path of a TOML file."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the study."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean images to train on; without it the embedded images are used."""
    tests: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder that the recipe's folders of test images are in."""
    workers: int = field(default_factory=usual_workers)
    """Processes that train, with one thread each; 0 trains in this one. The results are the same."""
    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="ARM")] = ()
    """Arms to run; all where none is named."""
    families: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Networks to run; all where none is named."""
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="SEED")] = ()
    """Seeds to run; all where none is named."""
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False
    """Only tells what would be done, and how far it is."""

    def __post_init__(self) -> None:
        if not 0 <= self.workers <= 1024:
            raise UserError(f"--workers is {self.workers}; it lies in [0, 1024]")


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    if argv[:1] == ["report"]:
        from maskdcpt.cli.study_report import run as report  # draws plots, which takes a second to import

        return report(argv[1:])
    if argv[:1] == ["time"]:
        from maskdcpt.cli.study_time import run as time

        return time(argv[1:])
    options = parse(
        Options,
        argv,
        prog="maskdcpt study",
        description=f"{Options.__doc__} Presets: {', '.join(presets('study'))}. "
        "maskdcpt study report --help tells how the page of results is made, and maskdcpt study time --help how long "
        "steps take.",
    )
    if options.out is None and not options.dry_run:
        raise UserError("--out DIR is needed, the folder of the study, or --dry-run")
    out = options.out or Path("study")
    study = read_study(options.recipe)
    planned = plan_runs(study, out, options.data)
    runs = choose(planned, arms=options.only, families=options.families, seeds=options.seeds)
    for line in _plan(study, runs):
        print(line, flush=True)
    if options.dry_run:
        return 0
    # Other processes may take a while to start: what is missing is told before.
    measuring = Measuring.of(study, options.tests)
    outcome = run_study(study, planned, runs, measuring, out, Processes(options.workers, say_above_bar), say_above_bar)
    print(f"runs: {outcome.done} of {len(runs)} done, {len(outcome.failures)} failed")
    for failure in outcome.failures:
        print(f"failed: {failure.run}: {failure.problem}")
    print(f"next: maskdcpt study report {out} --out results")
    return FAILED if outcome.failures else 0


def _plan(study: StudyConfig, runs: Sequence[Run]) -> Iterator[str]:
    yield f"{study.title}: {len(runs)} runs, {steps_wanted(runs):,} steps, of which {steps_done(runs):,} are done"
    yield ""
    rows = [("network", "arm", "runs", "pre-training", "fine-tuning", "arithmetic", "what it is")]
    for run in {(run.family, run.arm): run for run in runs}.values():
        seeds = sum((other.family, other.arm) == (run.family, run.arm) for other in runs)
        plain = study.steps * run.cost.plain
        spent = run.steps.pretraining * run.cost.pretraining + run.steps.finetuning * run.cost.finetuning
        shares = f"; begins with the pre-training of {run.shares_with}" if run.shares_with else ""
        rows.append(
            (
                run.family,
                run.arm,
                str(seeds),
                f"{run.steps.pretraining:,}",
                f"{run.steps.finetuning:,}",
                f"{spent / plain:.2f}",
                f"{study.arm(run.arm).title}{shares}",
            )
        )
    yield from aligned(rows, left=(0, 1, 6))
    yield f"arithmetic: of all steps of a run, in that of {study.steps:,} plain steps"
    yield ""
