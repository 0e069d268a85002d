"""What the pictures of a batch show."""

import numpy as np
import torch

from maskdcpt.images import read_image
from maskdcpt.masking import VisibleMask
from maskdcpt.training.pictures import (
    RESTORATION_TITLES,
    list_pictures,
    masked_input,
    progress_picture,
    type_captions,
    write_picture,
)


def flat(value, size=(32, 48)):
    return torch.full((3, *size), value)


def test_hidden_patches_are_grey_and_visible_ones_untouched():
    images = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    mask = VisibleMask.random(3, (2, 3), generator=torch.Generator().manual_seed(1))
    shown = masked_input(images, mask)
    for image, before, visible in zip(shown, images, mask.visible[:, 0], strict=True):
        for (row, column), seen in np.ndenumerate(visible.numpy()):
            patch = (slice(None), slice(row * 16, row * 16 + 16), slice(column * 16, column * 16 + 16))
            assert torch.equal(image[patch], before[patch] if seen else torch.full((3, 16, 16), 0.5))


def test_pictures_stand_beside_one_another_enlarged_and_clamped():
    rows = [(flat(-1.0), flat(0.5), flat(2.0)), (flat(1.0), flat(torch.nan), flat(0.0))]
    sheet = np.asarray(progress_picture(rows, RESTORATION_TITLES))
    height, width = 32 * 3, 48 * 3  # three times the size is the first of 128 pixels or more
    assert sheet.shape == (14 + 4 + 2 * (height + 4), 4 + 3 * (width + 4), 3)
    found = [[int(sheet[18 + row * (height + 4) + 50, 4 + column * (width + 4) + 70, 0]) for column in range(3)]
             for row in range(2)]  # fmt: skip
    assert found == [[0, 128, 255], [255, 0, 0]]
    assert (sheet[:14] < 128).any(), "titles are written above"


def test_four_samples_are_shown_with_their_captions():
    rows = [(flat(0.0, (128, 128)),)] * 9
    plain = progress_picture(rows, ["input"])
    told = progress_picture(rows, ["input"], ["a rather long caption of a sample, named wrongly"] * 9)
    assert plain.height == 14 + 4 + 4 * 132
    assert told.height == plain.height + 4 * 14
    assert told.width > plain.width == 136, "a long caption is not cut off"


def test_captions_tell_true_and_named_types():
    classes = ("haze", "noise")
    logits = torch.tensor([[1.0, 0.0], [0.1, 0.2]])
    assert type_captions(classes, torch.tensor([0, 0]), logits) == ["haze, named haze", "haze, named noise"]
    assert type_captions(classes, torch.tensor([1, 0]), None) == ["noise", "haze"]
    several = type_captions(classes, torch.tensor([[1.0, 1.0], [0.0, 1.0]]), torch.tensor([[1.0, -1.0], [-1.0, -1.0]]))
    assert several == ["haze + noise, named haze", "noise, named nothing"]


def test_the_file_holds_the_picture(tmp_path):
    picture = progress_picture([(torch.rand(3, 40, 130),)], ["input"])
    write_picture(tmp_path, 1234, picture)
    write_picture(tmp_path, 99, picture)
    assert [path.name for path in list_pictures(tmp_path)] == ["step-00000099.png", "step-00001234.png"]
    pixels = read_image(list_pictures(tmp_path)[-1]).pixels
    assert torch.equal(pixels.mul(255).round().byte().permute(1, 2, 0), torch.from_numpy(np.array(picture)))
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "step-00000099.png",
        "step-00001234.png",
    ]
