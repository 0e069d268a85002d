"""Metrics of other packages: what is said without them, and what they are handed, by stubs of the same interface."""

import socket
import sys
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from maskdcpt import metrics
from maskdcpt.errors import UserError
from maskdcpt.metrics import METRICS, SET_METRICS, extras, fid, frechet_distance

EXTRA = [metric for metric in METRICS.values() if metric.extra]


@pytest.fixture(autouse=True)
def nothing_made():
    """Every test starts without a network of another."""
    extras.model.cache_clear()
    yield
    extras.model.cache_clear()


@pytest.fixture
def pyiqa(monkeypatch):
    """A module with the interface of pyiqa, which records what it is handed; the mean of the image is its judgement."""
    module = types.ModuleType("pyiqa")
    module.made, module.seen = [], []

    def create_metric(metric_name, as_loss=False, device=None):
        module.made.append((metric_name, device))

        def judge(target, ref=None):
            module.seen.append(target.clone())
            return target.mean((1, 2, 3)).reshape(-1, 1)

        return judge

    module.create_metric = create_metric
    monkeypatch.setitem(sys.modules, "pyiqa", module)
    return module


@pytest.fixture
def lpips(monkeypatch):
    """A module with the interface of lpips; the mean difference in [-1, 1] is its judgement."""
    module = types.ModuleType("lpips")

    class LPIPS(torch.nn.Module):
        def __init__(self, pretrained=True, net="alex", version="0.1", verbose=True):
            super().__init__()
            assert (pretrained, net, version, verbose) == (True, "alex", "0.1", False)

        def forward(self, in0, in1, normalize=False):
            assert normalize, "inputs are in [0, 1]"
            assert not self.training
            return (2 * (in0 - in1)).abs().mean((1, 2, 3), keepdim=True)

    module.LPIPS = LPIPS
    monkeypatch.setitem(sys.modules, "lpips", module)
    return module


@pytest.mark.parametrize("name", extras.PACKAGES)
def test_a_missing_package_is_named_with_its_group(name, monkeypatch):
    module, extra = extras.PACKAGES[name]
    package = module.partition(".")[0]
    monkeypatch.setitem(sys.modules, package, None)  # as if it was not installed
    x = torch.rand(3, 16, 16)
    metric = {**METRICS, **SET_METRICS}[name]
    assert metric.extra == extra
    with pytest.raises(UserError) as caught:
        fid([x, x], [x, x]) if name == "fid" else metric.compute(x, x)
    assert str(caught.value) == f'{name} needs the package {package}: pip install "maskdcpt[{extra}]"'
    with pytest.raises(UserError, match=f"needs the package {package}"):
        metrics.download(name)


def test_a_group_is_what_the_project_declares():
    groups = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for module, extra in extras.PACKAGES.values():
        package = module.partition(".")[0].replace("_", "-")
        assert any(requirement.startswith(package) for requirement in groups[extra])


def test_a_package_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "lpips.py").write_text("raise RuntimeError('operator torchvision::nms does not exist\\nmore')")
    (tmp_path / "pyiqa.py").write_text("import a_package_that_nobody_has")
    monkeypatch.syspath_prepend(tmp_path)
    x = torch.rand(3, 16, 16)
    with pytest.raises(UserError) as caught:
        METRICS["lpips"].compute(x, x)
    assert str(caught.value) == (
        "lpips needs the package lpips, which cannot be imported: operator torchvision::nms does not exist"
    )
    with pytest.raises(UserError, match="niqe needs the package pyiqa, which needs a_package_that_nobody_has: pip"):
        METRICS["niqe"].compute(x)


@pytest.mark.parametrize("name", ["niqe", "brisque", "musiq", "maniqa"])
def test_metrics_of_pyiqa_see_eight_bit_images_one_by_one(name, pyiqa):
    x = torch.rand(3, 3, 20, 24, dtype=torch.float64) * 1.2 - 0.1
    values = METRICS[name].compute(x)
    rounded = (x.clamp(0, 1) * 255).round() / 255
    assert values.dtype == torch.float64
    assert values.tolist() == pytest.approx(rounded.mean((1, 2, 3)).tolist(), abs=1e-6)
    assert pyiqa.made == [(name, torch.device("cpu"))], "made once"
    assert [seen.shape for seen in pyiqa.seen] == [(1, 3, 20, 24)] * 3
    assert torch.cat(pyiqa.seen).equal(rounded.float())
    single = METRICS[name].compute(x[1])
    assert single.shape == ()
    assert single.item() == values[1].item()


def test_lpips_compares_what_is_not_rounded(lpips):
    x, y = torch.rand(2, 3, 20, 24), torch.rand(2, 3, 20, 24)
    expected = 2 * (x - y).abs().mean((1, 2, 3))
    assert METRICS["lpips"].compute(x, y).tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert METRICS["lpips"].compute(x[0], x[0]).item() == 0


def test_nothing_is_downloaded_unless_asked_for(pyiqa):
    reached = []

    def create_metric(metric_name, as_loss=False, device=None):
        socket.getaddrinfo("localhost", 443)
        reached.append(metric_name)
        return lambda target: target.mean()

    def swallowing(metric_name, as_loss=False, device=None):
        try:
            socket.getaddrinfo("localhost", 443)
        except OSError:
            return lambda target: target.mean()  # with random weights

    original = socket.getaddrinfo
    for make in (create_metric, swallowing):
        pyiqa.create_metric = make
        with pytest.raises(UserError, match=r"musiq needs weights.*metrics.download\('musiq'\)"):
            METRICS["musiq"].compute(torch.rand(3, 16, 16))
        assert socket.getaddrinfo is original
    assert not reached
    pyiqa.create_metric = create_metric
    metrics.download("musiq")
    assert reached == ["musiq"]
    with pytest.raises(UserError, match="no metric 'psnr' needs weights"):
        metrics.download("psnr")


def test_other_faults_of_a_package_are_not_taken_for_missing_weights(pyiqa):
    def create_metric(metric_name, as_loss=False, device=None):
        raise KeyError("no such network")

    pyiqa.create_metric = create_metric
    with pytest.raises(KeyError):
        METRICS["niqe"].compute(torch.rand(3, 16, 16))


@pytest.mark.parametrize(("n", "m"), [(40, 60), (5, 7)])
def test_the_distance_is_that_of_the_formula(n, m):
    generator = np.random.default_rng(n)
    a, b = generator.normal(0, 1, (n, 6)), generator.normal(0.3, 1.5, (m, 6)) @ generator.normal(0, 1, (6, 6))
    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(one + other - 2 * np.real(sqrtm(one @ other)))
    distance = frechet_distance(torch.from_numpy(a), torch.from_numpy(b))
    assert distance == pytest.approx(expected, rel=1e-5)
    assert distance == pytest.approx(frechet_distance(torch.from_numpy(b), torch.from_numpy(a)), rel=1e-9)
    assert frechet_distance(torch.from_numpy(a), torch.from_numpy(a)) == pytest.approx(0, abs=1e-9)


def test_fid_judges_sets_whatever_their_order_and_sizes(inception):
    images = [torch.rand(3, 20 + n, 30 - n) for n in range(5)]
    assert fid(images, images[::-1]) == pytest.approx(0, abs=1e-9)
    assert fid(iter(images), iter([image * 0.5 for image in images])) > 0.05
    with pytest.raises(UserError, match="sets of 1 and 5 images have no spread"):
        SET_METRICS["fid"].compute(images[:1], images)
    with pytest.raises(UserError, match="sets of 5 and 0 images"):
        fid(images, [])
