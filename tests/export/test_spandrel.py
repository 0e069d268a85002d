"""spandrel learns our families: it tells their weights apart, loads them, and knows how to call them."""

import sys

import pytest
import safetensors.torch
import spandrel_stand_in
import torch
from export_helpers import TINY, make_network

from maskdcpt.backbones import create_backbone, load_backbone, save_backbone
from maskdcpt.errors import UserError
from maskdcpt.export.spandrel import belongs_to, register

# What the weights do not tell, or not exactly, has to be as in the published networks: SwinIR's heads and windows, and
# whatever is read from blocks, of which there have to be some at every level.
SIZES = {
    "nafnet": TINY["nafnet"],
    "promptir": {**TINY["promptir"], "blocks": (1, 1, 1), "refinement_blocks": 1, "expansion": 2.0},
    "restormer": {**TINY["restormer"], "expansion": 2.0},
    "swinir": {"width": 30, "encoder_blocks": (2,), "decoder_blocks": (1,), "heads": 1},
}


@pytest.fixture
def registry(monkeypatch):
    """spandrel's registry of a program that has called ``register()``."""
    monkeypatch.setitem(sys.modules, "spandrel", spandrel_stand_in)
    monkeypatch.setattr(spandrel_stand_in, "MAIN_REGISTRY", spandrel_stand_in.ArchRegistry())
    register()
    return spandrel_stand_in.MAIN_REGISTRY


@pytest.fixture(params=SIZES)
def network(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return create_backbone(request.param, **SIZES[request.param]).eval()


def test_weights_that_we_save_are_loaded_by_themselves(registry, network, tmp_path):
    save_backbone(network, tmp_path)
    loaded = registry.load(safetensors.torch.load_file(tmp_path / "model.safetensors"))
    assert loaded.model.config == network.config
    assert loaded.architecture.name == f"MaskDCPT {type(network).__name__}"
    assert (loaded.purpose, loaded.scale, loaded.input_channels, loaded.output_channels) == ("Restoration", 1, 3, 3)
    assert loaded.tags == [f"{network.config.width}w"]
    assert loaded.size_requirements.multiple_of == network.stride
    local = network.config.name == "swinir"
    assert loaded.tiling.name == ("SUPPORTED" if local else "DISCOURAGED")
    x = torch.rand(1, 3, 21, 18, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(loaded(x), load_backbone(tmp_path)(x).clamp(0, 1), atol=1e-6)


def test_each_family_is_told_from_the_others(network):
    state = network.state_dict()
    assert [family for family in SIZES if belongs_to(family, state)] == [network.config.name]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"conv.weight": torch.zeros(1)},
        {"intro.weight": "text"},
        {"epoch": 3, **make_network("nafnet").state_dict()},
        {key: value for key, value in make_network("swinir").state_dict().items() if "blocks" not in key},
    ],
    ids=["nothing", "another", "no tensor", "a checkpoint", "incomplete"],
)
def test_other_weights_are_left_to_others(state):
    assert not any(belongs_to(family, state) for family in SIZES)


def test_weights_under_the_names_of_the_original_are_left_to_spandrel():
    original = {
        key.replace("decoder0.", "decoders.0.").replace("decoder1.", "decoders.1.").replace("blocks.", ""): value
        for key, value in make_network("nafnet").state_dict().items()
    }
    assert not any(belongs_to(family, original) for family in SIZES)


def test_registering_twice_changes_nothing(registry):
    before = dict(registry.entries)
    register()
    register(registry)
    assert registry.entries == before
    assert len(before) == 4


def test_another_registry_can_be_told(registry):
    own = spandrel_stand_in.ArchRegistry()
    register(own)
    assert own.entries.keys() == registry.entries.keys()


def test_without_spandrel_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UserError, match='needs the package spandrel: pip install "spandrel"'):
        register()
