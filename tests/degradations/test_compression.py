import cv2
import numpy as np
import pytest
import torch

from maskdcpt.degradations import CATALOGUE, Jpeg, WebP, apply
from maskdcpt.errors import UserError


def codec(photo, suffix, *options):
    """What OpenCV makes of a photo, by its own conventions: (H, W, 3) bytes, blue first."""
    rgb = np.rint(photo.numpy() * np.float32(255)).astype(np.uint8).transpose(1, 2, 0)
    _, file = cv2.imencode(suffix, np.ascontiguousarray(rgb[..., ::-1]), options)
    return len(file), torch.from_numpy(cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].transpose(2, 0, 1).copy())


def as_bytes(image):
    return image.mul(255).round().byte()


@pytest.mark.parametrize("quality", [1, 10, 55, 95, 100])
def test_jpeg_is_what_the_codec_makes(photos, quality):
    for photo in photos:
        odd = photo[:, :91, :77].contiguous()
        _, expected = codec(odd, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)
        assert torch.equal(as_bytes(apply(odd, Jpeg(quality))), expected)


@pytest.mark.parametrize("quality", [1, 30, 100])
def test_webp_is_what_the_codec_makes(photos, quality):
    _, expected = codec(photos[0], ".webp", cv2.IMWRITE_WEBP_QUALITY, quality)
    assert torch.equal(as_bytes(apply(photos[0], WebP(quality))), expected)


def test_values_between_two_bytes_are_rounded_as_apply_rounds():
    halves = ((torch.arange(255) + 0.5) / 255).expand(3, 16, 255).contiguous()
    rounded = halves.mul(255).round().div(255)
    assert torch.equal(apply(halves, Jpeg(90)), apply(rounded, Jpeg(90)))


def contrast(image, channel):
    """How much odd columns are brighter or darker than even ones."""
    return float((image[channel, :, 1::2] - image[channel, :, ::2]).mean().abs())


def test_colours_lose_half_their_resolution():
    """Red and blue stripes of equal brightness, one pixel wide, become one colour; grey stripes stay stripes."""
    stripes = torch.arange(64).expand(64, 64) % 2
    grey = (0.3 + 0.4 * stripes).expand(3, 64, 64).contiguous()
    red = 0.3 + 0.114 * stripes
    blue = 0.3 + 0.299 * (1 - stripes)
    colours = torch.stack([red, torch.full((64, 64), 0.3), blue])
    assert contrast(apply(grey, Jpeg(95)), 0) == pytest.approx(0.4, abs=0.02)
    assert contrast(apply(colours, Jpeg(95)), 2) < 0.03


def test_the_blocks_of_jpeg_show(photos):
    """Steps between neighbours are larger where two blocks of 8 pixels meet."""
    grey = torch.stack([apply(photo, Jpeg(10)) for photo in photos]).mean(1)
    steps = (grey[..., 1:] - grey[..., :-1]).abs().mean((0, 1))
    seams = steps[7::8].mean()
    assert seams > 1.3 * steps[3::8].mean()


def test_a_flat_picture_stays_flat():
    flat = torch.full((3, 40, 50), 100 / 255)
    for level in (Jpeg(10), Jpeg(95), WebP(50)):
        result = apply(flat, level)
        assert (result - flat).abs().max() <= 4 / 255
        assert len(result[0].unique()) == 1


def test_unseen_compression_is_no_stronger_than_seen(photos):
    entry = CATALOGUE["jpeg"]
    assert {type(level) for level in entry.levels} == {Jpeg}
    errors = [
        np.mean([float((apply(photo, level) - photo).square().mean()) for photo in photos]) for level in entry.held_out
    ]
    assert np.all(np.diff(errors) > 0)
    assert errors[-1] < 3 * np.mean([float((apply(photo, Jpeg(10)) - photo).square().mean()) for photo in photos])


@pytest.mark.parametrize(("level", "limit"), [(Jpeg(50), 65500), (WebP(50), 16383)])
def test_pictures_too_large_for_the_format_are_refused_with_the_limit(level, limit):
    assert apply(torch.full((3, 1, limit), 0.5), level).shape == (3, 1, limit)
    for size in ((1, limit + 1), (limit + 1, 1)):
        with pytest.raises(UserError, match=f"up to {limit} pixels a side"):
            apply(torch.full((3, *size), 0.5), level)
