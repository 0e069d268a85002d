"""The cost of every network: inference, training steps with and without masks, and their memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from maskdcpt.backbones import Backbone, create_backbone
from maskdcpt.benchmarks.table import line, ratio
from maskdcpt.devices import move
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask, ZeroedView
from maskdcpt.profiling.arithmetic import count_flops
from maskdcpt.profiling.memory import peak_memory
from maskdcpt.profiling.timing import MATRIX_FLOPS, Work, matrix_product, race
from maskdcpt.progress import progress_bar

PATCH = 16
"""Side of a patch of the masks in pixels."""


class Plan(NamedTuple):
    """How large the work is."""

    inference: int
    """Side of the square image that is restored, in pixels."""
    large: int | None
    """Side of a large one, restored in one way; None for none."""
    train: tuple[int, int]
    """Images and their sides in a training step."""
    memory: tuple[int, int]
    """Images and their sides in a training step whose memory is measured."""
    repetitions: int
    """Times that each work is timed."""
    compiled: bool = False
    """Whether the image is restored by a compiled network as well, which takes minutes to compile."""


FULL = Plan(inference=256, large=1024, train=(4, 128), memory=(1, 256), repetitions=2)
QUICK = Plan(inference=128, large=None, train=(1, 96), memory=(1, 96), repetitions=2)


def bench_backbones(names: Sequence[str], plan: Plan, device: torch.device) -> Iterator[str]:
    """Measures networks of the published size with fresh weights, and tells the tables as lines of Markdown.

    Args:
        names: Families.
        plan: How large the work is.
        device: Where it happens.

    Raises:
        UserError: If a name is unknown or, later, compiling fails.
    """
    with torch.device("meta"):
        for name in names:
            create_backbone(name)
    return _lines(names, plan, device)  # apart, so that errors above come at once and not with the first line


def _lines(names: Sequence[str], plan: Plan, device: torch.device) -> Iterator[str]:
    tables = list(_tables(plan, device))
    with progress_bar(total=len(names) * len(tables), title="bench", unit="row") as bar:
        for title, columns, measure in tables:
            yield from (f"{title}:", "", line(columns), line(["---", *("---:" for _ in columns[1:])]))
            for name in names:
                bar.set_postfix_str(f"{name}: {title}")
                yield line([name, *measure(name, plan, device)])
                bar.update()
            yield ""


class Table(NamedTuple):
    """One table, a row for each network."""

    title: str
    """What is measured."""
    columns: tuple[str, ...]
    """Titles of the columns, the first that of the networks' names."""
    measure: Callable[[str, Plan, torch.device], Sequence[str]]
    """The rest of a network's row."""


def _tables(plan: Plan, device: torch.device) -> Iterator[Table]:
    yield Table(
        f"Restoring an image of {plan.inference} x {plan.inference} pixels",
        ("network", "GFLOP", "s", "of matrix rate", "channels-first", "bfloat16", "compiled"),
        _inference,
    )
    if plan.large:
        yield Table(
            f"Restoring an image of {plan.large} x {plan.large} pixels",
            ("network", "GFLOP", "s", "of matrix rate"),
            _large_inference,
        )
    images, side = plan.train
    yield Table(
        f"A training step without the optimizer, {images} x {side} x {side} pixels",
        ("network", "s", "of matrix rate", "50 % hidden", "75 % hidden", "50 % hidden, as zeros"),
        _training,
    )
    images, side = plan.memory
    if device.type != "mps":  # which does not tell a peak
        yield Table(
            f"Memory that such a step adds, gradients included, {images} x {side} x {side} pixels",
            ("network", "MiB", "checkpointed", "50 % hidden"),
            _memory,
        )


def _inference(name: str, plan: Plan, device: torch.device) -> Sequence[str]:
    net = _network(name, device).eval()
    x = _images(1, plan.inference, device)
    first = create_backbone(name).eval().to(device)
    x_first = x.contiguous()

    @torch.no_grad()
    def restore(network: Callable[[Tensor], Tensor], image: Tensor, half: bool = False) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            return network(image)

    runners: dict[str, Work] = {
        "matrix": matrix_product(device),
        "restore": lambda: restore(net, x),
        "first": lambda: restore(first, x_first),
    }
    if _has_bfloat16(device):
        runners["half"] = lambda: restore(net, x, half=True)
    if plan.compiled:
        runners["compiled"] = _compiled(net, lambda network: restore(network, x))
    times = race(runners, device, plan.repetitions)
    flops = _flops(name, 1, plan.inference)
    relative = [ratio(times.get(key), times["restore"]) for key in ("first", "half", "compiled")]
    return f"{flops / 1e9:.0f}", f"{times['restore']:.3f}", _share(flops, times["restore"], times), *relative


@torch.no_grad()
def _large_inference(name: str, plan: Plan, device: torch.device) -> Sequence[str]:
    net = _network(name, device).eval()
    x = _images(1, plan.large or 0, device)
    flops = _flops(name, 1, plan.large or 0)
    times = race({"restore": lambda: net(x), "matrix": matrix_product(device)}, device, 1)
    return f"{flops / 1e9:.0f}", f"{times['restore']:.1f}", _share(flops, times["restore"], times)


def _compiled(net: Backbone, restore: Callable[[Callable[[Tensor], Tensor]], Tensor]) -> Work:
    network = torch.compile(net)
    try:
        restore(network)
    except torch._dynamo.exc.TorchDynamoException as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"compiling failed ({reason}); leave out --compiled") from error
    return lambda: restore(network)


def _training(name: str, plan: Plan, device: torch.device) -> Sequence[str]:
    images, side = plan.train
    net = _network(name, device)
    half, quarter = (_mask(images, side, hidden, device) for hidden in (0.5, 0.75))

    def with_zeros() -> Tensor:
        view = ZeroedView(half)
        return net.forward_head(net.encode(view.enter(x), view), x, half)

    x = _images(images, side, device)
    runners: dict[str, Work] = {
        "matrix": matrix_product(device),
        "plain": lambda: _step(net, lambda: net(x)),
        "half": lambda: _step(net, lambda: net(x, mask=half)),
        "quarter": lambda: _step(net, lambda: net(x, mask=quarter)),
        "zeros": lambda: _step(net, with_zeros),
    }
    times = race(runners, device, plan.repetitions)
    flops = 3 * _flops(name, images, side)  # gradients of inputs and of weights cost as much as the pass forward, each
    relative = [ratio(times[key], times["plain"]) for key in ("half", "quarter", "zeros")]
    return f"{times['plain']:.3f}", _share(flops, times["plain"], times), *relative


def _memory(name: str, plan: Plan, device: torch.device) -> Sequence[str]:
    images, side = plan.memory
    plain, checkpointed, masked = (
        peak_memory(prepare_step, device, name, images, side, device, checkpointed=again, hidden=hidden)
        for again, hidden in ((False, None), (True, None), (False, 0.5))
    )
    absolute = "too much" if plain is None else f"{plain / 2**20:.0f}"
    return absolute, ratio(checkpointed, plain), ratio(masked, plain)


def prepare_step(
    name: str, images: int, side: int, device: torch.device, *, checkpointed: bool, hidden: float | None
) -> Work:
    """Makes a training step of a new network.

    Args:
        name: Family.
        images: Images of the batch.
        side: Their sides in pixels.
        device: Where it runs.
        checkpointed: Whether blocks compute their inside again.
        hidden: Share of the patches to hide; None for a step without a mask.
    """
    net = _network(name, device)
    net.set_grad_checkpointing(checkpointed)
    x = _images(images, side, device)
    mask = None if hidden is None else _mask(images, side, hidden, device)
    return lambda: _step(net, lambda: net(x, mask=mask))


def _share(flops: int, time: float, times: Mapping[str, float]) -> str:
    """A rate of operations as a share of that of the matrix product."""
    return f"{flops / time * times['matrix'] / MATRIX_FLOPS:.2f}"


def _network(name: str, device: torch.device) -> Backbone:
    net = create_backbone(name)
    move(net, device)
    return net


def _flops(name: str, images: int, side: int) -> int:
    """Floating-point operations of a pass forward."""
    return count_flops(lambda: create_backbone(name), images, side, side)


def _images(images: int, side: int, device: torch.device) -> Tensor:
    return torch.rand(images, 3, side, side, device=device).to(memory_format=torch.channels_last)


def _mask(images: int, side: int, hidden: float, device: torch.device) -> VisibleMask:
    grid = (-(-side // PATCH), -(-side // PATCH))
    return VisibleMask.random(images, grid, hidden, generator=torch.Generator().manual_seed(0)).to(device)


def _step(net: nn.Module, forward: Callable[[], Tensor]) -> None:
    forward().abs().mean().backward()  # type: ignore[no-untyped-call]
    net.zero_grad(set_to_none=True)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32, which is to say, at all."""
    side = 512  # large enough for every device, small enough for one that takes a thousand times as long
    full, half = (matrix_product(device, kind, side) for kind in (torch.float32, torch.bfloat16))
    times = race({"full": full, "half": half}, device, 3)
    return times["half"] < times["full"]
