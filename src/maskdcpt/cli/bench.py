"""``maskdcpt bench``: what networks and degradations cost on this machine."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import tyro

from maskdcpt import __version__
from maskdcpt.backbones.presets import FAMILIES
from maskdcpt.benchmarks import (
    FULL,
    FULL_DEGRADATIONS,
    QUICK,
    QUICK_DEGRADATIONS,
    bench_backbones,
    bench_degradations,
)
from maskdcpt.cli.arguments import parse
from maskdcpt.degradations import CATALOGUE
from maskdcpt.devices import find_device


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measures what networks or degradations cost on this machine, and prints tables in Markdown."""

    subject: tyro.conf.Positional[Annotated[Literal["backbones", "degradations"], tyro.conf.arg(metavar="SUBJECT")]]
    """What is measured: backbones or degradations."""
    names: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Networks, or types of degradation; all without it."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Less of it: smaller images and no large one, within five minutes on two cores; no race of data workers."""
    compiled: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measures compiled networks as well; compiling takes a C++ compiler and minutes for each."""
    device: str = "auto"
    """For networks cpu, cuda or mps; auto is CUDA where present, else the CPU."""


NOTES = """\
Every number but GFLOP, s and MiB is a ratio within this run. Of matrix rate: floating-point operations per second as a
share of what a product of 2048 x 2048 matrices in float32 reaches. All other ratios are times, or peaks of memory, over
those of the plain float32 network in channels-last layout: below 1 is less; - was not measured (bfloat16: the machine
multiplies it no faster than float32; compiled: with --compiled alone)."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt bench")
    if options.subject == "degradations":
        plan = QUICK_DEGRADATIONS if options.quick else FULL_DEGRADATIONS
        return _print(bench_degradations(options.names or CATALOGUE.names, plan), torch.device("cpu"))
    device = find_device(options.device)
    size = (QUICK if options.quick else FULL)._replace(compiled=options.compiled)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # float32 means float32
    return _print(bench_backbones(options.names or tuple(FAMILIES), size, device), device, NOTES)


def _print(lines: Iterator[str], device: torch.device, notes: str = "") -> int:
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"maskdcpt {__version__}, torch {torch.__version__}, {device}: {where}, {torch.get_num_threads()} threads.")
    print("", *([notes, ""] if notes else []), sep="\n", flush=True)
    for line in lines:
        print(line, flush=True)
    return 0
