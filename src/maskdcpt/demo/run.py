"""What the demo does, in order. Training resumes, so an interrupted demo goes on where it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from maskdcpt.config import from_dict, read_toml
from maskdcpt.data import EmbeddedImages
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.evaluation import INPUT, Row, types_of
from maskdcpt.files import write_csv
from maskdcpt.images import write_image
from maskdcpt.inference import BatchOptions, Restorer, restore_files
from maskdcpt.recipes import find_recipe
from maskdcpt.seeds import derive_seed
from maskdcpt.training import FinetuneConfig, PretrainConfig, finetune, pretrain
from maskdcpt.training.validation import RESTORED, read_validation

SCRATCH = "from scratch"
PRETRAINED = "pre-trained"


class DemoResult(NamedTuple):
    """What the report is made of."""

    pretraining: Path
    """Run folder."""
    finetuning: Path
    """Run folder of fine-tuning after pre-training."""
    scratch: Path
    """Run folder of the same network trained from scratch for as many steps in all."""
    rows: list[Row]
    """Results on images that neither has seen."""
    side: int
    """Side of the middle parts of those that were measured, in pixels."""
    damaged: Path
    """Folder of damaged sample photos."""
    restored: Path
    """Folder of the same restored."""


def run_demo(out: Path, preset: str, data: Path | None, say: Callable[[str], None]) -> DemoResult:
    """Runs all that is trained, and measures it.

    Args:
        out: Folder for all that is made.
        preset: Name of the recipes for pre-training and fine-tuning.
        data: Folder of clean images to train on, or None for the embedded ones. Testing is on embedded ones.
        say: Takes a line of progress.

    Raises:
        UserError: If a part cannot run.
    """
    first, second, alone = _configs(preset, data, out / "pretrain")
    folders = (out / "pretrain", out / "finetune", out / "scratch")

    say(f"1/4 pre-training: {first.train.steps} steps, half of the patches hidden")
    pretrain(first, folders[0])
    say(f"2/4 fine-tuning the pre-trained network: {second.train.steps} steps, and measuring it on unseen images")
    tuned = finetune(second, folders[1])
    say(f"3/4 the same network from scratch: {alone.train.steps} steps, as many as both together, measured alike")
    finetune(alone, folders[2])
    rows = _rows({SCRATCH: folders[2], PRETRAINED: folders[1]})
    write_csv(out / "rows.csv", Row, rows)

    say("4/4 restoring sample photos")
    damaged, restored = out / "photos" / "damaged", out / "photos" / "restored"
    _damage_photos(damaged, types_of(rows))
    restore_files(Restorer.from_pretrained(tuned), damaged, restored, BatchOptions(force=True, leave_clean=False))
    return DemoResult(*folders, rows, second.validation.crop, damaged, restored)


def _rows(runs: dict[str, Path]) -> list[Row]:
    """What the last validation of runs has found; the damaged input, the same for all, once."""
    found = {arm: list(read_validation(folder).values())[-1] for arm, folder in runs.items()}
    rows = [row for row in next(iter(found.values())) if row.arm == INPUT]
    for arm, measured in found.items():
        rows += [dataclasses.replace(row, arm=arm) for row in measured if row.arm == RESTORED]
    return rows


def _configs(
    preset: str, data: Path | None, pretraining: Path
) -> tuple[PretrainConfig, FinetuneConfig, FinetuneConfig]:
    path = find_recipe("pretrain", preset)
    first = from_dict(PretrainConfig, read_toml(path), where=str(path))
    path = find_recipe("finetune", preset)
    second = from_dict(FinetuneConfig, read_toml(path), where=str(path))
    if data is not None:
        first = dataclasses.replace(first, data=dataclasses.replace(first.data, folder=str(data)))
        second = dataclasses.replace(second, data=dataclasses.replace(second.data, folder=str(data)))
    total = dataclasses.replace(second.train, steps=first.train.steps + second.train.steps)
    alone = dataclasses.replace(second, backbone=first.backbone, train=total)
    return first, dataclasses.replace(second, init=str(pretraining)), alone


def _damage_photos(folder: Path, types: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    photos = EmbeddedImages("test", generated=0)
    for index, name in enumerate(photos.names):
        for type_name in types:
            levels = CATALOGUE[type_name].levels
            level = levels[len(levels) * 2 // 3]
            image = apply(photos[index], level, seed=derive_seed("demo", name, type_name))
            write_image(image, folder / f"{name}-{type_name}.png")
