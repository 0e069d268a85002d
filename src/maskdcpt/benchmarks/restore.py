"""The cost of restoring photos: time and memory of every way to do it, and of many photos at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch

from maskdcpt import metrics
from maskdcpt.backbones import Backbone, create_backbone
from maskdcpt.benchmarks.table import line, ratio
from maskdcpt.data.procedural import procedural_image
from maskdcpt.export import export_model
from maskdcpt.images import write_image
from maskdcpt.inference import BaseRestorer, BatchOptions, RestoreOptions, Restorer, load_restorer
from maskdcpt.inference.journal import Journal
from maskdcpt.inference.options import SMALLEST_TILE
from maskdcpt.inference.outcome import Outcome
from maskdcpt.inference.precision import multiplies_bfloat16
from maskdcpt.inference.stages import Job, Stages
from maskdcpt.inference.tiling import CPU_ROOM, Manner, Plan, make_plan, outline, run_tiled
from maskdcpt.overlap import in_turn, overlap
from maskdcpt.pretraining import save_model
from maskdcpt.profiling.memory import peak_memory
from maskdcpt.profiling.timing import Work, race
from maskdcpt.progress import progress_bar

WIDTH = 32
"""Of the NAFNet that is measured, whose blocks are the published ones."""


class RestorePlan(NamedTuple):
    """How large the work is."""

    size: tuple[int, int]
    """Height and width of the photo that is restored in every way, in pixels."""
    repetitions: int
    """Times that each way is timed."""
    photos: int
    """Photos of the folder."""
    photo_size: tuple[int, int]
    """Their height and width."""
    large: tuple[int, int] | None
    """Height and width of the photo whose memory is limited; None for none."""
    large_memory: int = 0
    """Bytes that it may take."""


FULL_RESTORE = RestorePlan((832, 1216), 2, 24, (256, 384), (4000, 6000), 1700 * 2**20)
QUICK_RESTORE = RestorePlan((320, 480), 1, 8, (128, 192), None)


def bench_restore(plan: RestorePlan, compiled: bool = False) -> Iterator[str]:
    """Measures restoring on the CPU, and tells tables as lines of Markdown.

    Args:
        plan: How large the work is.
        compiled: Whether a compiled network is measured as well, which takes minutes to compile.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = _make_weights(folder)
        tables: list[Callable[[], Iterator[str]]] = [
            lambda: _ways(plan, weights, compiled),
            lambda: _together(plan, weights),
            lambda: _folder(plan, weights, folder),
        ]
        if plan.large is not None:
            tables.append(lambda: _large(plan, weights))
        with progress_bar(total=len(tables), title="bench", unit="table") as bar:
            for table in tables:
                yield from table()
                yield ""
                bar.update()


def lively_network(width: int = WIDTH) -> Backbone:
    """A NAFNet whose blocks do something, as those of a trained one and unlike those of a new one, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_backbone("nafnet", width=width)
        for name, parameter in network.named_parameters():
            if name.endswith(("beta", "gamma")):
                torch.nn.init.normal_(parameter, std=0.1)
    return network


def _make_weights(folder: Path) -> Path:
    weights = folder / "weights"
    weights.mkdir()
    save_model(weights, lively_network(), None)
    return weights


def _ways(plan: RestorePlan, weights: Path, compiled: bool) -> Iterator[str]:
    photo = procedural_image(0, plan.size)
    restorers = dict(_restorers(plan, weights, compiled))
    runners: dict[str, Work] = {name: lambda each=each: each.restore_pixels(photo) for name, each in restorers.items()}  # type: ignore[misc]
    times = race(runners, torch.device("cpu"), plan.repetitions)
    whole = restorers["whole image"].restore_pixels(photo).pixels
    height, width = plan.size
    megapixels = height * width / 1e6
    yield from (f"A NAFNet of width {WIDTH} on a photo of {width} x {height} pixels:", "")
    yield line(("way", "s a megapixel", "of whole image", "peak MiB", "dB to whole image"))
    yield line(["---", *["---:"] * 4])
    for name, restorer in restorers.items():
        peak = peak_memory(prepare_restoration, torch.device("cpu"), weights, restorer.options, plan.size)
        own = isinstance(restorer, Restorer)
        same = metrics.psnr(restorer.restore_pixels(photo).pixels, whole).item()
        yield line(
            (
                name,
                f"{times[name] / megapixels:.2f}",
                ratio(times[name], times["whole image"]),
                f"{peak / 2**20:.0f}" if own and peak is not None else "-",
                "same" if same == float("inf") else f"{same:.0f}",
            )
        )


def _restorers(plan: RestorePlan, weights: Path, compiled: bool) -> Iterator[tuple[str, BaseRestorer]]:
    plain = RestoreOptions(precision="float32")
    yield "whole image", Restorer.from_pretrained(weights, "cpu", plain)
    for name, manner in (("tiles, part by part", Manner.PARTS), ("tiles, fused", Manner.FUSED)):
        memory = _memory_for(weights, plan.size, manner)
        yield name, Restorer.from_pretrained(weights, "cpu", RestoreOptions(precision="float32", memory=memory))
    yield (
        "self-ensemble",
        Restorer.from_pretrained(weights, "cpu", RestoreOptions(precision="float32", self_ensemble=True)),
    )
    if multiplies_bfloat16(torch.device("cpu")):
        yield "bfloat16", Restorer.from_pretrained(weights, "cpu", RestoreOptions(precision="bfloat16"))
    if compiled:
        yield "compiled", Restorer.from_pretrained(weights, "cpu", RestoreOptions(precision="float32", compile=True))
    for name, package, file in (
        ("ONNX Runtime", "onnxruntime", "network.onnx"),
        ("OpenVINO", "openvino", "network.xml"),
    ):
        if find_spec(package) is not None:  # an extra that is not installed has no row
            export_model(weights, weights / file)
            yield name, load_restorer(weights / file)


def _together(plan: RestorePlan, weights: Path) -> Iterator[str]:
    network = Restorer.from_pretrained(weights, "cpu").backbone
    height, width = (side // network.stride * network.stride for side in plan.size)
    photo = procedural_image(0, (height, width))[None]
    tiles = make_plan(outline(network), (height, width), tile=SMALLEST_TILE, host=2**36)
    rooms = {
        "one by one": 0,
        f"up to {CPU_ROOM} pixels (what a CPU gets)": CPU_ROOM,
        f"up to {4 * CPU_ROOM} pixels": 4 * CPU_ROOM,
    }
    runners: dict[str, Work] = {
        name: lambda room=room: _run_tiled(network, photo, replace(tiles, room=room))  # type: ignore[misc]
        for name, room in rooms.items()
    }
    times = race(runners, torch.device("cpu"), plan.repetitions)
    yield from (f"The same photo in tiles of {SMALLEST_TILE} pixels, part by part:", "")
    yield line(("tiles at once", "s a megapixel", "of one by one"))
    yield line(("---", "---:", "---:"))
    for name, seconds in times.items():
        yield line((name, f"{seconds / (height * width / 1e6):.2f}", ratio(seconds, times["one by one"])))


@torch.inference_mode()
def _run_tiled(network: Backbone, photo: torch.Tensor, plan: Plan) -> None:
    run_tiled(network, photo, plan, torch.device("cpu"))


def _memory_for(weights: Path, size: tuple[int, int], manner: Manner) -> int:
    """The most bytes with which an image is restored in a certain way."""
    known = outline(Restorer.from_pretrained(weights, "cpu").backbone)
    memory = 2**36
    while make_plan(known, size, tile=0, host=memory).manner is not manner:
        memory = int(memory * 0.95)
    return memory


def prepare_restoration(weights: Path, options: RestoreOptions, size: tuple[int, int]) -> Work:
    """Makes the restoration of a photo by new weights.

    Args:
        weights: Their folder.
        options: How.
        size: Height and width of the photo.
    """
    restorer = Restorer.from_pretrained(weights, "cpu", options)
    photo = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    return lambda: restorer.restore_pixels(photo)


def _folder(plan: RestorePlan, weights: Path, folder: Path) -> Iterator[str]:
    photos = folder / "photos"
    photos.mkdir()
    for number in range(plan.photos):
        write_image(procedural_image(number, plan.photo_size), photos / f"{number}.png")
    restorer = Restorer.from_pretrained(weights, "cpu", RestoreOptions(precision="float32"))
    runs = iter(range(1000))
    ways = {
        "in turn (where a CPU computes on all its cores)": in_turn,
        "overlapping (where a GPU computes, or fewer cores)": overlap,
    }
    runners: dict[str, Work] = {
        name: lambda way=way: _restore_all(way, restorer, photos, folder / f"out{next(runs)}")  # type: ignore[misc]
        for name, way in ways.items()
    }
    times = race(runners, torch.device("cpu"), plan.repetitions)
    height, width = plan.photo_size
    yield from (f"A folder of {plan.photos} PNG files of {width} x {height} pixels:", "")
    yield line(("reading, restoring and writing", "photos/s", "of in turn"))
    yield line(("---", "---:", "---:"))
    for name, seconds in times.items():
        yield line((name, f"{plan.photos / seconds:.2f}", ratio(seconds, next(iter(times.values())))))


def _restore_all(
    way: Callable[..., Iterator[tuple[Job, Outcome | Exception]]], restorer: Restorer, photos: Path, out: Path
) -> None:
    journal = Journal(out, {})
    stages = Stages(restorer, BatchOptions(), leave_clean=True, journal=journal, show=False)
    with journal.owning():
        jobs = [Job(path, out / path.name) for path in sorted(photos.iterdir())]
        for _, result in way(jobs, stages.read, stages.work, stages.write):
            if isinstance(result, Exception):
                raise result


def _large(plan: RestorePlan, weights: Path) -> Iterator[str]:
    assert plan.large is not None
    height, width = plan.large
    options = RestoreOptions(precision="float32", memory=plan.large_memory)
    start = time.perf_counter()
    peak = peak_memory(prepare_restoration, torch.device("cpu"), weights, options, plan.large)
    seconds = time.perf_counter() - start
    image = 3 * 4 * height * width
    yield from (f"A photo of {width} x {height} pixels with `--memory {plan.large_memory / 2**30:.2f}`:", "")
    yield line(("s a megapixel", "peak MiB beside the photo", "photo MiB"))
    yield line(["---:"] * 3)
    told = "too much" if peak is None else f"{peak / 2**20:.0f}"
    yield line((f"{seconds / (height * width / 1e6):.2f}", told, f"{image / 2**20:.0f}"))
