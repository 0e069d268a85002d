"""``maskdcpt bench``: what networks, degradations, training, data sets and restoring cost on this machine."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

from maskdcpt import __version__
from maskdcpt.backbones.presets import FAMILIES
from maskdcpt.benchmarks import (
    FULL,
    FULL_DATA,
    FULL_DEGRADATIONS,
    FULL_RESTORE,
    FULL_TRAINING,
    QUICK,
    QUICK_DATA,
    QUICK_DEGRADATIONS,
    QUICK_RESTORE,
    QUICK_TRAINING,
    bench_backbones,
    bench_data,
    bench_degradations,
    bench_restore,
    bench_training,
)
from maskdcpt.cli.arguments import parse
from maskdcpt.cli.recipe import DEFAULT
from maskdcpt.config import from_dict, read_toml
from maskdcpt.degradations import CATALOGUE
from maskdcpt.devices import find_device
from maskdcpt.errors import UserError
from maskdcpt.recipes import find_recipe
from maskdcpt.training import PretrainConfig


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measures what networks, degradations, training, data sets or restoring cost here; prints tables in Markdown."""

    subject: tyro.conf.Positional[
        Annotated[Literal["backbones", "degradations", "training", "data", "restore"], tyro.conf.arg(metavar="SUBJECT")]
    ]
    """What is measured: backbones, degradations, training, data or restore."""
    names: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Networks, or types of degradation; all without it."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Less of it. Networks: smaller images and no large one, within five minutes on two cores. Degradations: fewer
    rounds and no race of data workers. Training: one short run of each kind, within two minutes. Data: fewer pairs,
    within two minutes instead of eight. Restore: a small photo, fewer files, and no photo of 24
    megapixels, within two minutes instead of fifteen."""
    compiled: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measures compiled networks as well; compiling takes a C++ compiler and minutes for each."""
    preset: Annotated[str | None, tyro.conf.arg(metavar="RECIPE")] = None
    """For training, the recipe of pre-training that is measured: a preset, or the path of a TOML file."""
    photos: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """For data, clean images that pairs are made of; without it the embedded ones."""
    device: str | None = None
    """For networks and training cpu, cuda or mps; auto, as without it, is CUDA where present, else the CPU."""


USED = {
    "backbones": ("names", "compiled", "device"),
    "restore": ("compiled",),
    "degradations": ("names",),
    "training": ("preset", "device"),
    "data": ("photos",),
}
"""Options besides ``quick`` that a subject looks at."""

BACKBONE_NOTES = """\
Every number but GFLOP, s and MiB is a ratio within this run. Of matrix rate: floating-point operations per second as a
share of what a product of 2048 x 2048 matrices in float32 reaches. All other ratios are times, or peaks of memory, over
those of the plain float32 network in channels-last layout: below 1 is less; - was not measured (bfloat16: the machine
multiplies it no faster than float32; compiled: with --compiled alone)."""

TRAINING_NOTES = """\
Workers are processes that prepare data; with none of them the step waits until its images are made. A training step is
all from the images to the new weights and their running mean, never compiled; what it is compared with restores images,
with nothing hidden and no classifier, and takes turns with it. Processes share the batch and start by torchrun."""

DATA_NOTES = """\
Pairs in the make-up of UIR-2.5M, all made by the engine from clean images, compressed, hashed and written, as by
`maskdcpt data build`. One worker makes the same pairs as two right after it; every ratio is a median over laps.
Decoding: from the bytes of both files in memory to tensors; reading adds everything from the number of a pair to these
bytes. Clean images are not judged here, which a build does once for each."""

RESTORE_NOTES = """\
Ways take turns, and times are the shortest of each; ratios are within this run. Peak: memory that a process of its own
takes for one photo beside the network and the photo. Part by part and fused are what tiles are restored by, with the
most memory that leads to them. All compute in float32 but where they say otherwise, and are compared with the whole
image in one piece: 60 dB are differences of a quarter of a step of 8 bits."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt bench")
    _refuse_unused(options)
    if options.subject == "degradations":
        plan = QUICK_DEGRADATIONS if options.quick else FULL_DEGRADATIONS
        return _print(bench_degradations(options.names or CATALOGUE.names, plan), torch.device("cpu"))
    if options.subject == "data":
        lines = bench_data(QUICK_DATA if options.quick else FULL_DATA, options.photos)
        return _print(lines, torch.device("cpu"), DATA_NOTES)
    if options.subject == "restore":
        lines = bench_restore(QUICK_RESTORE if options.quick else FULL_RESTORE, options.compiled)
        return _print(lines, torch.device("cpu"), RESTORE_NOTES)
    if options.subject == "training":
        config = _recipe(options)
        lines = bench_training(config, QUICK_TRAINING if options.quick else FULL_TRAINING)
        return _print(lines, find_device(config.train.device), TRAINING_NOTES)
    device = find_device(options.device or "auto")
    size = (QUICK if options.quick else FULL)._replace(compiled=options.compiled)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # float32 means float32
    return _print(bench_backbones(options.names or tuple(FAMILIES), size, device), device, BACKBONE_NOTES)


def _refuse_unused(options: Options) -> None:
    for field in fields(Options):
        users = [subject for subject, names in USED.items() if field.name in names]
        if users and options.subject not in users and getattr(options, field.name) != field.default:
            raise UserError(f"--{field.name}: bench {options.subject} has no use for it, only {' and '.join(users)}")


def _recipe(options: Options) -> PretrainConfig:
    path = find_recipe("pretrain", options.preset or DEFAULT)
    values: dict[str, Any] = read_toml(path)
    if options.device is None:
        return from_dict(PretrainConfig, values, where=str(path))
    values["train"] = {**values.get("train", {}), "device": options.device}
    return from_dict(PretrainConfig, values, where=f"{path} with --device {options.device}")


def _print(lines: Iterator[str], device: torch.device, notes: str = "") -> int:
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"maskdcpt {__version__}, torch {torch.__version__}, {device}: {where}, {torch.get_num_threads()} threads.")
    print("", *([notes, ""] if notes else []), sep="\n", flush=True)
    for line in lines:
        print(line, flush=True)
    return 0
