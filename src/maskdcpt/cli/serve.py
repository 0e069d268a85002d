"""``maskdcpt serve``: restores photos for browsers and programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.errors import require
from maskdcpt.inference import RestoreOptions
from maskdcpt.serving import Limits, WorkerSettings, serve


@dataclass(frozen=True, kw_only=True)
class Options:
    """Restores photos for browsers and programs, until Ctrl-C: a page to drop photos on, and an interface over HTTP."""

    weights: Annotated[str, tyro.conf.arg(metavar="DIR")] = "default"
    """default for those of the package; a folder of weights or of a training run, a file of weights, user/name on the
    Hugging Face Hub, or a network that maskdcpt export wrote."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto is CUDA where present, else the CPU."""
    runtime: Literal["auto", "torch", "onnx", "openvino"] = "auto"
    """What runs the network; auto is torch for weights, and what a file was exported for else."""
    tile: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 0
    """Side of the pieces that large images are restored in; 0 chooses it by the memory that is free."""
    memory: Annotated[float, tyro.conf.arg(metavar="GIB")] = 0.0
    """Memory that restoring an image may take; 0 for most of what is free, shared by --workers."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Numbers that the network computes with; auto takes bfloat16 where that is faster and float32 elsewhere."""
    host: str = "127.0.0.1"
    """Address to listen at. At the default only this machine is served, at 0.0.0.0 whoever can reach it: there is no
    login."""
    port: int = 7860
    """Port to listen at; 0 for any that is free."""
    allow_host: tuple[str, ...] = ()
    """Names under which clients may address the server beside those of this machine. Without any, it goes by no other
    name at the default --host, and by every name at one that others can reach."""
    limits: tyro.conf.OmitArgPrefixes[Limits] = field(default_factory=Limits)
    """What is refused."""

    def __post_init__(self) -> None:
        require("port", self.port, 0, 65535)
        require("memory", self.memory, 0, 1e6)


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt serve")
    limits = options.limits
    network = RestoreOptions(tile=options.tile, memory=round(options.memory * 2**30), precision=options.precision)

    def command(folder: Path) -> Sequence[str]:
        settings = WorkerSettings(
            weights=options.weights,
            device=options.device,
            runtime=options.runtime,
            options=asdict(network),
            pixels=limits.pixels,
            share=limits.workers,
            folder=str(folder),
        )
        return settings.command()

    print("loading the weights ...", file=sys.stderr)
    serve(
        command,
        options.host,
        options.port,
        options.allow_host,
        limits,
        started=lambda address: print(f"serving at {address} (documented at {address}/docs); Ctrl-C stops", flush=True),
    )
    print("stopped", file=sys.stderr)
    return 0
