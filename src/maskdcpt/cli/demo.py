"""``maskdcpt demo``: the whole idea in one command."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.demo import run_demo, write_demo_report


@dataclass(frozen=True, kw_only=True)
class Options:
    """Pre-trains a small network, fine-tunes it, trains the same from scratch, compares both and restores photos."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for everything that is made; an interrupted demo goes on with the same command. Without it demo-out, or
    demo-out-PRESET for another preset than cpu."""
    preset: str = "cpu"
    """Size: cpu (minutes) or smoke (about one minute, too short to learn from)."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean images to train on; without it the embedded images are used."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt demo")
    started = time.perf_counter()
    out = options.out or Path("demo-out" if options.preset == "cpu" else f"demo-out-{options.preset}")
    result = run_demo(out, options.preset, options.data, say=print)
    report = write_demo_report(result, out / "report.html")
    print(f"done in {(time.perf_counter() - started) / 60:.1f} minutes")
    print(f"report:  {report}")
    print(f"next:    maskdcpt restore YOUR-PHOTO RESTORED-PHOTO --weights {result.finetuning}")
    return 0
