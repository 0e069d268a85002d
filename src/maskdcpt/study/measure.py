"""Measures a network of a study on its tests, and asks its features for the type of damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from maskdcpt import metrics
from maskdcpt.backbones import Backbone
from maskdcpt.config import from_dict
from maskdcpt.errors import UserError, naming
from maskdcpt.evaluation.probe import Probe, probe
from maskdcpt.evaluation.probe_samples import ProbeProtocol, chosen_images
from maskdcpt.inference import Restorer
from maskdcpt.metrics.piqe import piqe
from maskdcpt.study.cases import Case, cases, count_cases, images_identity, some_images
from maskdcpt.study.recipe import StudyConfig
from maskdcpt.study.rows import ENTERING, FINAL, StudyRow
from maskdcpt.training import FinetuneConfig

VERSION = 3
"""Grows with every change that may change a number; what was measured before is measured anew then."""


class Measuring(NamedTuple):
    """What all networks of a study are measured on."""

    study: StudyConfig
    """The study."""
    root: Path | None
    """Folder that its test images are in."""
    types: tuple[str, ...]
    """Types of damage that networks are trained on, unless their arm says otherwise."""
    images: str
    """Hash of what the test images are."""

    @classmethod
    def of(cls, study: StudyConfig, root: Path | None) -> Measuring:
        """Finds the test images.

        Args:
            study: The study.
            root: Folder that its test images are in.

        Raises:
            UserError: If images are missing, or are not what the probe needs.
        """
        # Those of the study, whatever an arm trains on, for all arms are measured alike.
        types = from_dict(FinetuneConfig, study.finetune, where="finetune").data.types
        measuring = cls(study, root, types, images_identity(study, root))
        for test in study.tests:
            with naming(f"tests, {test.name}"):
                if not count_cases(test, root, measuring.types):
                    raise UserError("nothing to measure is there")
        with naming("probe"):
            measuring._require_probe()
        return measuring

    @property
    def probe(self) -> ProbeProtocol:
        """What features are asked.

        Raises:
            UserError: If it cannot be asked of these types.
        """
        return ProbeProtocol("study", self.types, self.study.probe.samples, self.study.probe.crop)

    def _require_probe(self) -> None:
        wanted, clean = self.probe, some_images(self.root, self.study.probe.folders)
        if len(clean.names) < wanted.samples:
            raise UserError(f"samples is {wanted.samples}, and its folders hold {len(clean.names)} images")
        for index in chosen_images(wanted, len(clean.names)):
            height, width = clean[index].shape[-2:]
            if min(height, width) < wanted.side:
                raise UserError(f"crop is {wanted.side}, and {clean.names[index]} has {width} x {height} pixels")

    @property
    def identity(self) -> dict[str, object]:
        """All that results depend on besides the network, as plain values."""
        return {
            "version": VERSION,
            "types": list(self.types),
            "images": self.images,
            "tests": [repr(test) for test in self.study.tests],
            "probe": repr(self.study.probe),
        }


def measure_network(
    measuring: Measuring, run: tuple[str, str, int], stage: str, restorer: Restorer | None
) -> Iterator[StudyRow]:
    """Measures a network, or the damaged images as they are.

    Args:
        measuring: On what.
        run: Network, arm and seed.
        stage: ``entering`` for the tests that are made then, or ``final`` for all.
        restorer: The network; None for the damaged images.

    Raises:
        UserError: If an image cannot be read, or the network's output is not finite.
    """
    for test in measuring.study.tests:
        if stage == FINAL or test.entering:
            for case in cases(test, measuring.root, measuring.types):
                with naming(f"{test.name}, {case.image}"):
                    yield _measure(run, stage, test.name, case, restorer)


def probe_network(measuring: Measuring, network: Backbone) -> float:
    """Share of damaged images that logistic regression on features of a network names rightly.

    Raises:
        UserError: If there are too few images, or one cannot be read.
    """
    clean = some_images(measuring.root, measuring.study.probe.folders)
    _, (found,) = probe(measuring.probe, {"network": network}, clean, kinds=("pooled",), device=torch.device("cpu"))
    return float(np.mean(found.scores[Probe("linear", "pooled")].accuracies))


def _measure(run: tuple[str, str, int], stage: str, test: str, case: Case, restorer: Restorer | None) -> StudyRow:
    restored, named = case.degraded, ""
    if restorer is not None:
        found = restorer.restore_pixels(case.degraded, classify=restorer.classifier is not None)
        restored, named = found.pixels, next(iter(found.types), "")
    score = None if case.clean is None else metrics.psnr(restored, case.clean).item()
    return StudyRow(
        *run,
        stage=stage,
        test=test,
        group=case.group,
        image=case.image,
        level=case.level,
        named=named,
        psnr=score,
        ssim=None if case.clean is None else metrics.ssim(restored, case.clean).item(),
        piqe=piqe(restored).item() if case.clean is None else None,
    )


def stages(pretrained: bool) -> Sequence[str]:
    """The stages that a run is measured at."""
    return (ENTERING, FINAL) if pretrained else (FINAL,)
