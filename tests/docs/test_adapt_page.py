"""The example of docs/adapt.md runs, and its weights are those of a plain network."""

import re
from pathlib import Path

import torch

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image

PAGE = (Path(__file__).parents[2] / "docs" / "adapt.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    (tmp_path / "clean-images").mkdir()
    for seed in range(2):
        write_image(procedural_image(seed, (80, 96)), tmp_path / "clean-images" / f"{seed}.png")
    monkeypatch.chdir(tmp_path)
    assert len(PYTHON) == 1
    torch.manual_seed(0)
    names: dict = {}
    exec(PYTHON[0].replace("range(10)", "range(2)"), names)
    assert torch.isfinite(names["loss"])
    assert capsys.readouterr().out.startswith("4 (FeatureInfo(name='module.dec1', channels=16, stride=1), ")
    plain = names["UNet"]().eval()
    plain.load_state_dict(torch.load("pretrained.pth", weights_only=True))
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(plain(x), names["adapted"].eval()(x))
