"""Batches in order, prepared by worker processes ahead of their use."""

from __future__ import annotations

from collections.abc import Generator

import cv2
import torch
from torch.utils.data import DataLoader

from maskdcpt.allocator import keep_freed_memory
from maskdcpt.data.config import DataConfig
from maskdcpt.data.crops import Batch, DegradedCrops
from maskdcpt.data.sources import CleanImages, EmbeddedImages, FolderImages
from maskdcpt.errors import UserError


def training_images(config: DataConfig) -> CleanImages:
    """The clean images that a configuration names.

    Raises:
        UserError: If its folder is missing or has no images.
    """
    return FolderImages(config.folder) if config.folder else EmbeddedImages("train")


def training_batches(
    images: CleanImages, config: DataConfig, *, batch: int, steps: range, seed: int
) -> Generator[Batch, None, None]:
    """Yields the batches of the given steps.

    Args:
        images: Clean images.
        config: What is made of them.
        batch: Images per step.
        steps: Numbers of the steps, from where training stands to its end.
        seed: Seed of the run.

    Raises:
        UserError: If an image cannot be read.
    """
    loader = DataLoader(
        DegradedCrops(images, config, seed),
        batch_size=batch,
        sampler=range(steps.start * batch, steps.stop * batch),
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
        # A forked process inherits locks of threads that it does not have, and OpenCV's then never open again.
        multiprocessing_context="spawn" if config.workers else None,
        worker_init_fn=prepare_worker,
        # The loader draws a base seed for its workers from this; without it the draw would touch global state.
        generator=torch.Generator().manual_seed(0),
    )
    try:
        yield from loader
    except UserError as error:
        # A worker's exception arrives wrapped in its traceback, whose last line is the message.
        raise UserError(str(error).splitlines()[-1].removeprefix("maskdcpt.errors.UserError: ")) from None


def prepare_worker(_: int) -> None:
    """Lets a process make samples beside others and beside training."""
    keep_freed_memory()
    # Workers run beside the training step; more threads each would only compete with it.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
