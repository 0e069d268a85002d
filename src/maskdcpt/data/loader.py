"""Batches in order, prepared by worker processes ahead of their use."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from multiprocessing import active_children
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize

import torch
from torch.utils.data import DataLoader

from maskdcpt.data.config import DataConfig
from maskdcpt.data.crops import Batch, DegradedCrops, Fault, stack
from maskdcpt.data.mix import TrainingData
from maskdcpt.errors import UserError
from maskdcpt.parallel import prepare_worker
from maskdcpt.signals import starting_workers

STARTS = 3
"""How often workers are started, and end, without making a batch, before the run gives up."""


GRACE = 1.0
"""Seconds to wait for the end of a process whose connection has broken."""


def training_batches(
    data: TrainingData, config: DataConfig, *, batches: Sequence[Sequence[int]], seed: int
) -> Generator[Batch, None, None]:
    """Yields the given batches, in order.

    A worker that the system ends, as it does when memory is short, is replaced: the batches are the same as without,
    and the next one reports it among its faults.

    Args:
        data: Images or pairs.
        config: What is made of them.
        batches: Numbers of the samples of each batch, from where training stands to its end.
        seed: Seed of the run.

    Raises:
        UserError: If one image after another cannot be read, or one worker after another is ended.
    """
    samples = DegradedCrops(data, config, seed)
    done, starts, faults = 0, 0, list[Fault]()
    while done < len(batches):
        left = (list(batches[number]) for number in range(done, len(batches)))
        try:
            for batch in _load(samples, left, config):
                yield batch._replace(faults=(*faults, *batch.faults))
                done, starts, faults = done + 1, 0, []
        except _WorkerEndedError as ended:
            starts += 1
            faults.append(Fault(int(batches[done][0]), "", "", str(ended)))
            if starts == STARTS:
                raise UserError(
                    f"data: {STARTS} times without a batch in between: {ended}; memory is probably short: lower "
                    f"data.workers ({config.workers}), data.prefetch ({config.prefetch}) or the batch"
                ) from None


class _WorkerEndedError(Exception):
    """A data worker ended that nobody had asked to."""


def _load(samples: DegradedCrops, batches: Iterable[list[int]], config: DataConfig) -> Iterator[Batch]:
    loader = DataLoader(
        samples,
        batch_sampler=batches,
        num_workers=config.workers,
        prefetch_factor=config.prefetch if config.workers else None,
        collate_fn=_stack_to_hand_over if config.workers else stack,
        # A forked process inherits locks of threads that it does not have, and OpenCV's then never open again.
        multiprocessing_context="spawn" if config.workers else None,
        worker_init_fn=_start_worker,
        # The loader draws a base seed for its workers from this; without it the draw would touch global state.
        generator=torch.Generator().manual_seed(0),
    )
    before = set(active_children())
    with _undisturbed() if config.workers else nullcontext():
        iterator = iter(loader)
    workers = set(active_children()) - before
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except UserError as error:
            # A worker's exception arrives wrapped in its traceback, whose last line is the message.
            raise UserError(str(error).splitlines()[-1].removeprefix("maskdcpt.errors.UserError: ")) from None
        except (RuntimeError, OSError, EOFError):
            ready = wait([worker.sentinel for worker in workers], timeout=GRACE)
            ended = [worker for worker in workers if worker.sentinel in ready]
            if not ended:
                raise
            raise _WorkerEndedError(_how_ended(ended[0])) from None
        yield batch


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps workers that are started in the block, and the end of one, from interrupting anything by a signal."""
    # The loader would have the end of a worker raise an exception wherever the main thread is, in the middle of an
    # optimiser step too. It also notices when it waits for a batch, and there it can be made up for.
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        with starting_workers():
            yield
    finally:
        if main:
            signal.signal(signal.SIGCHLD, handler)


def _how_ended(worker: BaseProcess) -> str:
    worker.join()  # its files are closed a moment before it has an exit code
    code = worker.exitcode or 0
    if code >= 0:
        return f"data worker ended with exit code {code}"
    return f"data worker ended by signal {-code} ({signal.Signals(-code).name})"


def _stack_to_hand_over(samples: Sequence[Batch]) -> Batch:
    """Stacks samples in memory that the main process sees too."""
    batch = stack(samples)
    try:
        # Else a thread would do it as it hands the batch over, and one that fails there is lost: nobody learns of it,
        # and the main process waits for it for ever.
        for tensor in batch[:4]:
            tensor.share_memory_()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        size = sum(tensor.nbytes for tensor in batch[:4]) / 2**20
        raise UserError(
            f"data: no shared memory for a batch of {size:.1f} MiB ({str(error).splitlines()[0]}); make /dev/shm "
            "larger (docker run --shm-size), lower data.workers or data.prefetch, or do without by data.workers = 0"
        ) from None
    return batch


def _start_worker(_: int) -> None:
    prepare_worker()
    # A worker that ends before its batches are fetched has a thread that hands them over. Were the interpreter taken
    # apart under it, as usual at the end of a process, C++ would end the process with a complaint of its own.
    Finalize(None, os._exit, args=(0,), exitpriority=-100)  # after all else that is to be done at the end
