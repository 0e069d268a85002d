"""``maskdcpt serve``: restores photos for browsers and programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.errors import require
from maskdcpt.serving import Limits, WorkerSettings, serve


@dataclass(frozen=True, kw_only=True)
class Options:
    """Restores photos for browsers and programs, until Ctrl-C: a page to drop photos on, and an interface over HTTP."""

    weights: Annotated[str, tyro.conf.arg(metavar="DIR")] = "default"
    """Folder of weights or of a training run, a file of weights, or user/name on the Hugging Face Hub."""
    device: str = "auto"
    """cpu, cuda or mps; auto is CUDA where present, else the CPU."""
    host: str = "127.0.0.1"
    """Address to listen at. At the default only this machine is served, at 0.0.0.0 whoever can reach it: there is no
    login."""
    port: int = 7860
    """Port to listen at; 0 for any that is free."""
    allow_host: tuple[str, ...] = ()
    """Names under which clients may address the server. By default those of this machine for the default --host, else
    any."""
    limits: tyro.conf.OmitArgPrefixes[Limits] = field(default_factory=Limits)
    """What is refused."""

    def __post_init__(self) -> None:
        require("port", self.port, 0, 65535)


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt serve")
    limits = options.limits

    def command(folder: Path) -> Sequence[str]:
        settings = WorkerSettings(
            weights=options.weights,
            device=options.device,
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
