"""Teaching a network that restores to name damage, by statistics of its features.

The network is left as it is and sees each sample once; what it shows of it is kept, a few thousand numbers. On these a
small classifier learns in minutes, over many epochs. So the names of damage cost little beside training for
restoration, and can never change how a network restores.
"""

from __future__ import annotations

from pathlib import Path

import torch

from maskdcpt.data import training_data
from maskdcpt.devices import find_device
from maskdcpt.errors import UserError
from maskdcpt.files import write_json
from maskdcpt.pretraining import RestorationModel, load_model
from maskdcpt.pretraining.statistics import build_statistics
from maskdcpt.progress import say_above_bar
from maskdcpt.seeds import derive_seed
from maskdcpt.signals import StopAsked, StopRequest, preempted
from maskdcpt.training.checkpoint import load_state, newest_checkpoint, save_checkpoint
from maskdcpt.training.classifier_config import ClassifierFitConfig
from maskdcpt.training.learner import Learner, share_named
from maskdcpt.training.run import open_run, require_apart
from maskdcpt.training.shown import show

ACCURACY = "accuracy.json"
"""File that says how many of the samples kept aside are named rightly."""

SAVE_EVERY = 10
"""Epochs from one checkpoint to the next."""


def fit_classifier(config: ClassifierFitConfig, folder: Path) -> Path:
    """Learns a classifier of the features of a network, or goes on with a run that was interrupted.

    Args:
        config: What to do.
        folder: Folder of the run.

    Returns:
        The folder of the weights: the network, unchanged, with the classifier.

    Raises:
        UserError: If the configuration, the weights, the data, the machine or the folder does not allow it.
        Preempted: If the process was asked to stop; what is done is kept.
    """
    if config.init is None:
        raise UserError("init: the weights are missing whose features are to be read; name a folder by --init")
    require_apart(folder, config.data)
    device = find_device(config.fit.device)
    backbone, _ = load_model(config.init)
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("classifier", config.fit.seed))
        multi_label = config.data.labels == "multi"
        classifier = build_statistics(backbone, config.data.classes, config.statistics, multi_label)
    model, learner, stop = RestorationModel(backbone, classifier), Learner(classifier, config.fit), StopRequest()
    data = training_data(config.data)
    with open_run(folder, config, data.names), stop.listening():
        found = newest_checkpoint(folder, say_above_bar)
        if found is not None:
            learner.load(load_state(found))
            if learner.done:
                return found
        try:
            shown = show(config, folder, data, backbone.eval(), classifier, device, stop)
        except StopAsked:
            raise preempted(folder) from None
        aside = config.fit.kept_aside
        learned, tested = shown.part(aside), shown.part(0, aside)
        for epoch in learner.learn(learned):
            if learner.done:
                shares = {
                    name: share_named(classifier, part) for name, part in (("learned", learned), ("aside", tested))
                }
                write_json(folder / ACCURACY, {"samples": aside, **shares})
            if learner.done or stop.received or epoch % SAVE_EVERY == 0:
                found = save_checkpoint(folder, epoch, model, learner.state())
            if not learner.done:
                stop.raise_if_received(folder)
        assert found is not None
        return found
