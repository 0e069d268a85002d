"""``maskdcpt evaluate``: PSNR and SSIM of weights under a fixed protocol, on any folder of clean images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.data import EmbeddedImages, FolderImages
from maskdcpt.errors import UserError
from maskdcpt.evaluation import INPUT, Row, evaluate, find_protocol, summarise, types_of
from maskdcpt.files import write_csv
from maskdcpt.inference import Restorer


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measures weights under a fixed protocol."""

    weights: Annotated[str, tyro.conf.arg(metavar="DIR")]
    """Folder of weights or of a training run, a file of weights, or user/name on the Hugging Face Hub."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean images that training has not seen; without it the embedded test images."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for ``rows.csv``, one row an image and network."""
    protocol: str = "synthetic-5d"
    """Name of the protocol."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces results that exist."""
    device: str = "auto"
    """cpu, cuda or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt evaluate")
    protocol = find_protocol(options.protocol)
    target = options.out / "rows.csv"
    if target.exists() and not options.force:
        raise UserError(f"{target} exists; --force replaces it")
    restorer = Restorer.from_pretrained(options.weights, device=options.device)
    images = FolderImages(options.data) if options.data else EmbeddedImages("test")
    options.out.mkdir(parents=True, exist_ok=True)  # before the work, which would be lost
    rows = evaluate(protocol, {"restored": restorer}, images)
    write_csv(target, Row, rows)
    for line in _table(rows):
        print(line)
    print(f"{len(images.names)} images, protocol {protocol.name} v{protocol.version}; rows in {options.out}")
    return 0


def _table(rows: list[Row]) -> list[str]:
    lines = [f"{'':16}{'input':>16}{'restored':>16}{'gain':>9}"]
    for name, title in [*((name, name) for name in types_of(rows)), (None, "mean")]:
        before, after = (summarise(rows, arm, name) for arm in (INPUT, "restored"))
        values = "".join(f"{arm.psnr:9.2f}/{arm.ssim:.4f}" for arm in (before, after))
        accuracy = "" if after.accuracy is None else f"   named rightly {after.accuracy:.0%}"
        lines.append(f"{title:16}{values}{after.psnr - before.psnr:+9.2f}{accuracy}")
    return lines
