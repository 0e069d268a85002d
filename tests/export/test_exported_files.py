"""Exported files are sound, say what they are, compute the same in every family, and are whole or not there."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from export_helpers import TINY, TYPES, make_classifier, make_network

from maskdcpt import __version__
from maskdcpt.backbones import build_backbone, create_backbone, load_backbone
from maskdcpt.config import from_dict
from maskdcpt.errors import UserError
from maskdcpt.evaluation.arms import Choice, make_arms
from maskdcpt.export import export_model, formats, onnx_file, openvino_file
from maskdcpt.export import model as module
from maskdcpt.export.graph import trace
from maskdcpt.export.parity import TOLERANCE, compare, parity_sizes
from maskdcpt.inference.description import KEY, from_json, to_json
from maskdcpt.inference.tiling import outline
from maskdcpt.pretraining import save_model


@pytest.fixture(scope="module")
def program():
    """The graph of a tiny network without a classifier."""
    return trace(make_network("nafnet"), None)


@pytest.fixture
def folder(tmp_path, program, monkeypatch):
    """A folder with this network, of which the graph is there already when it is asked for."""
    monkeypatch.setattr(module, "trace", lambda backbone, classifier: program)
    save_model(tmp_path, make_network("nafnet"), None)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("family", TINY)
def test_every_family_computes_the_same(exported, family):
    _, made = exported(family)
    assert len(made.parity) == 5
    assert made.parity[0].size == (1, 1, 1)
    assert {parity.size[0] for parity in made.parity} == {1, 2, 3}
    assert max(parity.difference for parity in made.parity) < 1e-5
    probabilities = [parity.probability for parity in made.parity]
    assert max(probabilities) < 1e-5 if family == "nafnet" else set(probabilities) == {None}
    assert min(parity.psnr for parity in made.parity) > 110


@pytest.mark.parametrize("family", TINY)
def test_an_onnx_file_is_sound_and_says_what_it_is(exported, family):
    onnx = pytest.importorskip("onnx")
    folder, made = exported(family)
    model = onnx.load(made.paths[0])
    onnx.checker.check_model(model, full_check=True)
    assert {entry.version for entry in model.opset_import if not entry.domain} == {onnx_file.OPSET}
    assert {node.domain for node in model.graph.node} == {""}
    sizes = {
        value.name: [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    image = ["batch", 3, "height", "width"]
    logits, types = ({"logits": ["batch", 3]}, TYPES) if family == "nafnet" else ({}, ())
    assert sizes == {"image": image, "restored": image, **logits}
    description = from_json({entry.key: entry.value for entry in model.metadata_props}[KEY], "file")
    network = load_backbone(folder)
    assert description == made.description
    assert (description.family, description.types, description.version) == (family, types, __version__)
    assert (description.stride, description.reach) == (network.stride, outline(network).whole_reach)
    assert description.values == pytest.approx(outline(network).fused(), rel=1e-2)
    again = build_backbone(from_dict(type(network.config), description.backbone, where="file"))
    assert again.config == network.config


def test_the_hash_is_the_one_of_evaluations(exported):
    folder, made = exported("nafnet")
    _, arm = make_arms(Choice(weights=(str(folder),), device="cpu"))
    assert made.description.sha256 == arm.sha256
    other = make_network("nafnet")
    other.intro.bias.data[0] += 1e-3
    assert module.describe(other, None, None).sha256 != arm.sha256


def test_a_description_comes_back_as_it_was(exported):
    _, made = exported("promptir")
    full = replace(made.description, licence="cc-by-4.0 & <more>", multi_label=True)
    assert from_json(to_json(full), "file") == full


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "file: says nothing of a network of this library"),
        ("{", "file: its description is no JSON text"),
        ("[]", "file: its description is no JSON object"),
        ("{}", "file: description: "),
    ],
)
def test_a_description_that_is_none_is_an_error(text, message):
    with pytest.raises(UserError, match=message):
        from_json(text, "file")


def test_torch_export_needs_no_extra_and_loads_with_torch_alone(folder, monkeypatch):
    def missing(package, install, purpose):
        raise AssertionError(package)

    monkeypatch.setattr(onnx_file, "require_package", missing)
    made = export_model(folder, folder / "deep" / "net.pt2")
    assert all(parity.difference == 0 for parity in made.parity)
    assert names(folder / "deep") == ["net.pt2"]
    stored = {f"{KEY}.json": ""}
    program = torch.export.load(folder / "deep" / "net.pt2", extra_files=stored)
    assert json.loads(stored[f"{KEY}.json"])["family"] == "nafnet"
    x = torch.rand(2, 3, 19, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(program.module()(x)[0], load_backbone(folder)(x))


def test_openvino_gets_a_pair_of_files(exported, tmp_path, monkeypatch):
    pytest.importorskip("openvino", reason="needs the extra 'openvino', which `make test` installs")
    folder, onnx = exported("nafnet")

    def copy(program, description, path):
        path.write_bytes(onnx.paths[0].read_bytes())

    monkeypatch.setattr(openvino_file, "write_onnx", copy)
    monkeypatch.setattr(module, "trace", lambda backbone, classifier: None)
    for force in (False, True):
        made = export_model(folder, tmp_path / "net.xml", force=force)
        assert names(tmp_path) == ["net.bin", "net.xml"]
        assert made.paths == (tmp_path / "net.xml", tmp_path / "net.bin")
        assert max(parity.difference for parity in made.parity) < 1e-5


def test_a_licence_is_taken_from_the_model_card(folder):
    network = make_network("nafnet")
    for licence in ("other: of my own", "cc-by-4.0"):
        (folder / "README.md").unlink(missing_ok=True)  # one that is there is kept
        network.save_pretrained(folder, model_card_kwargs={"license": licence})
        assert module.licence_of(folder) == licence
        assert module.licence_of(folder / "model.safetensors") == licence
    (folder / "README.md").write_text("# Weights without a head\n")
    assert module.licence_of(folder) is None
    (folder / "README.md").write_text("---\nlicense: [\n---\n")
    with pytest.raises(UserError, match=r"README.md: its head is not the YAML"):
        module.licence_of(folder)
    torch.save(network.state_dict(), folder / "alone.pth")
    assert module.licence_of(folder / "alone.pth") is None


def test_nothing_is_replaced_without_being_asked(folder):
    (folder / "net.pt2").write_text("mine")
    with pytest.raises(UserError, match=r"net.pt2: exists already; --force replaces files"):
        export_model(folder, folder / "net.pt2")
    assert (folder / "net.pt2").read_text() == "mine"
    (folder / "net.bin").write_text("mine")
    with pytest.raises(UserError, match=r"net.bin: exists already"):
        export_model(folder, folder / "net.xml")
    (folder / "other.pt2").mkdir()
    with pytest.raises(UserError, match=r"other.pt2: a folder"):
        export_model(folder, folder / "other.pt2", force=True)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("net.pt", None, r"net.pt: its suffix is no format's; expected .onnx \(onnx\), .pt2 \(torch-export\), .xml"),
        ("net.onnx", "openvino", r"net.onnx: a file of the format openvino ends in .xml"),
    ],
)
def test_the_suffix_has_to_fit(folder, name, kind, message):
    with pytest.raises(UserError, match=message):
        export_model(folder, folder / name, kind)


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime", "openvino"])
def test_a_missing_package_is_told_before_any_work(folder, monkeypatch, missing):
    def absent(name):
        if name == missing:
            raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("maskdcpt.inference.exported.import_module", absent)
    monkeypatch.setattr(module, "load_model", lambda path: pytest.fail("began to work"))
    extra = "openvino" if missing == "openvino" else "export"
    with pytest.raises(UserError, match=rf'needs the package {missing}: pip install "maskdcpt\[{extra}\]"'):
        export_model(folder, folder / "net.xml")


@pytest.mark.parametrize("existing", [None, "mine"])
def test_a_file_that_computes_something_else_is_never_left(folder, monkeypatch, existing):
    before = names(folder)
    if existing:
        (folder / "net.pt2").write_text(existing)
    details = formats.FORMATS["torch-export"]

    def wrong(path, description):
        run = details.load(path, description)
        return lambda batch: tuple(output + 2 * TOLERANCE for output in run(batch))

    monkeypatch.setitem(formats.FORMATS, "torch-export", details._replace(load=wrong))
    with pytest.raises(UserError, match=r"does not compute the same: on 1 x 3 x 5 x 5 pixels .* nothing was written"):
        export_model(folder, folder / "net.pt2", force=True)
    assert names(folder) == sorted([*before, *(["net.pt2"] if existing else [])])
    assert not existing or (folder / "net.pt2").read_text() == existing


def test_a_failure_among_two_files_leaves_none_of_them_half(folder, monkeypatch):
    def write(program, description, path):
        path.write_text("graph")
        path.with_suffix(".bin").write_text("weights")

    details = formats.FORMATS["openvino"]._replace(require=lambda: None, write=write)
    monkeypatch.setitem(formats.FORMATS, "openvino", details)
    before = names(folder)
    with pytest.raises(UserError, match=r"damaged, or not a file for OpenVINO|needs the package"):
        export_model(folder, folder / "net.xml")
    assert names(folder) == before


@pytest.mark.parametrize("value", [float("nan"), 1.1 * TOLERANCE])
@pytest.mark.parametrize("place", [0, 1])
def test_a_difference_in_any_output_counts(value, place):
    def network(batch):
        return batch, torch.zeros(len(batch), 2)

    def other(batch):
        outputs = [batch.clone(), torch.zeros(len(batch), 2)]
        outputs[place].flatten()[-1] += value
        return tuple(outputs)

    with pytest.raises(UserError, match="does not compute the same"):
        compare(network, other, ((1, 3, 4),), seed=0)
    (found,) = compare(network, network, ((1, 3, 4),), seed=0)
    assert (found.difference, found.probability, found.psnr) == (0, 0, np.inf)


def test_parity_is_measured_as_defined():
    (found,) = compare(lambda x: (x,), lambda x: (x + torch.tensor([1e-4, 0, 0]).reshape(3, 1, 1),), ((2, 8, 8),), 0)
    assert found.difference == pytest.approx(1e-4, rel=1e-2)
    assert found.psnr == pytest.approx(-10 * np.log10(1e-8 / 3), abs=0.05)
    assert found.probability is None


def test_other_seeds_are_other_sizes():
    assert parity_sizes(8, 1, seed=0) == parity_sizes(8, 1, seed=0)
    drawn = {parity_sizes(8, 9, seed=seed) for seed in range(20)}
    assert len(drawn) == 20
    assert all(min(size[1:]) >= 9 and max(size[1:]) <= 64 for sizes in drawn for size in sizes)


@pytest.fixture
def converted(exported):
    """An ONNX model that is there already; asked for before ``folder``, which replaces the way to a graph."""
    onnx = pytest.importorskip("onnx", reason="needs the extra 'export', which `make test` installs")
    return onnx.load(exported("swinir")[1].paths[0])


def test_weights_too_large_for_a_file_are_one_line(converted, folder, monkeypatch):
    monkeypatch.setattr(onnx_file, "convert", lambda program, description: converted)
    monkeypatch.setattr(onnx_file, "LARGEST", 1000)
    before = names(folder)
    with pytest.raises(UserError, match="GB of weights: an ONNX file holds at most"):
        export_model(folder, folder / "net.onnx")
    assert names(folder) == before


def test_several_types_at_once_stay_so(tmp_path):
    network = create_backbone("nafnet", width=2, encoder_blocks=[1], middle_blocks=0, decoder_blocks=[0])
    save_model(tmp_path, network, make_classifier(network, "last", multi_label=True))
    made = export_model(tmp_path, tmp_path / "net.pt2")
    assert made.description.multi_label
    assert all(parity.probability == 0 for parity in made.parity)
