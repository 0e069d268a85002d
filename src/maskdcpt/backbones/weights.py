"""Weights on disk: a folder with ``model.safetensors`` and ``config.json`` beside it, or a file of another release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from maskdcpt.backbones.base import Backbone
from maskdcpt.backbones.checkpoints import CHECKPOINTS, SUMS, checkpoints, damage
from maskdcpt.backbones.presets import FAMILIES, build_backbone
from maskdcpt.backbones.states import read_safetensors, read_state_dict, recognise, require_numbers
from maskdcpt.config import from_dict, to_dict
from maskdcpt.errors import UserError, nearest
from maskdcpt.files import write_bytes
from maskdcpt.weights import find_named

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


def save_backbone(network: Backbone, folder: Path, extra: Mapping[str, object] | None = None) -> None:
    """Writes a network into an existing folder.

    Args:
        network: The network.
        folder: Where the two files go.
        extra: More entries for ``config.json``, kept but not read by ``load_backbone``.

    Raises:
        UserError: If it is an adapted network, which no configuration describes; nothing is written then.
    """
    config = {"backbone": to_dict(network.config), **(extra or {})}
    save_tensors(network, folder / WEIGHTS)
    write_bytes(folder / CONFIG, json.dumps(config, indent=2).encode())


def load_backbone(path: str | Path) -> Backbone:
    """Loads a network in evaluation mode.

    Args:
        path: A folder that ``save_backbone`` wrote; the folder of a training run, whose newest checkpoint counts; a
            file of weights, of which family and size are read from names and shapes (docs/weights.md lists the
            releases that are known); or the string ``default`` for the weights that come with the package. Numbers
            of any precision are read as float32.

    Raises:
        UserError: If there are no weights, they are damaged, or they do not belong to the network that
            ``config.json`` describes or to any known one.
    """
    path = find_named(path)
    if is_single_file(path):
        return _load_file(path)
    folder = find_weights(path)
    values = read_config(folder).get("backbone")
    if not isinstance(values, dict) or values.get("name") not in FAMILIES:
        name = values.get("name") if isinstance(values, dict) else None
        raise UserError(f"{folder / CONFIG}: no backbone is called {name!r}{nearest(str(name), FAMILIES)}")
    kind = FAMILIES[values["name"]].config
    network = build_backbone(from_dict(kind, values, where=f"{folder / CONFIG}: backbone"))
    load_tensors(network, folder / WEIGHTS)
    return network.eval()


def _load_file(path: Path) -> Backbone:
    config, state = recognise(path, read_state_dict(path))
    message = f"{path}: the weights do not fit a {config.name} of the size they show"
    with torch.device("meta"):  # compared before memory is taken, which a few bytes could ask a lot of
        _require_fit(build_backbone(config), state, message)
    network = build_backbone(config)
    network.load_state_dict(state)
    return network.eval()


def is_single_file(path: Path) -> bool:
    """Whether a path is a file of weights that stands alone, without our ``config.json`` beside it."""
    return path.is_file() and not (path.name == WEIGHTS and (path.parent / CONFIG).is_file())


def find_weights(path: Path) -> Path:
    """The folder that holds the weights: ``path`` itself, the newest checkpoint of the run in it, or a file's folder.

    Raises:
        UserError: If there is neither, or they are not those that training wrote.
    """
    if path.is_file():
        path = path.parent
    if not path.is_dir():
        raise UserError(
            f"{path}: no such file or folder of weights; expected a folder with {WEIGHTS} and {CONFIG}, a training run "
            "or a file of weights"
        )
    for folder in (path, *reversed(checkpoints(path))):
        if (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
            _require_sound(folder)
            return folder
    raise UserError(f"{path}: no weights here; expected {WEIGHTS} and {CONFIG}, or a training run with a checkpoint")


def _require_sound(folder: Path) -> None:
    """Refuses a checkpoint of a run whose weights or their description are not as they were written."""
    if folder.parent.name == CHECKPOINTS and (folder / SUMS).is_file():
        names = {CONFIG, *(path.name for path in folder.glob("*.safetensors"))}
        if (problem := damage(folder, names)) is not None:
            raise UserError(f"{folder}: {problem}; expected what training wrote, as in another checkpoint of the run")


def read_config(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a folder of weights."""
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a JSON file: {error}") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: expected a JSON object")
    return config


def save_tensors(module: nn.Module, path: Path) -> None:
    """Writes a module's state as one safetensors file, on the disk when this returns."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    write_bytes(path, safetensors.torch.save(tensors))


def load_tensors(module: nn.Module, path: Path) -> None:
    """Reads a module's state, strictly.

    Raises:
        UserError: If the file is missing or damaged or holds anything but floating-point numbers, or keys or shapes
            differ from the module's.
    """
    try:
        tensors = read_safetensors(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    require_numbers(path, tensors)
    _require_fit(module, tensors, f"{path}: the weights do not fit the network in {CONFIG}")
    module.load_state_dict(tensors)


def _require_fit(module: nn.Module, tensors: Mapping[str, Tensor], message: str) -> None:
    faults = _differences(module.state_dict(), tensors)
    if faults:
        raise UserError(f"{message}: {'; '.join(faults)}")


def _differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    shared = expected.keys() & found.keys()
    groups = {
        "missing": expected.keys() - found.keys(),
        "unexpected": found.keys() - expected.keys(),
        "of another shape": {key for key in shared if expected[key].shape != found[key].shape},
        "with values that are no numbers": {key for key in shared if not found[key].isfinite().all()},
    }
    return [f"{len(keys)} {title} ({_few(sorted(keys))})" for title, keys in groups.items() if keys]


def _few(keys: list[str]) -> str:
    return ", ".join([*keys[:3], "..."] if len(keys) > 3 else keys)
