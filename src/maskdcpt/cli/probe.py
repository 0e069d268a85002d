"""``maskdcpt probe``: how well simple classifiers tell the type of damage from the features of networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.backbones import Backbone, load_backbone
from maskdcpt.backbones.hub import locate_weights
from maskdcpt.cli.arguments import parse
from maskdcpt.data import clean_images
from maskdcpt.devices import find_device
from maskdcpt.errors import UserError
from maskdcpt.evaluation.features import KINDS, Kind
from maskdcpt.evaluation.probe import Probed, ProbeRow, probe, probe_rows
from maskdcpt.evaluation.probe_samples import ProbeProtocol, find_probe_protocol
from maskdcpt.evaluation.random_networks import random_network
from maskdcpt.files import write_csv, write_json
from maskdcpt.reports.probe import Setting, probe_summary, write_probe_report

FILES = ("rows.csv", "probe.json", "report.html")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Tells the type of damage from features of networks by nearest neighbours and by a linear classifier."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for ``report.html``, ``rows.csv`` and ``probe.json``."""
    weights: Annotated[tuple[str, ...], tyro.conf.arg(metavar="DIR")] = ()
    """Folders of weights or of training runs, files of weights, user/name on the Hugging Face Hub, or default for the
    weights of the package."""
    random: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NETWORK")] = ()
    """Networks with random weights: a family at its published size, such as nafnet, at a small one, such as
    nafnet-small, or a TOML file whose table [backbone] describes it, such as a recipe."""
    random_seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="SEED")] = (0,)
    """Of the random weights; each makes a network."""
    protocol: str = "5d"
    """Classes: 5d, the five of the paper, or 19, all types."""
    types: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TYPE")] = ()
    """Other classes than the protocol's: types of damage or kinds of level."""
    samples: int = 100
    """Clean images, each damaged once in every class; a third of them is asked about."""
    crop: int = 128
    """Side of the central crop of each image in pixels."""
    mask_ratio: Annotated[tuple[float, ...], tyro.conf.arg(metavar="RATIO")] = (0.0,)
    """Shares of the patches that are hidden from the networks, one after the other."""
    patch: int = 16
    """Side of a patch of the masks in pixels."""
    features: Annotated[tuple[Kind, ...], tyro.conf.arg(metavar="{last,pooled}")] = KINDS
    """What is read: last, the whole input of the head, by nearest neighbours as in the paper; pooled, means and
    deviations of every stage, by nearest neighbours and by a linear classifier."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean images that training has not seen; without it embedded and generated ones."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces results that exist."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt probe")
    protocol = _protocol(options)
    if not options.force and (existing := [options.out / name for name in FILES if (options.out / name).exists()]):
        raise UserError(f"{existing[0]} exists; --force replaces it")
    device = find_device(options.device)
    networks = _networks(options)
    clean = clean_images(options.data, protocol.samples)
    options.out.mkdir(parents=True, exist_ok=True)  # before the work, which would be lost
    samples, found = probe(
        protocol,
        networks,
        clean,
        ratios=options.mask_ratio,
        patch=options.patch,
        kinds=options.features,
        device=device,
    )
    setting = Setting(protocol, str(options.data or "embedded and generated images"), options.patch)
    write_csv(options.out / FILES[0], ProbeRow, probe_rows(protocol, found))
    write_json(options.out / FILES[1], probe_summary(setting, networks, found))
    write_probe_report(setting, networks, samples, found, options.out / FILES[2])
    for line in _table(protocol, found):
        print(line)
    print(f"report: {options.out / FILES[2]}")
    return 0


def _protocol(options: Options) -> ProbeProtocol:
    protocol = find_probe_protocol(options.protocol)
    if options.types:
        protocol = replace(protocol, name="chosen", types=options.types)
    return replace(protocol, samples=options.samples, side=options.crop)


def _networks(options: Options) -> dict[str, Backbone]:
    if not options.weights and not options.random:
        raise UserError("--weights or --random is needed, such as --weights default; see maskdcpt probe --help")
    networks: dict[str, Backbone] = {}
    for name, network in _named(options):
        if name in networks:
            raise UserError(f"{name} is named twice")
        networks[name] = network
    return networks


def _named(options: Options) -> Iterator[tuple[str, Backbone]]:
    for place in options.weights:
        yield place, load_backbone(locate_weights(place))
    for name in options.random:
        for seed in options.random_seeds:
            yield f"{name}, random weights {seed}", random_network(name, seed)


def _table(protocol: ProbeProtocol, found: list[Probed]) -> list[str]:
    width = max(len("network"), *(len(result.weights) for result in found))
    probes = list(found[0].scores)
    titles = "".join(f"{f'{each.classifier} {each.features}':>16}" for each in probes)
    lines = [f"{'network':{width}}{'hidden':>8}{titles}"]
    for result in found:
        scores = "".join(
            f"{f'{100 * score.mean:.1f} ± {100 * score.deviation:.1f}':>16}" for score in result.scores.values()
        )
        lines.append(f"{result.weights:{width}}{result.mask_ratio:8.0%}{scores}")
    lines.append(f"accuracy in %, mean and deviation of {len(protocol.seeds)} divisions; chance {protocol.chance:.1%}")
    return lines
