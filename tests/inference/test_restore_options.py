"""How images are restored can be chosen, and what had to be done is told."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from maskdcpt.errors import UserError
from maskdcpt.inference import RestoreOptions, Restorer, memory, work
from maskdcpt.inference.tiling import Manner, Outline, make_plan, outline, run_alone
from maskdcpt.inference.tiling.live import LiveValues
from maskdcpt.inference.tiling.plan import CPU_ROOM, TILE_MEMORY, VALUE, Plan

PIXELS = torch.rand(3, 90, 150, generator=torch.Generator().manual_seed(0))
MIB = 2**20


def restorer_of(weights, **options):
    return Restorer.from_pretrained(weights, device="cpu", options=RestoreOptions(**options))


@pytest.fixture(scope="module")
def whole(weights):
    return restorer_of(weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 63}, r"tile is 63, but must be 0 \(automatic\) or 64 pixels or more"),
        ({"tile": -64}, "tile is -64"),
        ({"memory": -1}, "memory is -1"),
        ({"strength": 1.1}, "strength is 1.1"),
        ({"strength": float("nan")}, "strength is nan"),
    ],
)
def test_options_out_of_range_are_errors(options, message):
    with pytest.raises(UserError, match=message):
        RestoreOptions(**options)


def test_what_only_makes_work_possible_or_faster_is_no_part_of_what_a_result_is():
    usual = {"precision": "auto", "self_ensemble": False, "strength": 1.0, "tile": 0, "memory": 0, "compile": False}
    assert RestoreOptions().as_dict() == RestoreOptions(memory=2**30, compile=True).as_dict() == usual
    for change in ({"tile": 64}, {"precision": "float32"}, {"self_ensemble": True}, {"strength": 0.5}):
        assert RestoreOptions(**change).as_dict() == usual | change


def test_tiles_that_are_asked_for_change_nothing(weights, whole):
    tiled = restorer_of(weights, tile=64).restore_pixels(PIXELS, classify=True)
    expected = whole.restore_pixels(PIXELS, classify=True)
    assert torch.allclose(tiled.pixels, expected.pixels, atol=1e-5)
    assert dict(tiled.types) == pytest.approx(dict(expected.types), abs=1e-4)
    assert tiled.notes == expected.notes == ()


def test_strength_keeps_a_part_of_the_change(weights, whole):
    half = restorer_of(weights, strength=0.25).restore(PIXELS)
    assert torch.allclose(half, 0.75 * PIXELS + 0.25 * whole.restore(PIXELS), atol=1e-6)
    assert torch.equal(restorer_of(weights, strength=0.0).restore(PIXELS), PIXELS)


def test_a_self_ensemble_does_not_change_when_the_image_is_turned(weights, whole):
    ensemble = restorer_of(weights, self_ensemble=True)
    expected = ensemble.restore(PIXELS)
    for turn in (lambda x: x.flip(-1), lambda x: x.rot90(1, (1, 2)), lambda x: x.rot90(2, (1, 2)).flip(-1)):
        assert torch.allclose(ensemble.restore(turn(PIXELS)), turn(expected), atol=1e-5)
    assert not torch.allclose(whole.restore(PIXELS), expected, atol=1e-5)


def test_what_is_not_finite_is_computed_once_more_in_float32(weights, whole, monkeypatch):
    half = restorer_of(weights, precision="float16")
    forward = half.backbone.forward
    monkeypatch.setattr(
        half.backbone, "forward", lambda x: forward(x) * (float("nan") if torch.is_autocast_enabled("cpu") else 1)
    )
    restored = half.restore_pixels(PIXELS)
    assert torch.allclose(restored.pixels, whole.restore(PIXELS), atol=1e-6)
    assert restored.notes == ("float16 gave numbers that are not finite; used float32",)


@pytest.mark.parametrize("options", [{}, {"tile": 64}])
def test_threads_may_share_a_restorer(weights, whole, options):
    images = [PIXELS.roll(5 * shift, 2) for shift in range(6)]
    shared = restorer_of(weights, **options)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(shared.restore, images))
    for image, restored in zip(images, found, strict=True):
        assert torch.allclose(restored, whole.restore(image), atol=1e-5)


def test_nothing_keeps_a_graph_for_gradients(weights):
    for options in ({}, {"tile": 64}):
        restorer, seen = restorer_of(weights, **options), []
        restorer.backbone.intro.register_forward_hook(
            lambda *_, seen=seen: seen.append(torch.is_inference_mode_enabled())
        )
        restored = restorer.restore_pixels(PIXELS, classify=True).pixels
        assert seen
        assert all(seen)
        assert not restored.is_inference()
        assert not restored.requires_grad


def test_less_memory_gives_other_plans_until_there_is_none(weights):
    known, size = outline(restorer_of(weights).backbone), (4000, 6000)
    manners = []
    for mebibytes in (100_000, 20_000, 5_000, 2_500, 1_500, 1_200):
        plan = make_plan(known, size, tile=0, host=mebibytes * MIB, align=4)
        manners.append(plan.manner)
    assert manners == sorted(manners, key=list(Manner).index)
    assert {Manner.WHOLE, Manner.PARTS, Manner.FUSED} <= set(manners)
    with pytest.raises(UserError, match=r"not enough memory: an image of 24\.0 megapixels takes \d+ MiB or more"):
        make_plan(known, size, tile=0, host=100 * MIB, align=4)


def test_tiles_at_once_take_no_more_memory_than_was_planned(weights):
    known, size = outline(restorer_of(weights).backbone), (4000, 6000)
    for mebibytes in (20_000, 2_500, 1_500):
        cpu = make_plan(known, size, tile=64, host=mebibytes * MIB, align=4)
        gpu = make_plan(known, size, tile=64, host=mebibytes * MIB, device=mebibytes * MIB, align=4)
        assert cpu.room <= CPU_ROOM  # beyond which a CPU wins nothing
        if gpu.manner is Manner.FUSED:
            assert VALUE * known.fused(gpu.below) * gpu.room <= TILE_MEMORY
            assert gpu.room > (64 + 2 * gpu.margin) ** 2
        else:
            assert gpu.room > CPU_ROOM
            assert VALUE * known.expansion * gpu.values <= TILE_MEMORY
    alone = make_plan(Outline(values=1000), (640, 640), tile=64, host=400 * MIB, device=400 * MIB)
    assert 2 * (64 + 2 * alone.margin) ** 2 <= alone.room <= 400 * MIB / VALUE / 1000


def test_values_that_are_held_at_once_are_counted():
    with LiveValues() as live:
        a = torch.ones(100)
        b = a.reshape(10, 10).T  # the same values
        c = a + 1
        del a, b
        d = c * 2
        del c
    assert d.sum() == 400
    assert live.most == 200


def test_a_network_without_views_is_run_on_tiles_that_stand_alone(weights):
    network = restorer_of(weights).backbone
    seen = []

    @torch.no_grad()
    def run(batch):
        seen.append(tuple(batch.shape[-2:]))
        return network(batch)

    x = PIXELS[None, :, :88, :148]
    plan = Plan(Manner.ALONE, side=64, margin=16, feather=8)
    assert run_alone(lambda tile: 2 * tile, x, plan, 4).restored.sub(2 * x).abs().max() < 1e-6
    found = run_alone(run, x, plan, 4).restored
    assert (found - run(x)).abs().mean() < 0.2 * (found - x).abs().mean()
    assert max(max(size) for size in seen[:-1]) <= 64 + 2 * 16  # the last is the whole image


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_what_is_left_below_its_limit(tmp_path, monkeypatch, version):
    folder = tmp_path / "memory" if version == 1 else tmp_path
    folder.mkdir(exist_ok=True)
    names = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes"), 2: ("memory.max", "memory.current")}[version]
    (folder / names[0]).write_text("1000000\n")
    (folder / names[1]).write_text("700000\n")
    (folder / "memory.stat").write_text("anon 1\ninactive_file 50000\ntotal_inactive_file 50000\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9999 kB\nMemAvailable:  2000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    assert memory.free_memory(torch.device("cpu")) <= 2000 * 1024
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.free_memory(torch.device("cpu")) == 350_000
    (folder / names[0]).write_text("max\n")
    assert memory.free_memory(torch.device("cpu")) == 2000 * 1024


@pytest.mark.parametrize("options", [{}, {"self_ensemble": True}, {"memory": 60 * MIB}])
def test_work_in_tiles_is_watched_to_its_end(weights, options):
    shares = []
    restorer = restorer_of(weights, tile=64, **options)
    restorer.restore_pixels(PIXELS, watch=shares.append)
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] == pytest.approx(1, abs=0.02)  # the head of the network is not told among its parts
    unwatched = []
    restorer_of(weights).restore_pixels(PIXELS, watch=unwatched.append)
    assert unwatched == []  # in one piece there is nothing to tell


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_of_a_job_in_a_group_further_in_counts(tmp_path, monkeypatch, version):
    root = tmp_path / "memory" if version == 1 else tmp_path
    names = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes"), 2: ("memory.max", "memory.current")}[version]
    for place, limit in (("jobs", 500_000), ("jobs/a:1", 800_000), ("jobs/other", 1)):
        (root / place).mkdir(parents=True)
        (root / place / names[0]).write_text(f"{limit}\n")
        (root / place / names[1]).write_text("100000\n")
        (root / place / "memory.stat").write_text("")
    (tmp_path / "own").write_text({1: "5:cpu,memory:/jobs/a:1\n0::/\n", 2: "0::/jobs/a:1\n"}[version])
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "own")
    assert memory.free_memory(torch.device("cpu")) == 400_000
    (root / "jobs" / names[0]).write_text("900000\n")
    assert memory.free_memory(torch.device("cpu")) == 700_000


def test_tiles_of_a_narrow_image_that_are_divided_are_blended_all_the_same():
    x = torch.rand(1, 3, 160, 40, generator=torch.Generator().manual_seed(0))
    plan = Plan(Manner.ALONE, side=160, margin=16, feather=16)

    def short(tile):
        if tile.shape[-2] > 75:
            raise MemoryError
        return 2 * tile

    found = run_alone(short, x, plan, 8)
    assert found.halvings
    assert (found.restored - 2 * x).abs().max() < 1e-6


def test_free_memory_is_asked_for_only_if_none_is_given(weights, monkeypatch):
    asked = []
    monkeypatch.setattr(work, "free_memory", lambda device: asked.append(device) or 2**40)
    restorer_of(weights, memory=500 * MIB).restore_pixels(PIXELS)
    assert asked == []
    restorer_of(weights).restore_pixels(PIXELS)
    assert asked == [torch.device("cpu")]
