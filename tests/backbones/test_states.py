"""Weights of other releases: recognised by names and shapes, loaded strictly, refused in one line, never run."""

import os
import pickle
import re

import pytest
import safetensors.torch
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import maskdcpt
from maskdcpt.backbones import load_backbone, save_backbone
from maskdcpt.backbones.shapes import Shapes
from maskdcpt.errors import UserError

SIZES = {
    "nafnet": {"width": 4, "encoder_blocks": (1, 0, 3), "middle_blocks": 2, "decoder_blocks": (1, 2, 1)},
    "restormer": {
        "width": 8,
        "blocks": (1, 2, 1),
        "heads": (1, 2, 4),
        "refinement_blocks": 3,
        "expansion": 1.5,
    },
    "promptir": {
        "width": 8,
        "blocks": (1, 2, 1),
        "heads": (1, 2, 2),
        "refinement_blocks": 1,
        "prompt_channels": (4, 8),
        "prompt_sizes": (6, 3),
        "prompt_components": 3,
        "prompt_heads": 2,
    },
    "swinir": {"width": 60, "encoder_blocks": (1, 2), "decoder_blocks": (2,), "heads": 2, "expansion": 1.25},
}
X = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))


def network(name: str, **fields):
    net = maskdcpt.create_backbone(name, **{**SIZES[name], **fields}).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=generator)
    return net


def saved(path, state):
    torch.save(state, path)
    return path


@torch.no_grad()
def same_function(a, b):
    return torch.equal(a(X), b(X))


@pytest.fixture(params=sorted(SIZES))
def net(request):
    return network(request.param)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"params": state},
        lambda state: {"params": {"wrong": torch.ones(1)}, "params_ema": state},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 3},
        lambda state: {"state_dict": {f"module.net.{key}": value for key, value in state.items()}},
    ],
)
def test_family_and_size_are_read_from_the_weights(net, wrap, tmp_path):
    found = load_backbone(saved(tmp_path / "x.pth", wrap(net.state_dict())))
    assert found.config == net.config
    assert same_function(found, net)
    assert not found.training


def test_a_single_safetensors_file_will_do(net, tmp_path):
    safetensors.torch.save_file(net.state_dict(), tmp_path / "x.safetensors")
    assert same_function(load_backbone(tmp_path / "x.safetensors"), net)


def test_our_own_file_is_read_with_what_lies_beside_it(tmp_path):
    for net in (network("nafnet", eps=1e-6), network("swinir", heads=6, window=4)):
        save_backbone(net, tmp_path)
        assert load_backbone(tmp_path / "model.safetensors").config == net.config


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.complex64, torch.int32])
def test_our_own_file_with_other_numbers_is_refused(dtype, tmp_path):
    net = network("nafnet")
    save_backbone(net, tmp_path)
    state = net.state_dict()
    safetensors.torch.save_file(state | {"intro.bias": state["intro.bias"].to(dtype)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"model\.safetensors: intro\.bias is no plain array"):
        load_backbone(tmp_path)


def original(state, *rules):
    for pattern, replacement in rules:
        state = {re.sub(pattern, replacement, key): value for key, value in state.items()}
    return state


RESTORMER_ORIGINAL = [
    (r"\.blocks\.", "."),
    (r"^((?:down|up)\d_\d)\.conv", r"\1.body.0"),
    (r"(norm\d)\.", r"\1.body."),
]


@pytest.mark.parametrize(
    ("name", "fields", "rules"),
    [
        ("nafnet", {"eps": 1e-6}, [(r"\.blocks\.", "."), (r"^decoder(\d)", r"decoders.\1")]),
        ("nafnet", {"eps": 1e-6}, [(r"\.blocks\.", ".")]),
        ("restormer", {}, RESTORMER_ORIGINAL),
        ("promptir", {"bias": False}, RESTORMER_ORIGINAL),
    ],
)
def test_names_of_other_releases_are_known(name, fields, rules, tmp_path):
    net = network(name, **fields)
    state = original(net.state_dict(), *rules)
    assert state.keys() != net.state_dict().keys()
    if name == "promptir":
        state |= {"chnl_reduce1.weight": torch.ones(2, 2, 1, 1), "reduce_noise_channel_3.weight": torch.ones(1)}
    found = load_backbone(saved(tmp_path / "x.pth", state))
    assert found.config == net.config
    assert same_function(found, net)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("restormer", lambda s: {k: v for k, v in s.items() if "norm" not in k or "bias" not in k}, "have no bias"),
        ("restormer", lambda s: s | {"skip_conv.weight": torch.ones(1)}, "dual-pixel"),
        ("swinir", lambda s: s | {"layers.0.attn.relative_position_bias_table": torch.ones(1)}, "relative position"),
        ("nafnet", lambda s: {k: v for k, v in s.items() if k != "intro.weight"}, "weights of no known network"),
        ("nafnet", lambda s: {k: v for k, v in s.items() if k != "ending.bias"}, r"1 missing \(ending.bias\)"),
        ("nafnet", lambda s: s | {"extra": torch.ones(1)}, r"1 unexpected \(extra\)"),
        ("swinir", lambda s: s | {"norm.weight": torch.ones(3)}, r"1 of another shape \(norm.weight\)"),
        ("promptir", lambda s: s | {"output.bias": torch.full((3,), torch.nan)}, r"no numbers \(output.bias\)"),
        ("restormer", lambda s: s | {"latent.blocks.0.attn.temperature": torch.ones(3, 1, 1)}, "do not divide"),
        ("restormer", lambda s: {k: v for k, v in s.items() if not k.startswith("latent")}, "temperature is missing"),
        ("nafnet", lambda s: s | {"intro.weight": torch.tensor(1.0)}, "intro.weight is missing"),
        ("nafnet", lambda s: s | {"intro.weight": torch.ones(1).expand(10**9, 3, 3, 3)}, "intro.weight is no plain"),
        ("nafnet", lambda s: s | {"intro.weight": torch.ones(10**9, 0, 3, 3)}, "intro.weight is no plain"),
        ("nafnet", lambda s: s | {"ending.bias": torch.ones(1).expand(10**13)}, "ending.bias is no plain"),
        ("nafnet", lambda s: s | {"intro.weight": torch.ones(10**6, 1, 1, 1)}, "of another shape"),
        ("nafnet", lambda s: s | {"intro.bias": s["intro.bias"].to(torch.complex64)}, "intro.bias is no plain array"),
        ("nafnet", lambda s: s | {"intro.bias": torch.ones(4).to_sparse()}, "intro.bias is no plain array"),
        ("restormer", lambda s: s | {"latent.blocks.0.ffn.project_in.weight": torch.ones(3)}, "numbers of axes"),
        ("promptir", lambda s: s | {"prompt1.prompt_param": torch.ones(3, 3)}, "numbers of axes"),
    ],
)
def test_what_is_no_such_network_is_refused(name, change, message, tmp_path):
    path = saved(tmp_path / "x.pth", change(network(name).state_dict()))
    with pytest.raises(UserError, match=message) as error:
        load_backbone(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_file_is_never_run(tmp_path):
    trap = {"params": Trap(str(tmp_path / "sprung"))}
    with pytest.raises(UserError, match="holds code besides weights, which is never run"):
        load_backbone(saved(tmp_path / "a.pth", trap))
    (tmp_path / "b.pth").write_bytes(pickle.dumps(trap))
    with pytest.raises(UserError, match="not a file of weights"):
        load_backbone(tmp_path / "b.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_half_a_file_is_refused(share, suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    state = network("nafnet").state_dict()
    torch.save(state, path) if suffix == "pth" else safetensors.torch.save_file(state, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match=f"x.{suffix}: ") as error:
        load_backbone(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"text", b"\x80\x04N.", b"PK\x03\x04", bytes(range(256))])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pth: "):
        load_backbone(tmp_path / "x.pth")


@pytest.mark.parametrize("content", [3, [1, 2], {"params": 3}, {}, {"a": torch.ones(1), "b": 2}])
def test_a_file_without_weights_is_refused(content, tmp_path):
    with pytest.raises(UserError, match="no weights in it"):
        load_backbone(saved(tmp_path / "x.pth", content))


def test_weights_of_another_release_restore_but_do_not_classify(net, tmp_path):
    restorer = maskdcpt.Restorer.from_pretrained(saved(tmp_path / "x.pth", net.state_dict()), device="cpu")
    assert restorer.restore(X[0]).shape == X[0].shape
    with pytest.raises(UserError, match="no classifier"):
        restorer.classify(X[0])


@given(st.lists(st.integers(1, 512), min_size=1, max_size=5), st.integers(20, 600).map(lambda n: n / 100))
@example([200], 1.13)  # floating point lets 200 x 1.13 fall short of 226
@example([25], 4.61)  # and 25 x 4.6 of 115
@example([75], 1.65)
@settings(deadline=None)
def test_the_expansion_is_the_roundest_that_fits(channels, expansion):
    state = {}
    for index, outside in enumerate(channels):
        inside = int(outside * expansion)
        state[f"{index}.in"], state[f"{index}.out"] = torch.empty(1, outside), torch.empty(1, inside)
    if 0 in (int(c * expansion) for c in channels):
        return
    found = Shapes(state).ratio((f"{index}.in", f"{index}.out") for index in range(len(channels)))
    assert [int(c * found) for c in channels] == [int(c * expansion) for c in channels]
    assert len(str(found)) <= len(str(expansion))
