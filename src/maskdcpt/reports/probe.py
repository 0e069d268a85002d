"""What a probe has found: accuracies beside those of the paper, confusions, and the samples laid out in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from maskdcpt.backbones import Backbone
from maskdcpt.degradations import CATALOGUE
from maskdcpt.evaluation.features import Indices, Numbers
from maskdcpt.evaluation.probe import PROBES, Probe, Probed, Score
from maskdcpt.evaluation.probe_samples import VERSION, ProbeProtocol, Samples
from maskdcpt.pretraining.weights import weights_sha256
from maskdcpt.profiling import count_parameters
from maskdcpt.reports.page import Picture, Strip, picture, write_page
from maskdcpt.reports.plots import figure_picture, figure_style

TITLES = {
    Probe("knn", "last"): "Nearest neighbours on the last features, as in the paper",
    Probe("knn", "pooled"): "Nearest neighbours on pooled features",
    Probe("linear", "pooled"): "Linear classifier on pooled features",
}

PUBLISHED_RATIOS = (0.0, 0.25, 0.5, 0.75)
PUBLISHED_MASKED = {
    "nafnet": (52, 52, 51, 51),
    "swinir": (54, 53, 53, 50),
    "restormer": (60, 60, 59, 52),
    "promptir": (56, 56, 55, 54),
}
"""Accuracy in per cent with random weights at each of ``PUBLISHED_RATIOS``, read from figure 2 of the paper."""

PUBLISHED_STEPS = (0, 25, 50, 75, 100)
PUBLISHED_TRAINED = {
    "nafnet": (52, 90, 95, 97, 98),
    "swinir": (54, 69, 82, 89, 94),
    "restormer": (60, 92, 97, 99, 99),
    "promptir": (56, 90, 94, 97, 98),
}
"""Accuracy in per cent after so many thousand iterations of pre-training, table X of the paper."""

MARKERS = "os^Dv"


class Setting(NamedTuple):
    """Under which conditions was probed."""

    protocol: ProbeProtocol
    """What was asked."""
    data: str
    """Where the clean images come from."""
    patch: int
    """Side of a patch of the masks in pixels."""


class Line(NamedTuple):
    """One line of a table."""

    title: str
    """Which network."""
    cells: list[str]
    """One a mask ratio."""
    published: bool = False
    """Whether these are numbers of the paper."""


class Table(NamedTuple):
    """Accuracies of one classifier."""

    title: str
    """Which."""
    lines: list[Line]
    """One or two a network."""


class Section(NamedTuple):
    """Pictures of one network at one mask ratio."""

    title: str
    """Which."""
    pictures: list[Picture]
    """Confusions, and the samples in a plane."""


def probe_summary(setting: Setting, networks: Mapping[str, Backbone], found: Sequence[Probed]) -> dict[str, Any]:
    """What was done and what came out, as plain values for ``probe.json``."""
    protocol = setting.protocol
    return {
        "protocol": {**asdict(protocol), "version": VERSION, "chance": protocol.chance},
        "data": setting.data,
        "patch": setting.patch,
        "packages": {name: version(name) for name in ("maskdcpt", "torch", "numpy", "scikit-learn")},
        "networks": {
            name: {
                "family": network.config.name,
                "parameters": count_parameters(network),
                "sha256": weights_sha256(network, None),
            }
            for name, network in networks.items()
        },
        "results": [
            {
                "weights": result.weights,
                "mask_ratio": result.mask_ratio,
                **each._asdict(),
                "accuracy": score.mean,
                "deviation": score.deviation,
                "confusion": score.confusion.tolist(),
            }
            for result in found
            for each, score in result.scores.items()
        ],
    }


def write_probe_report(
    setting: Setting, networks: Mapping[str, Backbone], samples: Samples, found: Sequence[Probed], path: Path
) -> Path:
    """Writes the page.

    Args:
        setting: Under which conditions was probed.
        networks: Name to network.
        samples: What was shown to them.
        found: What came out.
        path: The HTML file.
    """
    titles = [CATALOGUE[name].title for name in setting.protocol.types]
    ratios = list(dict.fromkeys(result.mask_ratio for result in found))
    families = {name: network.config.name for name, network in networks.items()}
    # The paper's classes are those of 5d; beside other classes its numbers would say nothing.
    comparable = setting.protocol.name == "5d"
    return write_page(
        path,
        "probe.html",
        setting=setting,
        version=VERSION,
        titles=titles,
        ratios=ratios,
        tables=_tables(ratios, families, found, comparable),
        examples=_examples(titles, samples),
        sections=[
            _section(result, result.positions, titles, samples.labels)
            for result in found
            if result.positions is not None
        ],
        trained=[Line(f"{name}, published", [f"{value}" for value in row]) for name, row in PUBLISHED_TRAINED.items()],
        steps=PUBLISHED_STEPS,
        comparable=comparable,
        networks=[(name, families[name], count_parameters(network)) for name, network in networks.items()],
    )


def _tables(
    ratios: Sequence[float], families: Mapping[str, str], found: Sequence[Probed], comparable: bool
) -> list[Table]:
    tables = []
    for each in [each for each in PROBES if each in found[0].scores]:
        lines = []
        for family in dict.fromkeys(families.values()):
            for name in [name for name in families if families[name] == family]:
                scores = {result.mask_ratio: result.scores[each] for result in found if result.weights == name}
                lines.append(Line(name, [_percent(scores[ratio]) for ratio in ratios]))
            if comparable and each == PROBES[0] and family in PUBLISHED_MASKED and set(ratios) & set(PUBLISHED_RATIOS):
                known = dict(zip(PUBLISHED_RATIOS, PUBLISHED_MASKED[family], strict=True))
                cells = [f"{known[ratio]}" if ratio in known else "" for ratio in ratios]
                lines.append(Line(f"{family}, random weights, published", cells, published=True))
        tables.append(Table(TITLES[each], lines))
    return tables


def _percent(score: Score) -> str:
    return f"{100 * score.mean:.1f} ± {100 * score.deviation:.1f}"


def _examples(titles: Sequence[str], samples: Samples) -> list[Strip]:
    first = [int(np.flatnonzero(samples.labels == label)[0]) for label in range(len(titles))]
    shown = [picture(title, samples.images[index]) for title, index in zip(titles, first, strict=True)]
    return [
        Strip(f"One clean image, classes {start + 1} to {start + len(row)}", row)
        for start in range(0, len(shown), 5)
        if (row := shown[start : start + 5])
    ]


def _section(result: Probed, positions: Numbers, titles: Sequence[str], labels: Indices) -> Section:
    pictures = [
        _confusion(f"{TITLES[each]}: share of each type (down) that was named so (across), in %", score, titles)
        for each, score in result.scores.items()
    ]
    hidden = f", {result.mask_ratio:.0%} hidden" if result.mask_ratio else ""
    return Section(f"{result.weights}{hidden}", [*pictures, _plane(result, positions, titles, labels)])


def _confusion(caption: str, score: Score, titles: Sequence[str]) -> Picture:
    shares = 100 * score.confusion / score.confusion.sum(1, keepdims=True)
    side = max(4.2, 0.36 * len(titles) + 2)
    with figure_style():
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        axes.set_xticks(range(len(titles)), titles, rotation=90)
        axes.set_yticks(range(len(titles)), titles)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.5:
                colour = "white" if share > 55 else "#1d2430"
                axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=8, color=colour)
        return figure_picture(caption, figure)


def _plane(result: Probed, positions: Numbers, titles: Sequence[str], labels: Indices) -> Picture:
    colours = matplotlib.colormaps["tab10" if len(titles) <= 10 else "tab20"].colors  # type: ignore[attr-defined]
    pooled = any(each.features == "pooled" for each in result.scores)
    columns = 3 if len(titles) <= 10 else 2
    with figure_style():
        figure = Figure(figsize=(5.2, 3.8 + 0.24 * -(-len(titles) // columns)), layout="constrained")
        axes = figure.subplots()
        for label, title in enumerate(titles):
            x, y = positions[labels == label].T
            marker = MARKERS[label % len(MARKERS)]
            axes.scatter(x, y, s=16, color=colours[label], marker=marker, label=title, linewidths=0, alpha=0.8)
        axes.set_xticks([])
        axes.set_yticks([])
        figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=9, markerscale=2)
        return figure_picture(
            f"The samples by their {'pooled' if pooled else 'last'} features, as t-SNE sees them", figure
        )
