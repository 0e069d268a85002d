"""Exported networks in ONNX Runtime and OpenVINO behave as the network does, from any thread."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from export_helpers import TYPES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskdcpt.errors import UserError
from maskdcpt.inference import Restorer
from maskdcpt.inference.onnx_runtime import OnnxRuntime
from maskdcpt.inference.openvino_runtime import OpenVINORuntime

KINDS = {
    "onnx": (OnnxRuntime, ("onnx", "onnxruntime"), "export"),
    "openvino": (OpenVINORuntime, ("openvino",), "openvino"),
}


@pytest.fixture(params=KINDS)
def kind(request):
    made, packages, extra = KINDS[request.param]
    for package in packages:
        pytest.importorskip(package, reason=f"needs the extra {extra!r}, which `make test` installs")
    return made


@pytest.fixture
def network(kind, exported):
    return kind(exported("nafnet")[1].paths[0])


@pytest.fixture
def restorer(exported):
    return Restorer.from_pretrained(exported("nafnet")[0], device="cpu")


def images(*size, seed=0):
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 3), height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size_is_restored_as_by_the_network(network, restorer, count, height, width):
    batch = images(count, 3, height, width)
    with torch.no_grad():
        expected = restorer.backbone(batch)
    assert (network(batch) - expected).abs().max() < 1e-5


def test_it_names_damage_as_the_restorer_does(network, restorer):
    image = images(3, 21, 18)
    (found,) = network.classify(image[None])
    expected = restorer.classify(image)
    assert network.types == TYPES
    assert dict(zip(network.types, found.tolist(), strict=True)) == pytest.approx(expected, abs=1e-5)
    assert found.sum().item() == pytest.approx(1, abs=1e-9)


def test_it_says_what_a_tiler_has_to_know(network, exported):
    description = exported("nafnet")[1].description
    assert (network.stride, network.reach) == (description.stride, description.reach)
    assert network.device == torch.device("cpu")


def test_threads_may_share_it(network):
    batches = [images(1, 3, 8 + n, 20 - n, seed=n) for n in range(12)]
    alone = [network(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            together = list(pool.map(network, batches))
            assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_results_are_the_callers_own(network):
    batch = images(1, 3, 12, 12)
    first = network(batch)
    kept = first.clone()
    network(images(1, 3, 12, 12, seed=1))
    assert torch.equal(first, kept)
    first.add_(1)
    assert torch.equal(network(batch), kept)


def test_any_layout_of_memory_is_taken(network):
    batch = images(2, 3, 9, 13)
    expected = network(batch)
    assert torch.equal(network(batch.to(memory_format=torch.channels_last)), expected)
    assert torch.equal(network(batch.mT.contiguous().mT), expected)
    assert torch.equal(network(batch.requires_grad_()), expected)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(3, 8, 8), r"takes RGB images \(N, 3, H, W\) in \[0, 1\], not \(3, 8, 8\)"),
        (torch.zeros(1, 4, 8, 8), r"not \(1, 4, 8, 8\)"),
        (torch.zeros(1, 3, 0, 8), r"not \(1, 3, 0, 8\)"),
        (torch.zeros(1, 3, 8, 8).double(), r"takes float32 on the CPU, not torch.float64 on cpu"),
        (torch.zeros(1, 3, 8, 8, device="meta"), r"not torch.float32 on meta"),
    ],
)
def test_what_is_no_batch_is_refused(network, batch, message):
    with pytest.raises(UserError, match=message):
        network(batch)


def test_running_out_of_memory_is_what_it_is_with_torch(network, monkeypatch):
    class Full:
        def run(self, *_):
            raise Exception("bfc_arena.cc:359 Failed to allocate memory for requested buffer of size 99")

        def create_infer_request(self):
            raise RuntimeError("std::bad_alloc")

    class Broken:
        def run(self, *_):
            raise Exception("a bug")

        def create_infer_request(self):
            raise RuntimeError("a bug")

    for name in ("_session", "_network"):
        monkeypatch.setattr(network, name, lambda output: Full(), raising=False)
    with pytest.raises(torch.OutOfMemoryError):
        network(images(1, 3, 8, 8))
    for name in ("_session", "_network"):
        monkeypatch.setattr(network, name, lambda output: Broken(), raising=False)
    with pytest.raises(Exception, match="a bug") as raised:
        network(images(1, 3, 8, 8))
    assert not isinstance(raised.value, torch.OutOfMemoryError)


def test_only_what_is_asked_for_is_computed(exported):
    pytest.importorskip("onnxruntime", reason="needs the extra 'export', which `make test` installs")
    network = OnnxRuntime(exported("nafnet")[1].paths[0])
    session = network._session("restored")
    assert [output.name for output in session.get_outputs()] == ["restored"]
    part = network._onnx.utils.Extractor(network._model).extract_model(["image"], ["restored"])
    assert len(part.graph.node) < len(network._model.graph.node)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.onnx", None, "no such file; `maskdcpt export` makes one"),
        ("bad.onnx", b"text", "bad.onnx: damaged, or not a"),
        ("empty.onnx", b"", "empty.onnx: "),
    ],
)
def test_files_that_cannot_be_read_are_one_line(kind, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        kind(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_a_file_that_was_cut_short_is_one_line(kind, exported, tmp_path):
    whole = exported("nafnet")[1].paths[0].read_bytes()
    for length in (100, len(whole) // 2, len(whole) - 50):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cut.onnx: ") as raised:
            kind(tmp_path / "cut.onnx")
        assert "\n" not in str(raised.value)


def test_a_network_of_somebody_else_is_refused(kind, exported, tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exported("nafnet")[1].paths[0])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(UserError, match=r"other.onnx: says nothing of a network of this library"):
        kind(tmp_path / "other.onnx")


def test_a_folder_of_weights_has_to_be_exported_first(kind, exported):
    folder, _ = exported("nafnet")
    with pytest.raises(UserError, match="a folder; this runtime takes a file that `maskdcpt export` made"):
        kind(folder)


def test_openvino_reads_only_what_it_can(tmp_path):
    pytest.importorskip("openvino", reason="needs the extra 'openvino', which `make test` installs")
    (tmp_path / "net.pt2").write_text("text")
    with pytest.raises(UserError, match=r"net.pt2: OpenVINO reads .xml and .onnx files"):
        OpenVINORuntime(tmp_path / "net.pt2")


def test_a_graph_that_openvino_cannot_compile_is_one_line(exported, monkeypatch):
    openvino = pytest.importorskip("openvino", reason="needs the extra 'openvino', which `make test` installs")

    def fail(*arguments):
        raise RuntimeError("Exception from src/core:\nno such operation")

    path = exported("nafnet")[1].paths[0]
    monkeypatch.setattr(openvino.Core, "compile_model", fail)
    with pytest.raises(UserError, match=r"not made for this OpenVINO: Exception from src/core: no such operation$"):
        OpenVINORuntime(path)


def test_without_a_classifier_only_classifying_is_an_error(kind, exported, monkeypatch):
    network = kind(exported("nafnet")[1].paths[0])
    monkeypatch.setattr(type(network), "types", ())
    with pytest.raises(UserError, match="weights without a classifier"):
        network.classify(images(1, 3, 8, 8))
    assert network(images(1, 3, 8, 8)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("made", "package", "extra"), [(OnnxRuntime, "onnx", "export"), (OpenVINORuntime, "openvino", "openvino")]
)
def test_without_its_package_one_line_says_what_to_install(monkeypatch, made, package, extra):
    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("maskdcpt.inference.exported.import_module", missing)
    with pytest.raises(UserError, match=rf'needs the package {package}: pip install "maskdcpt\[{extra}\]"'):
        made("net.onnx")


def test_a_package_that_cannot_be_imported_says_why(monkeypatch):
    def broken(name):
        raise OSError("libgomp.so.1: no such file\nmore")

    monkeypatch.setattr("maskdcpt.inference.exported.import_module", broken)
    with pytest.raises(UserError, match=r"package onnx, which cannot be imported: libgomp.so.1: no such file$"):
        OnnxRuntime("net.onnx")
