"""Each network at its published size is the published network: keys, shapes, order and numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import maskdcpt

GOLDEN = {
    name: json.loads((Path(__file__).parents[1] / "golden" / f"{name}.json").read_text())
    for name in ("nafnet", "restormer", "promptir", "swinir")
}


def published_layout(golden: dict) -> list[tuple[str, tuple[int, ...]]]:
    layout = []
    for item in golden["layout"]:
        if isinstance(item, list):
            layout.append((item[0], tuple(item[1])))
            continue
        first, last = item["i"]
        for index in range(first, last + 1):
            prefix = item["prefix"].format(i=index)
            layout.extend((prefix + suffix, tuple(shape)) for suffix, shape in golden["templates"][item["template"]])
    return layout


@pytest.fixture(scope="module", params=sorted(GOLDEN))
def case(request):
    return maskdcpt.create_backbone(request.param).eval(), GOLDEN[request.param]


def test_keys_shapes_and_their_order(case):
    net, golden = case
    assert [(key, tuple(value.shape)) for key, value in net.state_dict().items()] == published_layout(golden)
    assert sum(parameter.numel() for parameter in net.parameters()) == golden["parameters"]


@torch.no_grad()
def test_numbers(case):
    net, golden = case
    state = net.state_dict()
    rng = np.random.default_rng(0)
    for key in sorted(state):
        shape = tuple(state[key].shape)
        draw = rng.standard_normal(state[key].numel()).astype(np.float32).reshape(shape)
        if key.endswith("weight") and len(shape) >= 2:
            draw = draw / np.sqrt(np.prod(shape[1:]))
        elif key.endswith("weight"):
            draw = 1 + 0.1 * draw
        else:
            draw = 0.1 * draw
        state[key].copy_(torch.from_numpy(np.asarray(draw, dtype=np.float32)))
    x = torch.from_numpy(np.random.default_rng(1).random((1, 3, 64, 64), dtype=np.float32))
    y = net(x)
    expected = golden["expected"]
    assert y.mean().item() == pytest.approx(expected["mean"], abs=2e-4)
    assert y.std().item() == pytest.approx(expected["std"], abs=2e-4)
    np.testing.assert_allclose(y[0, :, 32:35, 32:35].numpy(), np.array(expected["slice"]), atol=2e-4)
    np.testing.assert_allclose(y[0, :, :2, :2].numpy(), np.array(expected["corner"]), atol=2e-4)
