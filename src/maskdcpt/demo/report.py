"""The demo's page: what was learned, what it brought, and how it looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import torch

from maskdcpt.data import central_crop, sample_photo
from maskdcpt.degradations import CATALOGUE
from maskdcpt.demo.run import PRETRAINED, SCRATCH, DemoResult
from maskdcpt.demo.samples import SHOWN, Sample, sample_strips
from maskdcpt.evaluation import INPUT, Row, Summary, summarise, types_of
from maskdcpt.images import read_image
from maskdcpt.masking import VisibleMask, ZeroedView
from maskdcpt.pretraining import load_model
from maskdcpt.reports import Curve, Picture, Strip, picture, plot, run_curves, write_page
from maskdcpt.training import read_metrics


class Line(NamedTuple):
    """One line of the table of results."""

    title: str
    """Type of damage."""
    arms: list[Summary]
    """Input, from scratch, pre-trained."""


class Stage(NamedTuple):
    """One training run in the list of what ran."""

    title: str
    """What it was."""
    steps: int
    """Optimiser steps."""
    seconds: float
    """Time spent training."""


def write_demo_report(result: DemoResult, samples: list[Sample], path: Path) -> Path:
    """Writes the page.

    Args:
        result: What the demo has trained.
        samples: What the weights of the package made of sample photos.
        path: The HTML file.
    """
    rows = result.rows
    pairs = _pairs(rows)
    return write_page(
        path,
        "demo.html",
        samples=sample_strips(samples),
        lines=[Line(CATALOGUE[name].title, _arms(rows, name)) for name in types_of(rows)],
        total=Line("Mean", _arms(rows, None)),
        wins=sum(after > before for before, after in pairs),
        cases=len(pairs),
        images=len({row.image for row in rows}),
        protocol=rows[0].protocol,
        side=result.side,
        pretraining_plots=run_curves(
            {"pre-training": result.pretraining}, ["reconstruction", "classification", "accuracy"]
        ),
        masked=_masked(result),
        comparison=_comparison(result),
        strips=_strips(result),
        confusion=_confusion(rows),
        titles=[CATALOGUE[name].title for name in types_of(rows)],
        stages=_stages(result),
        environment=json.loads((result.pretraining / "environment.json").read_text(encoding="utf-8")),
        restored=result.restored,
    )


def _arms(rows: list[Row], name: str | None) -> list[Summary]:
    return [summarise(rows, arm, name) for arm in (INPUT, SCRATCH, PRETRAINED)]


def _pairs(rows: list[Row]) -> list[tuple[float, float]]:
    scratch = [row.psnr for row in rows if row.arm == SCRATCH]
    pretrained = [row.psnr for row in rows if row.arm == PRETRAINED]
    return list(zip(scratch, pretrained, strict=True))


def _comparison(result: DemoResult) -> Picture:
    # Pre-training has spent its steps before fine-tuning begins: on the axis of total steps the curve starts there.
    before = read_metrics(result.pretraining)[-1]["step"]
    curves = []
    for label, run, offset in ((SCRATCH, result.scratch, 0), (PRETRAINED, result.finetuning, before)):
        rows = read_metrics(run)
        curves.append(Curve(label, [row["step"] + offset for row in rows], [row["psnr"] for row in rows]))
    return plot(
        "PSNR in training, against all steps spent",
        curves,
        x="total steps",
        y="dB",
    )


def _masked(result: DemoResult) -> Strip:
    # The middle of a photo, a whole number of patches, through the network as it was pre-trained.
    name, patch, cells = "chelsea", 16, 18
    damaged = central_crop(read_image(result.damaged / f"{name}-gaussian_noise.png").pixels, patch * cells)
    grid = (damaged.shape[-2] // patch, damaged.shape[-1] // patch)
    mask = VisibleMask.random(1, grid, generator=torch.Generator().manual_seed(0))
    network, _ = load_model(result.pretraining)
    with torch.inference_mode():
        rebuilt = network(damaged[None], mask=mask)[0]
    images = {
        "what it is shown": ZeroedView(mask).hide(damaged[None])[0],
        "what it makes of that": rebuilt,
        "what it should have been": central_crop(sample_photo(name), patch * cells),
    }
    return Strip("The network at the end of pre-training", [picture(*item) for item in images.items()])


def _strips(result: DemoResult) -> list[Strip]:
    photos = sorted({path.stem.split("-")[0] for path in result.damaged.glob("*.png")})
    strips = []
    for index, type_name in enumerate(types_of(result.rows)):
        name = photos[index % len(photos)]
        file = f"{name}-{type_name}.png"
        images = {
            "damaged": read_image(result.damaged / file).pixels,
            "restored": read_image(result.restored / file).pixels,
            "clean": sample_photo(name),
        }
        pictures = [picture(caption, central_crop(image, SHOWN)) for caption, image in images.items()]
        strips.append(Strip(f"{CATALOGUE[type_name].title}: {name}", pictures))
    return strips


def _confusion(rows: list[Row]) -> list[list[int]]:
    # True type down, named type across.
    names = types_of(rows)
    named = [(row.type, row.predicted) for row in rows if row.arm == PRETRAINED]
    return [[named.count((true, guess)) for guess in names] for true in names]


def _stages(result: DemoResult) -> list[Stage]:
    runs = {
        "pre-training": result.pretraining,
        "fine-tuning": result.finetuning,
        "from scratch": result.scratch,
    }
    last = {title: read_metrics(run)[-1] for title, run in runs.items()}
    return [Stage(title, row["step"], row["seconds"]) for title, row in last.items()]
