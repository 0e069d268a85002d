"""A fair comparison of ways to train: the same networks, data and cost, several seeds, and what came of it."""

from maskdcpt.study.measure import Measuring
from maskdcpt.study.plan import Run, choose, plan_runs
from maskdcpt.study.recipe import StudyConfig, read_study
from maskdcpt.study.run import StudyOutcome, run_study, steps_done, steps_wanted

__all__ = [
    "Measuring",
    "Run",
    "StudyConfig",
    "StudyOutcome",
    "choose",
    "plan_runs",
    "read_study",
    "run_study",
    "steps_done",
    "steps_wanted",
]
