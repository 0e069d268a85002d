"""From a model and a loss to a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from maskdcpt.data import training_batches, training_data
from maskdcpt.pretraining import PretrainingModel, RestorationModel
from maskdcpt.seeds import derive_seed
from maskdcpt.training.config import FinetuneConfig, PretrainConfig
from maskdcpt.training.engine import launch
from maskdcpt.training.run import open_run, require_apart
from maskdcpt.training.trainer import Minimised, Trainer
from maskdcpt.training.validation import NONE, ValidationConfig, open_validation

SAMPLES = {PretrainConfig: "pre-training", FinetuneConfig: "fine-tuning"}
"""What the samples of each kind of training are drawn for, so that the two never see the same."""


def train(
    folder: Path,
    config: PretrainConfig | FinetuneConfig,
    model: PretrainingModel | RestorationModel,
    minimised: Minimised,
    *,
    title: str,
    unused: bool = False,
) -> Path:
    """Trains a model, or goes on with a run that was interrupted; every process calls this.

    Args:
        folder: Folder of the run.
        config: What to do, as it is to be recorded.
        model: With its initial weights.
        minimised: The loss.
        title: What the progress bar is called.
        unused: Whether some parameters get no gradient.

    Returns:
        The last checkpoint.

    Raises:
        UserError: If the data, the machine or the folder does not allow it, or training fails.
        Preempted: If the process was asked to stop.
    """
    require_apart(folder, config.data)
    data = training_data(config.data)
    fabric = launch(config.train, unused=unused)
    with _opened(fabric, folder, config, data.names):
        measured = config.validation if isinstance(config, FinetuneConfig) else ValidationConfig(protocol=NONE)
        trainer: Trainer[Any] = Trainer(
            folder,
            config.train,
            config.data,
            fabric,
            model,
            title=title,
            validation=open_validation(folder, measured),
            every=measured.every,
        )
        seed = derive_seed(SAMPLES[type(config)], config.train.seed)
        batches = training_batches(data, config.data, batches=trainer.sample_numbers(), seed=seed)
        with closing(batches):
            return trainer.fit(batches, minimised)


@contextmanager
def _opened(
    fabric: Fabric, folder: Path, config: PretrainConfig | FinetuneConfig, names: Sequence[str]
) -> Iterator[None]:
    # One process opens the folder; the others go on when it has.
    if fabric.is_global_zero:
        with open_run(folder, config, names):
            fabric.barrier()
            yield
    else:
        fabric.barrier()
        yield
