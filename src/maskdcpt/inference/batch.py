"""Restoring files: one, or all of a folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from maskdcpt.errors import UserError, naming
from maskdcpt.images import format_of, list_images, read_image, write_image
from maskdcpt.inference.restorer import Restorer
from maskdcpt.progress import progress_bar


@dataclass(frozen=True)
class BatchReport:
    """What became of the files."""

    written: tuple[Path, ...]
    """Restored images, in order."""
    failures: tuple[str, ...]
    """Why other files of the folder could not be restored, a line each, which names the file."""
    notes: tuple[str, ...]
    """What reading has dropped or approximated, a line each, which names the file."""
    seconds: float
    """How long it took."""


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
    start = time.perf_counter()
    pairs = _plan(source, target, force)
    written: list[Path] = []
    failures: list[str] = []
    notes: list[str] = []
    bar = progress_bar(total=len(pairs), title="restoring", unit="image", show=progress and source.is_dir())
    with bar:
        for original, restored in pairs:
            try:
                notes += _restore_file(restorer, original, restored)
                written.append(restored)
            except UserError as error:
                if not source.is_dir():
                    raise
                failures.append(str(error))
            except OSError as error:
                done = f"; {len(written)} of {len(pairs)} images were done" if source.is_dir() else ""
                raise UserError(f"{restored}: cannot be written ({error.strerror}){done}") from None
            bar.update()
    return BatchReport(tuple(written), tuple(failures), tuple(notes), time.perf_counter() - start)


def _plan(source: Path, target: Path, force: bool) -> list[tuple[Path, Path]]:
    if source.is_dir():
        if target.exists() and not target.is_dir():
            raise UserError(f"{target}: a folder of images needs a folder to go to, and this is a file")
        here, there = source.resolve(), target.resolve()
        if here == there or here in there.parents or there in here.parents:
            raise UserError(f"{target}: the restored images need a folder apart from {source}")
        pairs = [(path, target / path.relative_to(source)) for path in list_images(source)]
    else:
        if not source.exists():
            raise UserError(f"{source}: no such file or folder")
        target = target / source.name if target.is_dir() else target
        format_of(target)
        if target.exists() and target.samefile(source):
            raise UserError(f"{target}: the restored image needs a file of its own, and this is the original")
        pairs = [(source, target)]
    existing = [path for _, path in pairs if path.exists()]
    if existing and not force:
        raise UserError(f"{len(existing)} of {len(pairs)} files exist, {existing[0]} the first; --force replaces them")
    return pairs


def _restore_file(restorer: Restorer, source: Path, target: Path) -> list[str]:
    picture = read_image(source)
    target.parent.mkdir(parents=True, exist_ok=True)  # before the network's work, which would be lost
    with naming(source):
        restored = restorer.restore(picture.pixels)
    write_image(restored, target, like=picture)
    return [f"{source}: {note}" for note in picture.notes]
