"""A built data set in an object store, or anywhere else that fsspec reaches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import fsspec

from maskdcpt.corpus.begun import BUILD, DATA, QUARANTINE, RECIPE, SHARDS
from maskdcpt.corpus.card import CARD, GALLERY
from maskdcpt.corpus.manifest import MANIFEST
from maskdcpt.errors import UserError
from maskdcpt.files import file_sha256
from maskdcpt.progress import progress_bar

HASHES = ".sha256"
"""Folder beside the copies with the hash of each, written after it: what is there without one was interrupted."""


class CopyReport(NamedTuple):
    """What became of a data set."""

    files: int
    """Files in all."""
    copied: int
    """Those that were copied now."""
    bytes: int
    """Their size."""


def copy_to(source: Path, url: str, *, progress: bool = True, alive: Callable[[], object] = lambda: None) -> CopyReport:
    """Copies a built data set; what is there already, whole and the same, is kept.

    Args:
        source: Folder of the data set.
        url: Where to, such as ``s3://bucket/uir-2.5m``; what fsspec needs for the protocol has to be installed, and
            keys are taken from where its library finds them.
        progress: Whether to show a bar.
        alive: Called now and then; what it raises ends the work.

    Raises:
        UserError: If there is no finished data set, or the place cannot be written to.
    """
    files = _files(source)
    copied = size = 0
    try:
        system, root = fsspec.core.url_to_fs(url)
        with progress_bar(total=len(files), title="copying", unit="file", show=progress) as bar:
            for path in files:
                alive()
                name = path.relative_to(source).as_posix()
                digest = file_sha256(path)
                if not _is_there(system, root, name, path.stat().st_size, digest):
                    system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
                    system.put_file(str(path), f"{root}/{name}")
                    system.makedirs(f"{root}/{HASHES}/{name}".rpartition("/")[0], exist_ok=True)
                    system.pipe_file(f"{root}/{HASHES}/{name}", digest.encode())
                    copied += 1
                    size += path.stat().st_size
                bar.update()
    except (ImportError, OSError, ValueError) as error:
        raise UserError(f"{url}: cannot be written to ({' '.join(str(error).split())[:200]})") from None
    return CopyReport(len(files), copied, size)


def _files(source: Path) -> list[Path]:
    named = (CARD, GALLERY, RECIPE, BUILD, QUARANTINE, str(MANIFEST), SHARDS)
    shards = sorted((source / DATA).glob("*.parquet"))
    missing = [name for name in named if not (source / name).is_file()]
    if missing or not shards:
        raise UserError(f"{source}: no finished data set here ({missing[0] if missing else DATA} is missing)")
    return [*shards, *(source / name for name in named)]


def _is_there(system: Any, root: str, name: str, size: int, digest: str) -> bool:
    try:
        noted = system.cat_file(f"{root}/{HASHES}/{name}")
        return bool(noted == digest.encode() and system.size(f"{root}/{name}") == size)
    except FileNotFoundError:
        return False
