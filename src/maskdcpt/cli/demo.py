"""``maskdcpt demo``: the whole idea in one command."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.demo import restore_samples, run_demo, write_demo_report, write_samples_page
from maskdcpt.inference import Restorer
from maskdcpt.weights import BUNDLED


@dataclass(frozen=True, kw_only=True)
class Options:
    """Restores sample photos with the weights of the package, and trains a small network with and without pre-training.

    The page of the restored photos is there within a minute; that of all is written over it when training is done.
    """

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for everything that is made; an interrupted demo goes on with the same command. Without it demo-out, or
    demo-out-PRESET for another preset than cpu."""
    preset: Literal["cpu", "smoke"] = "cpu"
    """Size: minutes, or a minute or two that are too short to learn from."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean images to train on; without it the embedded images are used."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt demo")
    started = time.perf_counter()
    out = options.out or Path("demo-out" if options.preset == "cpu" else f"demo-out-{options.preset}")
    print("sample photos, restored by the weights that come with the package:")
    samples = restore_samples(out / "samples", Restorer.from_pretrained(BUNDLED), say=print)
    report = write_samples_page(samples, out / "report.html")
    print(f"page so far: {report}")
    result = run_demo(out, options.preset, options.data, say=print)
    write_demo_report(result, samples, report)
    print(f"done in {(time.perf_counter() - started) / 60:.1f} minutes")
    print(f"report:  {report}")
    print("next:    maskdcpt restore YOUR-PHOTO")
    return 0
