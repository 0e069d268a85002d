"""Restoring files: one, or all of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from maskdcpt.errors import naming
from maskdcpt.images import BatchReport, pair_files, read_image, refuse_existing, work_through, write_image
from maskdcpt.inference.restorer import Restorer


class _Job(NamedTuple):
    source: Path
    target: Path


def restore_files(
    restorer: Restorer, source: Path, target: Path, force: bool = False, progress: bool = True
) -> BatchReport:
    """Restores a file, or all images in and below a folder under the same names.

    A file that cannot be restored does not stop the rest of a folder. Every image that has been written is whole,
    whatever happens later.

    Args:
        restorer: The network.
        source: An image or a folder.
        target: For an image its restored file, or an existing folder to put it in; for a folder the folder that
            mirrors it, made where missing.
        force: Whether to replace files that exist.
        progress: Whether to show a progress bar on standard error for a folder.

    Raises:
        UserError: Before any work: if there is nothing to restore, source and target overlap, the target's suffix is
            no image format's, or files exist and ``force`` is not set. For a single file, if it cannot be restored.
            Whenever the disk is full or the target cannot be written; then the message says how far it got.
    """
    jobs = [_Job(*pair) for pair in pair_files(source, target)]
    if not force:
        refuse_existing([job.target for job in jobs])

    def restore(job: _Job) -> Iterable[str]:
        picture = read_image(job.source)
        job.target.parent.mkdir(parents=True, exist_ok=True)  # before the network's work, which would be lost
        with naming(job.source):
            restored = restorer.restore(picture.pixels)
        write_image(restored, job.target, like=picture)
        return [f"{job.source}: {note}" for note in picture.notes]

    return work_through(jobs, restore, title="restoring", single=not source.is_dir(), progress=progress)
