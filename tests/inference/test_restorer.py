"""The restorer: any kind of image in, the same kind out, of the same size."""

import numpy as np
import pytest
import torch
from PIL import Image

import maskdcpt
from maskdcpt.errors import UserError
from maskdcpt.images import write_image
from maskdcpt.inference import Restorer
from maskdcpt.pretraining import load_model

VALUES = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
PIXELS = torch.from_numpy(VALUES).permute(2, 0, 1) / 255


@pytest.fixture(scope="module")
def restorer(weights):
    return Restorer.from_pretrained(weights, device="cpu")


def reference(weights, pixels):
    """What the network itself makes of an image."""
    backbone, _ = load_model(weights)
    with torch.no_grad():
        return backbone(pixels[None])[0].clamp(0, 1)


def test_restoring_is_one_pass_of_the_network_clamped(weights, restorer):
    restored = restorer.restore(PIXELS)
    assert torch.allclose(restored, reference(weights, PIXELS), atol=1e-6)
    assert not torch.allclose(restored, PIXELS, atol=1e-3)
    assert restored.min() >= 0
    assert restored.max() <= 1


def test_restored_tensors_are_ordinary_ones(restorer):
    restored = restorer.restore(PIXELS)
    assert not restored.is_inference()
    assert not restored.requires_grad
    (restored * torch.ones((), requires_grad=True)).sum().backward()  # an inference tensor would refuse


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(VALUES, id="uint8"),
        pytest.param(VALUES.astype(np.uint16) * 257, id="uint16"),
        pytest.param((VALUES / 255).astype(np.float32), id="float32"),
        pytest.param(VALUES / 255, id="float64"),
    ],
)
def test_an_array_gives_an_array(weights, restorer, image):
    restored = restorer.restore(image)
    assert (type(restored), restored.dtype, restored.shape) == (np.ndarray, image.dtype, image.shape)
    scale = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
    expected = reference(weights, PIXELS).permute(1, 2, 0).numpy()
    assert np.abs(restored / scale - expected).max() < (0.51 / 255 if image.dtype == np.uint8 else 1e-4)


def test_a_grey_array_gives_a_grey_array(restorer):
    restored = restorer.restore(VALUES[..., 0])
    assert (restored.dtype, restored.shape) == (np.uint8, (21, 34))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_pillow_image_gives_a_pillow_image(restorer, mode):
    restored = restorer.restore(Image.fromarray(VALUES).convert(mode))
    assert isinstance(restored, Image.Image)
    assert (restored.mode, restored.size) == (mode, (34, 21))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_tensor_gives_a_tensor(restorer, dtype):
    restored = restorer.restore(PIXELS.to(dtype))
    assert (restored.dtype, restored.shape, restored.device) == (dtype, PIXELS.shape, PIXELS.device)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_path_gives_an_upright_pillow_image(tmp_path, restorer, kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways
    Image.fromarray(VALUES).save(tmp_path / "a.png", exif=exif)
    restored = restorer.restore(kind(tmp_path / "a.png"))
    upright = torch.rot90(PIXELS, -1, (1, 2))
    assert (restored.mode, restored.size) == ("RGB", (21, 34))
    assert np.array_equal(
        np.asarray(restored), restorer.restore((upright * 255).round().byte().permute(1, 2, 0).numpy())
    )


def test_the_input_is_left_alone(restorer):
    array, tensor = VALUES.copy(), PIXELS.clone()
    restorer.restore(array)
    restorer.restore(tensor)
    assert np.array_equal(array, VALUES)
    assert torch.equal(tensor, PIXELS)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 1), (5, 5), (20_000, 3), (3, 20_000)])
def test_every_size_is_restored_and_classified(restorer, size):
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    restored = restorer.restore(image)
    assert restored.shape == image.shape
    assert restored.isfinite().all()
    assert sum(restorer.classify(image).values()) == pytest.approx(1, abs=1e-9)


def test_classes_come_best_first_with_the_networks_probabilities(weights, restorer):
    backbone, classifier = load_model(weights)
    with torch.no_grad():
        expected = classifier(backbone.forward_features(PIXELS[None]).stages)[0].softmax(0)
    found = restorer.classify(PIXELS)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert found == pytest.approx(dict(zip(classifier.classes, expected.tolist(), strict=True)), abs=1e-5)
    assert len({round(value, 6) for value in found.values()}) > 1


def test_every_kind_of_image_is_classified_alike(tmp_path, restorer):
    write_image(PIXELS, tmp_path / "a.png")
    kinds = (PIXELS, VALUES, Image.fromarray(VALUES), tmp_path / "a.png", str(tmp_path / "a.png"))
    first, *others = (restorer.classify(image) for image in kinds)
    assert all(found == pytest.approx(first, abs=1e-6) for found in others)


def test_without_a_classifier_only_classifying_is_an_error(restorer):
    plain = Restorer(maskdcpt.create_backbone("nafnet", width=2, encoder_blocks=[1], decoder_blocks=[1]), device="cpu")
    assert plain.restore(PIXELS).shape == PIXELS.shape
    for method in (plain.classify, plain.restore_and_classify):
        with pytest.raises(UserError, match="no classifier"):
            method(PIXELS)


@pytest.mark.parametrize("image", [PIXELS, VALUES])
def test_both_at_once_are_what_each_is_alone(restorer, image):
    restored, types = restorer.restore_and_classify(image)
    assert type(restored) is type(image)
    assert np.array_equal(restored, restorer.restore(image))
    assert types == restorer.classify(image)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "no device is called 'gpu'; expected auto, cpu, cuda, cuda:N or mps"),
        ("", "no device is called ''"),
        ("cuda:", "no device is called 'cuda:'"),
        ("cuda:one", "no device is called 'cuda:one'"),
        ("meta", "no device is called 'meta'"),
        ("cpu:3", "this machine has no device 'cpu:3'; it has 1 x cpu"),
        ("cuda:99", "this machine has no device 'cuda:99'; it has 1 x cpu"),
    ],
)
def test_a_wrong_device_is_an_error(weights, device, message):
    with pytest.raises(UserError, match=message):
        Restorer.from_pretrained(weights, device=device)


def test_auto_is_a_device_that_works(weights):
    restorer = Restorer.from_pretrained(weights)
    assert restorer.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert restorer.restore(PIXELS).device == PIXELS.device


def test_output_that_is_not_finite_is_an_error(weights, tmp_path):
    backbone, classifier = load_model(weights)
    with torch.no_grad():
        backbone.intro.weight.fill_(float("nan"))
    broken = Restorer(backbone, classifier, device="cpu")
    write_image(PIXELS, tmp_path / "a.png")
    for action in (broken.restore, broken.classify):
        with pytest.raises(UserError, match=r"^the network's output is not finite"):
            action(PIXELS)
        with pytest.raises(UserError, match=r"a\.png: the network's output is not finite"):
            action(tmp_path / "a.png")


def allocate(*_args, **_options):
    return torch.empty(10**15)


def test_too_little_memory_is_an_error_that_names_the_size(restorer, monkeypatch):
    monkeypatch.setattr(restorer.backbone, "encode", allocate)
    with pytest.raises(UserError, match="not enough memory on cpu for 34 x 21 pixels; scale the image down or cut it"):
        restorer.restore(PIXELS)


def test_an_image_for_which_memory_runs_out_is_restored_in_tiles(weights, restorer, monkeypatch):
    monkeypatch.setattr(restorer.backbone, "forward", allocate)
    restored = restorer.restore_pixels(PIXELS)
    assert torch.allclose(restored.pixels, reference(weights, PIXELS), atol=1e-6)
    assert len(restored.notes) == 1
    assert restored.notes[0].startswith("memory ran out for the whole image; restored part by part")


def test_other_faults_of_the_network_stay_visible(restorer, monkeypatch):
    monkeypatch.setattr(restorer.backbone, "forward", lambda x: x @ torch.zeros(1, 1))
    with pytest.raises(RuntimeError, match="Expected size"):
        restorer.restore(PIXELS)


def test_public_name():
    assert maskdcpt.Restorer is Restorer
