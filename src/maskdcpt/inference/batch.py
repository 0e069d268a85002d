"""Restoring files: one, or many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from maskdcpt.classes import CLEAN
from maskdcpt.devices import usable_processors
from maskdcpt.errors import Preempted, UserError, nearest
from maskdcpt.images import is_single, pair_files, refuse_existing
from maskdcpt.inference.journal import Journal
from maskdcpt.inference.outcome import BatchOptions, Outcome, Shown, Status
from maskdcpt.inference.restorer import BaseRestorer
from maskdcpt.inference.stages import Job, Stages
from maskdcpt.overlap import StoppedError, in_turn, overlap
from maskdcpt.progress import progress_bar
from maskdcpt.signals import StopAsked, StopRequest

Watcher = Callable[[Outcome, Shown | None], None]
"""Is told of each image as soon as it is done, with its pixels if they were asked for and there are any."""

USUAL = BatchOptions()
"""All images are restored and written as their originals were."""


@dataclass(frozen=True)
class RestoreReport:
    """What became of all images."""

    outcomes: tuple[Outcome, ...]
    """One for each image, in order."""
    seconds: float
    """How long it took."""
    passed: tuple[Path, ...] = ()
    """As of ``Plan``."""
    left_out: tuple[str, ...] = ()
    """As of ``Plan``."""

    def of(self, status: Status) -> tuple[Outcome, ...]:
        """Those that ended in a certain way."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)


@dataclass(frozen=True)
class Plan:
    """What is to be done, before anything is."""

    pairs: tuple[tuple[Path, Path], ...]
    """The images with the files that they are to become."""
    before: frozenset[Path]
    """Those of the files that are there already, made of the same by the same settings."""
    journal: Journal | None
    """What remembers finished results; None for a single image."""
    passed: tuple[Path, ...] = ()
    """Images that were asked for, but are results of an earlier call, which are not restored again."""
    left_out: tuple[str, ...] = ()
    """What lies in folders beside images and is not taken, a line each for people."""

    @property
    def single(self) -> bool:
        """Whether one image was asked for by name."""
        return self.journal is None


def plan_files(
    restorer: BaseRestorer, sources: Path | Sequence[Path], target: Path, options: BatchOptions = USUAL
) -> Plan:
    """Finds out what there is to do, and changes nothing.

    Args:
        restorer: The network.
        sources: An image, a folder or a pattern, or several of them.
        target: For a single image its result, or an existing folder to put it in; else the folder of results, which
            mirrors a single folder.
        options: Which images are restored, and what they are called.

    Raises:
        UserError: If there is nothing to restore, originals and results overlap, a result's suffix is no image
            format's, files exist that are not results of the same call and ``force`` is not set, or a type of damage
            is one that the weights do not know.
    """
    _require_known(restorer, options.only)
    if is_single(sources):
        pairs = pair_files(sources, target, options.naming).pairs
        if not options.force:
            _refuse_named(*pairs[0], target)
            refuse_existing([pairs[0][1]])
        return Plan(pairs, frozenset(), None)
    journal = Journal(target, {**restorer.describe(), **options.as_dict()})
    pairs, passed, left_out = pair_files(sources, target, options.naming, options.recursive, journal.results())
    if options.force:
        return Plan(pairs, frozenset(), journal, passed, left_out)
    before = frozenset(new for source, new in pairs if journal.finished(source, new))
    begun = {new for _, new in pairs if journal.begun(new)}
    originals = {new: source for source, new in pairs}
    refuse_existing(list(originals), before | begun, lambda new: journal.difference(originals[new], new))
    return Plan(pairs, before, journal, passed, left_out)


def restore_files(
    restorer: BaseRestorer,
    sources: Path | Sequence[Path],
    target: Path,
    options: BatchOptions = USUAL,
    *,
    watch: Watcher | None = None,
    show: bool = False,
    progress: bool = True,
) -> RestoreReport:
    """Restores an image, or all that folders and patterns stand for, each frame of it.

    Where the network leaves processors alone, since a GPU computes or it has been given fewer threads, the next image
    is read and the last one written while one is restored; else they take turns. An image of several that cannot be
    restored does not stop the rest. Every result is whole, whatever happens later, and the same call after an
    interruption goes on with what is missing: the folder of results remembers what it was made of.

    Args:
        restorer: The network.
        sources: As for ``plan_files``.
        target: As for ``plan_files``.
        options: Which images are restored, and how they are written.
        watch: Is told of each image as soon as it is done, in this thread.
        show: Whether it is shown pixels as well.
        progress: Whether to show a progress bar on standard error, for more than a single image.

    Raises:
        UserError: Before any work as ``plan_files``. For a single image, if it cannot be restored. Whenever the disk
            is full or a result cannot be written; then the message says how far it got.
        Preempted: If the process was asked to stop; what is finished stays, and an image in tiles ends with the
            tile.
    """
    start = time.perf_counter()
    plan = plan_files(restorer, sources, target, options)
    leave_clean = not plan.single if options.leave_clean is None else options.leave_clean
    stages = Stages(restorer, options, leave_clean, plan.journal, show)
    with plan.journal.owning() if plan.journal is not None else nullcontext():
        outcomes = {outcome.target: outcome for outcome in _work(plan, stages, watch or _nobody, progress)}
    seconds = time.perf_counter() - start
    return RestoreReport(tuple(outcomes[new] for _, new in plan.pairs), seconds, plan.passed, plan.left_out)


def _refuse_named(source: Path, new: Path, target: Path) -> None:
    # Of two photos, as a shell makes them of a pattern, the second may well be meant as another original.
    if new == target and target.exists():
        raise UserError(
            f"{target}: is there already, and as the last name it is taken for the result of {source}; to restore "
            "both, name a folder for results after them (or, to lose what is there, --force replaces it)"
        )


def _nobody(outcome: Outcome, shown: Shown | None) -> None:
    """Watches without a word."""


def _work(plan: Plan, stages: Stages, watch: Watcher, progress: bool) -> list[Outcome]:
    told = plan.journal.told if plan.journal is not None else lambda _: {}
    outcomes = [Outcome.before(source, new, told(new)) for source, new in plan.pairs if new in plan.before]
    for outcome in outcomes:
        watch(outcome, None)
    jobs = [Job(source, new) for source, new in plan.pairs if new not in plan.before]
    bar = _Bar(len(plan.pairs), len(outcomes), show=progress and bool(jobs), single=plan.single)
    ending = threading.Event()

    def show_share(job: Job, share: float) -> None:
        if ending.is_set():
            raise StoppedError  # between two tiles, since nobody waits for the rest of the image
        bar.show_share(job, share)

    stages = replace(stages, watch=show_share)
    run = in_turn if _takes_all_processors(stages.restorer.device) else overlap
    stop = StopRequest()
    with stop.listening(), closing(bar), closing(run(jobs, stages.read, stages.work, stages.write, ending)) as results:
        try:
            with stop.interrupting():
                for job, result in results:
                    outcomes.append(_outcome(job, result, plan, outcomes))
                    watch(outcomes[-1], job.shown)
                    job.shown = None  # so that the pixels of no other image are kept
                    bar.update()
        except StopAsked:
            done = _count_done(outcomes)
            text = f"asked to stop; {done} of {len(plan.pairs)} images are done"
            raise Preempted(text if plan.single else f"{text}, and the same command goes on") from None
    return outcomes


def _takes_all_processors(device: torch.device) -> bool:
    """Whether a network has no processor to spare for reading and writing."""
    return device.type == "cpu" and torch.get_num_threads() >= usable_processors()


class _Bar:
    """The progress of all images; of a single one, that of its tiles, if it is restored in any."""

    def __init__(self, total: int, done: int, show: bool, single: bool) -> None:
        self._single, self._show = single, show
        self._lock = threading.Lock()
        self._bar = None if single else progress_bar(total=total, title="restoring", unit="image", done=done, show=show)

    def update(self) -> None:
        """One more image is done."""
        if self._bar is not None and not self._single:
            self._bar.set_postfix_str("", refresh=False)
            self._bar.update()

    def show_share(self, job: Job, share: float) -> None:
        """So much of an image is done."""
        with self._lock:
            if self._bar is None:
                self._bar = progress_bar(total=100, title=f"restoring {job.source.name}", unit="%", show=self._show)
            if self._single:
                self._bar.update(int(100 * share) - self._bar.n)
            else:
                self._bar.set_postfix_str(f"{share:.0%} of {job.source.name}", refresh=False)

    def close(self) -> None:
        """Ends it."""
        if self._bar is not None:
            self._bar.close()


def _count_done(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.status != "failed" for outcome in outcomes)


def _outcome(job: Job, result: Outcome | Exception, plan: Plan, before: Sequence[Outcome]) -> Outcome:
    if isinstance(result, Outcome):
        return result
    if isinstance(result, OSError):
        done = "" if plan.single else f"; {_count_done(before)} of {len(plan.pairs)} images were done"
        raise UserError(f"{job.target}: cannot be written ({result.strerror or result}){done}") from result
    if isinstance(result, UserError) and not plan.single:
        return job.failed(result)
    raise result


def _require_known(restorer: BaseRestorer, types: Sequence[str]) -> None:
    if not types:
        return
    if not restorer.classes:
        raise UserError("these weights have no classifier, which is what tells types of damage")
    known = [name for name in restorer.classes if name != CLEAN]
    for name in types:
        if name not in known:
            raise UserError(f"these weights know no damage called {name!r}{nearest(name, known)}")
