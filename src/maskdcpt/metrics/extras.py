"""Metrics that other packages own: imported when asked for, and never by way of a download that nobody asked for."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from typing import Any, NoReturn

import torch
from torch import Tensor

from maskdcpt.errors import UserError, nearest
from maskdcpt.metrics.inputs import prepare

PACKAGES = {
    "lpips": ("lpips", "metrics"),
    "fid": ("pytorch_fid.inception", "metrics"),
    "niqe": ("pyiqa", "iqa"),
    "brisque": ("pyiqa", "iqa"),
    "musiq": ("pyiqa", "iqa"),
    "maniqa": ("pyiqa", "iqa"),
}
"""Metric to the module that has it and the group of optional packages which brings that."""


def download(name: str) -> None:
    """Lets the package of a metric fetch its weights from where its authors keep them, into that package's own cache.

    This is the only thing in ``maskdcpt.metrics`` that uses the network. Once done, the metric works without it.

    Args:
        name: One of ``PACKAGES``.

    Raises:
        UserError: If there is no such metric, or its package is missing or cannot be imported.
    """
    if name not in PACKAGES:
        raise UserError(f"no metric {name!r} needs weights{nearest(name, PACKAGES)}")
    _build(name, torch.device("cpu"))


def score(name: str, restored: Tensor, *reference: Tensor) -> Tensor:
    """Judges images by a metric of another package, one at a time, since some of these judge a batch otherwise.

    Args:
        name: One of ``PACKAGES`` but ``fid``.
        restored: (3, H, W) or (N, 3, H, W) in [0, 1]; clipped, and rounded to 8 bit for metrics without reference.
        reference: The clean images, for those with one.

    Returns:
        float64 () or (N,).

    Raises:
        UserError: If the package is missing or cannot be imported, or its weights have not been fetched.
    """
    judge = model(name, restored.device)
    images = [image.clamp(0, 1) if reference else prepare(image, bits=8) for image in (restored, *reference)]
    batches = [(image if image.ndim == 4 else image[None]).float() for image in images]
    with torch.inference_mode():
        values = [judge(*(batch[n : n + 1] for batch in batches)).double().mean() for n in range(len(batches[0]))]
    result = torch.stack(values).clone()
    return result if restored.ndim == 4 else result[0]


@cache
def model(name: str, device: torch.device) -> Callable[..., Any]:
    """The network or function behind a metric, made once for each device, without the network.

    Raises:
        UserError: If its package is missing or cannot be imported, or its weights have not been fetched.
    """
    command = f"""python -c "from maskdcpt import metrics; metrics.download('{name}')\""""
    with _offline(f"{name} needs weights that have not been fetched yet; let its package download them: {command}"):
        return _build(name, device)


def _build(name: str, device: torch.device) -> Callable[..., Any]:
    package = _import(name)
    if name == "lpips":
        return partial(package.LPIPS(net="alex", version="0.1", verbose=False).to(device).eval(), normalize=True)
    network: Callable[..., Any]
    if name == "fid":
        network = package.InceptionV3([package.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).to(device).eval()
    else:
        network = package.create_metric(name, device=device)
    return network


def _import(name: str) -> Any:
    module, extra = PACKAGES[name]
    package, install = module.partition(".")[0], f'pip install "maskdcpt[{extra}]"'
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        what = "" if error.name in (package, module) else f", which needs {error.name}"
        raise UserError(f"{name} needs the package {package}{what}: {install}") from error
    except (
        Exception
    ) as error:  # whatever an import of a large package ends in, such as a torchvision without its library
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name} needs the package {package}, which cannot be imported: {line}") from error


@contextmanager
def _offline(message: str) -> Iterator[None]:
    """Refuses to look up hosts, in the whole process, and raises the message if somebody tried, whatever came of it."""
    asked = False

    def refuse(*_: object, **__: object) -> NoReturn:
        nonlocal asked
        asked = True
        raise OSError("no downloads unless asked for")

    original, socket.getaddrinfo = socket.getaddrinfo, refuse
    try:
        yield
    except Exception as error:
        if asked and not isinstance(error, UserError):
            raise UserError(message) from error
        raise
    finally:
        socket.getaddrinfo = original
    if asked:
        raise UserError(message)
