"""A network on tiles gives what it gives on the whole image, sums over the image included."""

import pytest
import torch
import torch.nn.functional as F

import maskdcpt
from maskdcpt.backbones.base import pad_to
from maskdcpt.inference.tiling import Manner, Plan, outline, run_tiled, tile_unit
from maskdcpt.inference.tiling.geometry import Box, Tile
from maskdcpt.inference.tiling.ledger import Ledger, Unanswered
from maskdcpt.inference.tiling.sweep import Tiler
from maskdcpt.inference.tiling.views import TileView
from maskdcpt.pretraining import ClassificationDecoder, ClassifierConfig, classifier_channels, classifier_features

CPU = torch.device("cpu")
SIZES = {
    "nafnet": {"width": 4, "encoder_blocks": [1, 1, 2], "decoder_blocks": [1, 1, 1]},
    "restormer": {"width": 4, "blocks": [1, 1, 2], "heads": [1, 2, 2], "refinement_blocks": 1},
    "promptir": {
        "width": 4,
        "blocks": [1, 1, 2],
        "heads": [1, 2, 2],
        "refinement_blocks": 1,
        "prompt_channels": [4, 4],
        "prompt_sizes": [5, 3],
    },
    "swinir": {"width": 6, "encoder_blocks": [2], "decoder_blocks": [2], "heads": 2, "window": 4},
}


def network(family):
    """A tiny one in double precision whose every parameter has an effect."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = maskdcpt.create_backbone(family, **SIZES[family]).double().eval()
        for parameter in net.parameters():
            parameter.data.add_(torch.randn_like(parameter), alpha=0.2)
    return net


def picture(height, width):
    """Dark on one side and bright on the other, so that no tile has the statistics of the whole."""
    noise = torch.rand(1, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return noise * torch.linspace(0.1, 1, width, dtype=torch.float64)


def plans(net):
    """Every way of working in tiles that gives what the whole image gives."""
    known = outline(net)
    yield Plan(Manner.PARTS, side=32)
    yield Plan(Manner.PARTS, values=4000)
    yield Plan(Manner.PARTS, side=16, values=9000, room=1500)
    for below in known.descents:
        margin = -(-known.reach_above(below) // net.stride) * net.stride
        yield Plan(Manner.FUSED, side=32, values=4000, margin=margin, below=below)
    if known.descents:
        room = 4 * (16 + 2 * margin) ** 2
        yield Plan(Manner.FUSED, side=16, values=4000, margin=margin, below=below, room=room)


@pytest.mark.parametrize("size", [(52, 71), (9, 50)])
@pytest.mark.parametrize("family", SIZES)
@torch.inference_mode()
def test_tiles_give_what_the_whole_image_gives(family, size):
    net, image = network(family), picture(*size)
    expected = net(image)
    padded = pad_to(image, tuple(-(-side // net.stride) * net.stride for side in size))
    assert (expected - image).abs().mean() > 0.01
    for plan in plans(net):
        found = run_tiled(net, padded, plan, CPU).restored[..., : size[0], : size[1]]
        assert (found - expected).abs().max() < 1e-9, plan


@pytest.mark.parametrize("family", ["nafnet", "restormer", "promptir"])
@torch.inference_mode()
def test_tiles_with_statistics_of_their_own_would_not(family):
    net, image = network(family), picture(48, 96)
    halves = torch.cat([net(image[..., :48]), net(image[..., 48:])], -1)
    assert (halves - net(image)).abs()[..., :24].max() > 1e-3  # far from the seam


@pytest.mark.parametrize("features", ["latter-half", "last", "all"])
@pytest.mark.parametrize("family", SIZES)
@torch.inference_mode()
def test_damage_is_named_from_tiles_as_from_the_whole_image(family, features):
    net, image = network(family), picture(64, 96)
    config = ClassifierConfig(blocks=1, features=features)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        classifier = ClassificationDecoder(classifier_channels(net, features), ("a", "b", "c"), config).double().eval()
    whole = net.forward_features(image, early=True)
    expected = classifier(classifier_features(whole, net, features))
    found = run_tiled(net, image, Plan(Manner.PARTS, side=32), CPU, classifier)
    assert torch.allclose(found.logits, expected, atol=1e-6)
    assert torch.allclose(found.restored, net(image), atol=1e-9)
    if net.feature_info[-1].stride > 1:
        unit = tile_unit(net, classifier)
        margin = -(-(outline(net).whole_reach + classifier.reach) // unit) * unit
        fused = run_tiled(net, image, Plan(Manner.FUSED, side=32, values=2500, margin=margin, below=2), CPU, classifier)
        assert torch.allclose(fused.logits, expected, atol=1e-6)


@torch.inference_mode()
def test_tiles_that_stand_alone_are_near_and_blended():
    net, image = network("swinir"), picture(96, 96)
    plan = Plan(Manner.ALONE, side=48, margin=32, feather=8)
    found, expected = run_tiled(net, image, plan, CPU).restored, net(image)
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))  # windows at the border wrap, and tiles do not
    assert (found - expected)[inner].abs().mean() < 0.02 * (expected - image)[inner].abs().mean()


@pytest.mark.parametrize("region", [Box(0, 0, 16, 24), Box(8, 16, 32, 40)])
def test_a_small_map_is_spread_over_a_tile_as_over_the_image(region):
    view = TileView([Tile(region, region)], (32, 40), Ledger())
    x = torch.rand(2, 3, 5, 3, dtype=torch.float64)
    over = torch.empty(1, 1, (region.bottom - region.top) // 2, (region.right - region.left) // 2)
    expected = F.interpolate(x, (16, 20), mode="bilinear")
    assert torch.allclose(view.spread(x, over), region.at(2).crop(expected), atol=1e-12)


@pytest.mark.parametrize("family", SIZES)
@torch.inference_mode()
def test_the_reach_that_an_outline_tells_is_enough_and_not_far_too_much(family):
    net, known = network(family), outline(network(family))
    side = 8 * -(-(2 * known.whole_reach + 32) // 8)
    view = TileView([Tile(Box(0, 0, side, side), Box(0, 0, side, side))], (side, side), _Constant())
    x = torch.rand(1, 3, side, side, dtype=torch.float64)
    y = x.clone()
    middle = side // 2
    y[..., middle, middle] += 0.5
    rows = (_run(net, x, view) != _run(net, y, view)).any(1)[0].any(1).nonzero()
    reached = (rows - middle).abs().max().item()
    assert reached <= known.whole_reach
    assert reached >= known.whole_reach / 4


class _Constant(Ledger):
    """Sums that no pixel changes."""

    def __init__(self):
        super().__init__()
        self._sums: list = []

    def ask(self, number):
        return self._sums[number] if number < len(self._sums) else None

    def answer(self):
        self.settle()
        self._sums = self._answers


def _run(net, x, view):
    while True:
        view._asked = 0
        try:
            return net.forward_head(net.encode(x, view), x)
        except Unanswered:
            view._ledger.answer()


def test_memory_that_runs_out_halves_tiles_and_keeps_what_is_done():
    tiler = Tiler((64, 64), 8, CPU, side=32)
    runs, most = [], 20

    def double(x, view):
        runs.append(view.tiles[0].region)
        if x.shape[-1] > most and len(runs) > 1:
            raise torch.OutOfMemoryError("none left")
        return 2 * x + 0 * view.mean(x)

    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(tiler.sweep(double, [x], 32, 0), 2 * x)
    assert tiler.halvings == 1
    first, failed, *others = runs[: 1 + 3 * 5]
    assert (first, failed) == (Box(0, 0, 32, 32), Box(0, 32, 32, 64))
    assert first not in others[:12]


def test_the_mean_is_that_of_the_image_whatever_was_divided():
    tiler = Tiler((64, 64), 8, CPU, side=32)
    x, seen = picture(64, 64), []

    def mean(tile, view):
        if tile.shape[-1] > 16 and view.tiles[0].region.left >= 32:
            raise MemoryError
        seen.append(view.mean(tile))
        return tile

    tiler.sweep(mean, [x], 32, 0)
    assert all(torch.allclose(found, x.mean((2, 3), keepdim=True), atol=1e-12) for found in seen)
    assert len(seen) == 2 + 2 * 4


@pytest.mark.parametrize(("margin", "room", "most"), [(0, 0, 1), (0, 700, 2), (0, 64**2, 16), (8, 3 * 32**2, 3)])
def test_as_many_tiles_of_one_shape_run_at_once_as_there_is_room_for(margin, room, most):
    x, batches, shares = picture(64, 64), [], []
    tiler = Tiler((64, 64), 8, CPU, side=16, room=room, tick=shares.append)

    def add_mean(tiles, view):
        batches.append(tiles.shape)
        return tiles + view.mean(tiles)

    found = tiler.sweep(add_mean, [x], 16, margin)
    assert torch.allclose(found, x + x.mean((2, 3), keepdim=True), atol=1e-12)
    assert max(count for count, *_ in batches) == most
    assert all(count == 1 or count * height * width <= room for count, _, height, width in batches)
    assert sum(shares) == pytest.approx(2)  # one round for the mean, one after it
    assert not tiler.halvings


def test_memory_that_runs_out_for_several_tiles_suffices_for_each():
    tiler = Tiler((64, 64), 8, CPU, side=16, room=64**2)
    x, batches = picture(64, 64), []

    def double(tiles, view):
        batches.append(len(tiles))
        if len(tiles) > 1:
            raise torch.OutOfMemoryError("none left")
        return 2 * tiles

    for _ in range(2):
        assert torch.equal(tiler.sweep(double, [x], 16, 0), 2 * x)
    assert batches == [16] + [1] * 32
    assert not tiler.halvings


@pytest.mark.parametrize("family", SIZES)
@torch.inference_mode()
def test_float32_hardly_depends_on_how_many_tiles_run_at_once(family):
    net, image = network(family).float(), picture(64, 96).float()
    one, several = (
        run_tiled(net, image, Plan(Manner.PARTS, side=32, values=10**6, room=room), CPU).restored
        for room in (0, 128**2)
    )
    assert (one - several).abs().max() < 1e-5 * one.abs().max()


def test_a_smallest_tile_for_which_memory_runs_out_and_other_faults_are_errors():
    def fail(error):
        def function(x, view):
            raise error

        return function

    for error in (torch.OutOfMemoryError("none left"), RuntimeError("broken")):
        with pytest.raises(RuntimeError, match=str(error)):
            Tiler((16, 16), 8, CPU, side=16).sweep(fail(error), [torch.rand(1, 3, 16, 16)], 16, 0)
