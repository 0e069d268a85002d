"""Clean images: a folder of one's own, or the embedded ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor

from maskdcpt.data.procedural import procedural_image
from maskdcpt.data.samples import TEST_PHOTOS, TRAIN_PHOTOS, sample_photo
from maskdcpt.images import list_images, read_image
from maskdcpt.seeds import derive_seed

GENERATED = {"train": 160, "test": 6}
"""How many generated images join the sample photos of each split."""


class CleanImages(Protocol):
    """A fixed, ordered set of clean images."""

    @property
    def names(self) -> Sequence[str]:
        """One name an image, unique."""
        ...

    def __getitem__(self, index: int) -> Tensor:
        """The image (3, H, W) in [0, 1], each of its own size."""
        ...


class FolderImages:
    """All images of a folder and the folders below it.

    Args:
        folder: The folder.

    Raises:
        UserError: If it is missing or has no images; on access, if an image cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self._paths = list_images(Path(folder))
        self.names = [path.relative_to(folder).as_posix() for path in self._paths]

    def __getitem__(self, index: int) -> Tensor:
        return read_image(self._paths[index]).pixels


class EmbeddedImages:
    """Sample photos and generated images that need no download; the two splits share no scene.

    Args:
        split: Images to train on, or images to test on.
        generated: How many generated images there are, or None for the usual number.
    """

    def __init__(self, split: Literal["train", "test"], generated: int | None = None) -> None:
        self._photos = TRAIN_PHOTOS if split == "train" else TEST_PHOTOS
        count = GENERATED[split] if generated is None else generated
        numbered = [f"{split}-{number:03d}" for number in range(count)]
        self.names = [*(photo.name for photo in self._photos), *numbered]

    def __getitem__(self, index: int) -> Tensor:
        if index < len(self._photos):
            return sample_photo(self._photos[index].name)
        return procedural_image(derive_seed("embedded", self.names[index]))


def clean_images(folder: Path | None, count: int) -> CleanImages:
    """The images of a folder; without one so many embedded test images, or a few more where there are more photos."""
    if folder is not None:
        return FolderImages(folder)
    photos = len(EmbeddedImages("test", generated=0).names)
    return EmbeddedImages("test", generated=max(0, count - photos))


def central_crop(image: Tensor, side: int) -> Tensor:
    """The middle of an image (3, H, W), at most ``side`` pixels high and wide."""
    top, left = (max(0, extent - side) // 2 for extent in image.shape[-2:])
    return image[:, top : top + side, left : left + side]


class CentralCrops:
    """The middle of each image.

    Args:
        images: Where they come from.
        side: Largest height and width that is kept, in pixels.
    """

    def __init__(self, images: CleanImages, side: int) -> None:
        self.names = images.names
        self._images = images
        self._side = side

    def __getitem__(self, index: int) -> Tensor:
        return central_crop(self._images[index], self._side)


class CachedImages:
    """Keeps the images used last in memory, eight bits a value.

    Args:
        images: Where they come from.
        limit: Bytes to keep at most; the image used last is kept whatever its size.
    """

    def __init__(self, images: CleanImages, limit: int = 2**29) -> None:
        self.names = images.names
        self._images = images
        self._limit = limit
        self._recent: OrderedDict[int, Tensor] = OrderedDict()
        self._held = 0

    def __getitem__(self, index: int) -> Tensor:
        if index not in self._recent:
            self._recent[index] = self._images[index].mul(255).round().byte()
            self._held += self._recent[index].numel()
            while self._held > self._limit and len(self._recent) > 1:
                self._held -= self._recent.popitem(last=False)[1].numel()
        self._recent.move_to_end(index)
        return self._recent[index].float() / 255
