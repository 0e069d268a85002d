"""Much work on the processors of one machine."""

from maskdcpt.parallel.pool import AHEAD, HERE, POLL, STARTS, Pool, Processes, ended_by_the_system
from maskdcpt.parallel.process import one_thread, prepare_worker, usual_workers

__all__ = [
    "AHEAD",
    "HERE",
    "POLL",
    "STARTS",
    "Pool",
    "Processes",
    "ended_by_the_system",
    "one_thread",
    "prepare_worker",
    "usual_workers",
]
