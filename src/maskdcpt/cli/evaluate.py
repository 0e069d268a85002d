"""``maskdcpt evaluate``: measures networks, baselines and restored images under a fixed protocol."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.cli.evaluate_list import list_protocols
from maskdcpt.cli.evaluate_table import table
from maskdcpt.environment import environment
from maskdcpt.errors import UserError, require
from maskdcpt.evaluation import PROTOCOLS, Protocol, find_protocol
from maskdcpt.evaluation.alignment import SetAlignment, set_alignments
from maskdcpt.evaluation.arms import Choice, make_arms
from maskdcpt.evaluation.efficiency import Efficiency, measure_efficiency
from maskdcpt.evaluation.engine import IDENTITY, PAGE, SUMMARY, Plan, measure, read_progress
from maskdcpt.evaluation.locate import Located, locate
from maskdcpt.evaluation.merge import merge_results
from maskdcpt.evaluation.results import Measurement, write_measurements
from maskdcpt.evaluation.summary import Results, as_plain, summarise_rows
from maskdcpt.files import write_json
from maskdcpt.metrics import Metric, SetMetric, find_metric
from maskdcpt.metrics.fidelity import WINDOW
from maskdcpt.parallel import Processes, usual_workers

PRESETS = {"smoke": (160, 5), "full": (0, 0)}
"""Side of the middle part that is measured, and images of each set; 0 for all."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measures weights, baselines and images restored by any tool under a fixed protocol, and writes a report."""

    weights: Annotated[tuple[str, ...], tyro.conf.arg(metavar="DIR")] = ()
    """Folders of weights or of training runs, files of weights, user/name on the Hugging Face Hub, or default for the
    weights of the package; NAME=DIR gives one a name. Differences are from the first."""
    restored: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=DIR")] = ()
    """Folders of images that some tool has restored, laid out as --save-images does."""
    baselines: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Methods without training; all stands for all of them."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean images that training has not seen, or of public data sets, as --list tells. Without it the
    embedded test images, where the protocol takes any clean images."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("evaluation")
    """Folder of results: rows.csv and rows.parquet, summary.json, report.html. The same command goes on after an
    interruption."""
    protocol: str = "synthetic-5d"
    """Name of the protocol."""
    preset: Literal["smoke", "full"] = "full"
    """smoke takes the middle 160 x 160 pixels of the first five images of each set; full is the protocol."""
    crop: Annotated[int | None, tyro.conf.arg(metavar="SIDE")] = None
    """Takes the middle SIDE x SIDE pixels of each image alone; the numbers are not those of the protocol then."""
    images: int | None = None
    """Takes the first images of each set alone, so many; the numbers are not those of the protocol then."""
    metrics: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Names of metrics instead of those of the protocol."""
    partial: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measures what is there, though sets or images are missing."""
    save_images: tyro.conf.FlagCreatePairsOff[bool] = False
    """Writes what is restored as PNG files."""
    efficiency: bool = True
    """Measures time and memory of networks as well."""
    compare: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR")] = ()
    """Instead of measuring, sets finished folders of results side by side."""
    list: tyro.conf.FlagCreatePairsOff[bool] = False
    """Instead of measuring, shows the protocols, or with --protocol all about one."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces results that exist."""
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Processes that measure images side by side, each on one thread and with networks of its own; 0 for one on each
    processor."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt evaluate")
    if options.list:
        named = any(word.partition("=")[0] == "--protocol" for word in argv)
        for line in list_protocols([find_protocol(options.protocol)] if named else [*PROTOCOLS.values()], named):
            print(line)
        return 0
    lines = _compare(options) if options.compare else _measure(options)
    for line in lines:
        print(line)
    return 0


def _measure(options: Options) -> Iterator[str]:
    protocol = find_protocol(options.protocol)
    crop, limit = PRESETS[options.preset]
    if options.crop is not None:
        require("--crop", options.crop, WINDOW, 10**6)
        crop = options.crop
    if options.images is not None:
        require("--images", options.images, 1, 10**9)
        limit = options.images
    require("--workers", options.workers, 0, 1024)
    metrics = _metrics(protocol, options.metrics)
    if (options.out / SUMMARY).exists() and not options.force:
        raise UserError(f"{options.out / SUMMARY} exists; --force replaces it")
    workers = usual_workers() if options.workers == 0 else options.workers
    choice = Choice(options.weights, options.restored, options.baselines, options.device, workers)
    arms = make_arms(choice)
    located = locate(protocol, options.data)
    _require_whole(protocol, located, options.partial)
    plan = Plan(protocol, located, choice, arms, metrics, crop, limit)
    plan.require_measurable()
    pool = Processes(workers if workers > 1 else 0, lambda line: print(line, file=sys.stderr))
    rows, alignments = measure(plan, options.out, save_images=options.save_images, anew=options.force, pool=pool)
    results = summarise_rows(rows, plan.replaces, plan.classes, plan.sizes)
    costs = measure_efficiency(arms) if options.efficiency else []
    record = {
        **plan.identity(),
        "missing": list(located.problems),
        "whole": plan.whole,
        "alignment": [each.as_dict() for each in alignments],
        **as_plain(results),
        "efficiency": [cost.as_dict() for cost in costs],
        "environment": environment(),
    }
    _write_page(options, record, results, rows, costs, plan)
    write_json(options.out / SUMMARY, record)
    yield from table(results, metrics)
    yield from (f"left out: {problem}" for problem in located.problems)
    yield from _warnings(alignments)
    yield from _about(options, plan)


def _write_page(
    options: Options,
    record: dict[str, Any],
    results: Results,
    rows: list[Measurement],
    costs: list[Efficiency],
    plan: Plan | None,
) -> None:
    from maskdcpt.reports import write_evaluation  # takes seconds to import, and only pages need it

    write_evaluation(options.out / PAGE, record, results, rows, costs, plan)


def _about(options: Options, plan: Plan) -> Iterator[str]:
    images = len({item for each in plan.located.sets for item in plan.items(each)})
    protocol = f"protocol {plan.protocol.name} v{plan.protocol.version}{'' if plan.whole else ' (not all of it)'}"
    yield f"{images} images, {protocol}; rows in {options.out}, report: {options.out / PAGE}"


def _compare(options: Options) -> Iterator[str]:
    if options.weights or options.restored or options.baselines:
        raise UserError("--compare takes folders of results, and measures nothing: leave out what is to be measured")
    if options.out.resolve() in {folder.resolve() for folder in options.compare}:
        raise UserError(f"{options.out}: --out has to be another folder than those that are compared")
    if (options.out / IDENTITY).exists():
        raise UserError(f"{options.out}: something is measured here; name another --out for the comparison")
    if (options.out / SUMMARY).exists() and not options.force:
        raise UserError(f"{options.out / SUMMARY} exists; --force replaces it")
    identity, rows = merge_results(options.compare)
    protocol = find_protocol(identity["protocol"])
    results = summarise_rows(
        rows,
        {each.name: each.replaces for each in protocol.sets if each.replaces},
        {arm["name"]: arm.get("classes", []) for arm in identity["arms"]},
        {each["name"]: each["images"] for each in identity["sets"]},
    )
    alignments = set_alignments(read_progress(options.compare[0]).values())  # all were measured on the same pairs
    options.out.mkdir(parents=True, exist_ok=True)
    record = {
        **identity,
        "missing": [],
        "whole": False,
        "alignment": [each.as_dict() for each in alignments],
        **as_plain(results),
        "efficiency": [],
        "compared": [str(folder) for folder in options.compare],
        "environment": environment(),
    }
    write_measurements(options.out, rows)
    _write_page(options, record, results, rows, [], None)
    write_json(options.out / SUMMARY, record)
    yield from table(results, [find_metric(name) for name in results.metrics])
    yield from _warnings(alignments)
    yield f"report: {options.out / PAGE}"


def _warnings(alignments: Iterable[SetAlignment]) -> Iterator[str]:
    return (f"warning: {each.warning}" for each in alignments if each.warning)


def _metrics(protocol: Protocol, names: tuple[str, ...]) -> tuple[Metric | SetMetric, ...]:
    return tuple(find_metric(name) for name in dict.fromkeys(names or protocol.metrics))


def _require_whole(protocol: Protocol, located: Located, partial: bool) -> None:
    problems = located.problems
    if not located.sets:
        raise UserError(f"nothing of protocol {protocol.name} is there: {problems[0]}")
    if problems and not partial:
        listed = "; ".join(problems[:4]) + (f"; and {len(problems) - 4} more" if len(problems) > 4 else "")
        raise UserError(f"not all of protocol {protocol.name} is there: {listed}; --partial measures the rest")
