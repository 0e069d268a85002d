"""``maskdcpt restore``: restores an image, or all of folders and patterns."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskdcpt.classes import CLEAN
from maskdcpt.cli.arguments import parse
from maskdcpt.errors import UserError, require
from maskdcpt.images import Naming, is_single, read_document
from maskdcpt.images.naming import MIRROR
from maskdcpt.inference import (
    BaseRestorer,
    BatchOptions,
    Outcome,
    Plan,
    RestoreOptions,
    RestoreReport,
    Runtime,
    Shown,
    load_restorer,
    plan_files,
    restore_files,
)

BESIDE = "_restored"
"""Put behind the name of an original for that of its result, where none is given."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Restores photos at their size, in their format, and with all else that is in their files."""

    paths: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="IN [IN ...] [OUT]")]]
    """Images, folders or quoted patterns such as 'photos/**/*.jpg'; and the restored image, or the folder for restored
    images, which keep their names. Of a single IN alone the result lies beside it, as photo_restored.jpg or
    photos_restored. The same command goes on after an interruption."""
    weights: Annotated[str, tyro.conf.arg(metavar="DIR")] = "default"
    """default for those of the package; a folder of weights or of a training run, a file of weights, user/name on the
    Hugging Face Hub, or a file that maskdcpt export wrote for ONNX Runtime or OpenVINO."""
    runtime: Runtime = "auto"
    """What computes; auto is what the weights are for."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces files that exist."""
    recursive: bool = True
    """Looks into folders below a folder."""
    suffix: Annotated[str | None, tyro.conf.arg(metavar="TEXT")] = None
    """Put behind the names of results in a folder, as in photo_restored.jpg with --suffix _restored; without it and
    without OUT, _restored is put behind that of a single image, and else nothing."""
    output_template: Annotated[str | None, tyro.conf.arg(metavar="TEMPLATE")] = None
    """What results in a folder are called, of {folder}, {stem}, {ext} and {number}, such as '{number:04}{ext}'."""
    format: Annotated[str | None, tyro.conf.arg(metavar="EXT")] = None
    """Format of results in a folder, by its ending, such as png; without it that of each original. The name of a single
    result tells its own."""
    quality: Annotated[int | None, tyro.conf.arg(metavar="1-100")] = None
    """Quality of JPEG, WebP and AVIF; without it that of each original, or a high one."""
    depth: Literal[8, 16, 32] | None = None
    """Bits of a sample, 32 for floating point; without it those of each original."""
    metadata: bool = True
    """Keeps EXIF, XMP, texts and resolution; the colour profile is kept anyway."""
    clean: Literal["auto", "leave", "restore"] = "auto"
    """What becomes of images that look clean; auto restores a single image and leaves those of a folder."""
    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TYPE")] = ()
    """Restores images that look damaged by one of these types alone, and leaves the others."""
    strength: float = 1.0
    """Share of the restored image in the result, from 0 to 1; the rest is the original."""
    self_ensemble: tyro.conf.FlagCreatePairsOff[bool] = False
    """Averages over turned and mirrored copies: a little better, eight times as long."""
    tile: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 0
    """Side of the pieces that large images are restored in; 0 chooses it by the memory that is free."""
    memory: Annotated[float, tyro.conf.arg(metavar="GIB")] = 0.0
    """Memory that restoring may take; 0 for most of what is free."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Numbers that the network computes with; auto takes bfloat16 where that is faster and float32 elsewhere."""
    compile: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compiles the network first, which takes minutes and may pay for many images."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="HTML")] = None
    """Page with every image before and after, what was found in it, and how PIQE changed."""
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False
    """Tells what would be done, and does nothing."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Prints a line of JSON for each image instead of text."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code, 1 if some of several images could not be restored."""
    options = parse(Options, argv, prog="maskdcpt restore")
    options, sources, target = _settle_paths(options)
    batch = _batch_options(options)
    require("memory", options.memory, 0, 1e6)
    network = RestoreOptions(
        tile=options.tile,
        memory=round(options.memory * 2**30),
        precision=options.precision,
        self_ensemble=options.self_ensemble,
        strength=options.strength,
        compile=options.compile,
    )
    restorer = load_restorer(options.weights, options.device, network, options.runtime)
    if options.dry_run:
        return _tell_plan(options, restorer, sources, target, batch)
    page = None if options.report is None else _Page(options, options.report, _page_mark(sources, target), target)

    def watch(outcome: Outcome, shown: Shown | None) -> None:
        if options.json:
            print(json.dumps(outcome.as_dict()), flush=True)
        if page is not None:
            page.add(outcome, shown)

    report = restore_files(restorer, sources, target, batch, watch=watch, show=page is not None)
    if page is not None:
        page.write(report)
    if not options.json:
        for line in _summary(report, report.outcomes[0].target if is_single(sources) else target):
            print(line)
        if page is not None:
            print(f"report: {options.report}")
    _tell_rest(report)
    for outcome in report.of("failed"):
        print(f"error: {outcome.reason}", file=sys.stderr)
    return 1 if report.of("failed") else 0


def _settle_paths(options: Options) -> tuple[Options, Path | tuple[Path, ...], Path]:
    """What is restored, and where to; a result that is given no place lies beside its original."""
    if not options.paths:
        raise UserError("the following is missing from maskdcpt restore: IN; see maskdcpt restore --help")
    if len(options.paths) > 1:
        *sources, target = options.paths
        return options, sources[0] if len(sources) == 1 else tuple(sources), target
    (source,) = options.paths
    if source.is_dir():
        folder = source.resolve()  # which has a name of its own, unlike "."
        return options, source, folder.parent / f"{folder.name}{BESIDE}"
    if glob.has_magic(str(source)) and not source.exists():
        raise UserError(f"{source}: a pattern needs OUT, a folder for results; see maskdcpt restore --help")
    named = options.suffix is not None or options.output_template is not None
    return options if named else replace(options, suffix=BESIDE), source, source.parent


def _batch_options(options: Options) -> BatchOptions:
    if options.output_template is not None and options.suffix:
        raise UserError("--suffix and --output-template both say what results are called; leave one out")
    template = options.output_template or MIRROR.replace("{ext}", _literal(options.suffix or "") + "{ext}")
    ext = None if options.format is None else f".{options.format.lower().lstrip('.')}"
    return BatchOptions(
        force=options.force,
        recursive=options.recursive,
        naming=Naming(template, ext),
        leave_clean={"auto": None, "leave": True, "restore": False}[options.clean],
        only=options.only,
        quality=options.quality,
        depth=options.depth,
        metadata=options.metadata,
    )


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _tell_plan(
    options: Options, restorer: BaseRestorer, sources: Path | tuple[Path, ...], target: Path, batch: BatchOptions
) -> int:
    plan = plan_files(restorer, sources, target, batch)
    for source, new in plan.pairs:
        done = new in plan.before
        if options.json:
            print(json.dumps({"source": str(source), "target": str(new), "status": "before" if done else "planned"}))
        else:
            print(f"{'done before' if done else 'would restore'}: {source} -> {new}")
    _tell_rest(plan)
    return 0


def _tell_rest(about: Plan | RestoreReport) -> None:
    for line in about.left_out:
        print(line, file=sys.stderr)
    if passed := about.passed:
        some = ", ".join(map(str, passed[:5])) + (" and others" if len(passed) > 5 else "")
        print(f"{len(passed)} results of an earlier call are not restored again: {some}", file=sys.stderr)


def _page_mark(sources: Path | tuple[Path, ...], target: Path) -> str:
    # The page of a folder of results grows with it; that of a single image is no other's.
    return "" if is_single(sources) else hashlib.sha256(os.fsencode(target.resolve())).hexdigest()


class _Page:
    """The page of a run, to which images are added as they are done."""

    def __init__(self, options: Options, path: Path, mark: str, target: Path) -> None:
        from maskdcpt.reports import require_new_page  # takes seconds to import, and only pages need it
        from maskdcpt.reports.restoration import RestorationReport

        require_new_page(path, options.force, mark)
        self._report = RestorationReport(path, {"Weights": options.weights, "Results": str(target)}, mark)

    def add(self, outcome: Outcome, shown: Shown | None) -> None:
        from maskdcpt.reports.restoration import RestorationEntry

        name = str(outcome.source)
        if outcome.status == "failed" or (outcome.status == "before" and self._report.holds(name)):
            return
        if shown is None:  # of a run before this one, which may have ended before it told
            shown = Shown(*(read_document(path).frames[0].pixels for path in (outcome.source, outcome.target)))
        after = None if outcome.reason else shown.after  # which tells why it was left
        self._report.add(
            RestorationEntry(name, shown.before, after, outcome.verdict, outcome.notes, outcome.seconds or None)
        )

    def write(self, report: RestoreReport) -> None:
        self._report.write([outcome.reason for outcome in report.of("failed")])


def _summary(report: RestoreReport, target: Path) -> Iterator[str]:
    now = [outcome for outcome in report.outcomes if outcome.status != "before"]
    yield from (f"note: {outcome.source}: {note}" for outcome in now for note in outcome.notes)
    yield from (f"left as it was: {outcome.source} ({outcome.reason})" for outcome in report.of("left"))
    yield from _found(now, single=len(report.outcomes) == 1)
    restored, left, before = (len(report.of(status)) for status in ("restored", "left", "before"))
    more = "".join(
        f", {count} {what}" for count, what in ((left, "left as they were"), (before, "done before")) if count
    )
    rate = restored / report.seconds
    speed = f"{rate:.2f} images/s" if rate >= 0.1 or not restored else f"{1 / rate:.0f} s an image"
    total = len(report.outcomes)
    yield f"{restored} of {total} images restored in {report.seconds:.1f} s ({speed}){more}: {target}"


def _found(outcomes: Sequence[Outcome], single: bool) -> Iterator[str]:
    verdicts = [outcome.verdict for outcome in outcomes if outcome.verdict is not None]
    if single:
        yield from (f"found: {verdict.reason}" for verdict in verdicts)
        return
    counts = Counter(next(iter(verdict.types)) for verdict in verdicts if not verdict.clean)
    if counts:
        yield "found: " + ", ".join(
            f"{'no damage' if name == CLEAN else name} in {count}" for name, count in counts.most_common()
        )
    unfamiliar = [outcome.source for outcome in outcomes if outcome.verdict and outcome.verdict.unfamiliar]
    if unfamiliar:
        some = ", ".join(map(str, unfamiliar[:5])) + (" and others" if len(unfamiliar) > 5 else "")
        yield f"{len(unfamiliar)} images are unlike what the weights were trained on, so take a look: {some}"
