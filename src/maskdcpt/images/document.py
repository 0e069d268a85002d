"""An image file as restoration needs it: colours that networks know, and everything else to be put back afterwards."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import torch
from torch import Tensor

from maskdcpt.errors import UserError, naming
from maskdcpt.images.colour import GREY_PROFILE, RGB_PROFILE, ColourSpace, colour_space, profile_kind
from maskdcpt.images.containers import open_source
from maskdcpt.images.damage import refusing
from maskdcpt.images.encode import Encoded, encode
from maskdcpt.images.formats import Format, format_named, formats_behind
from maskdcpt.images.limits import pixel_limit
from maskdcpt.images.metadata import Metadata
from maskdcpt.images.png_colour import beyond_srgb
from maskdcpt.images.raster import Raster
from maskdcpt.images.samples import to_samples
from maskdcpt.images.sources import Source
from maskdcpt.images.unseen import fill_unseen
from maskdcpt.shortage import within_memory

KEPT = 8
"""Frames whose samples stay in memory: more than lie between reading and writing where both go on at once."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame, upright, as a network is to see it."""

    pixels: Tensor
    """sRGB (3, H, W), float32 in [0, 1]."""
    alpha: Tensor | None
    """Opacity (1, H, W), float32 in [0, 1], if the frame has it."""
    duration: float
    """Milliseconds for which the frame is shown; 0 in a still picture."""
    raster: Raster
    """The samples of the file."""
    space: ColourSpace | None
    """What space they are in; None for sRGB."""

    def put_back(self, pixels: Tensor, space: ColourSpace | None) -> Tensor:
        """Restored pixels in a space of colours, with what the network could not be shown.

        Where ``pixels`` are what ``self.pixels`` are, the result is exactly what the file holds: also colours outside
        of sRGB, values outside of [0, 1], and colours where there is no opacity. Otherwise the change is added to that.

        Args:
            pixels: sRGB (3, H, W) in [0, 1], as restored from ``self.pixels``.
            space: The space of the file, or None for sRGB.
        """
        if space is None:
            held = self.raster.colours() if self.space is None else self.space.to_srgb(self.raster.colours())
            return held + (pixels - self.pixels) if not torch.equal(held, self.pixels) else pixels
        # Converting there and back rounds, and cuts off what profiles made of tables cannot hold: so both ways go
        # through it, and only the change is taken.
        return self.raster.colours() + (space.from_srgb(pixels) - space.from_srgb(self.pixels))


class Frames(Sequence[Frame]):
    """The frames of a file, decoded when they are asked for. Threads may share them.

    The samples of the last ``KEPT`` are kept, for those who restore and write some frames behind the one who reads: an
    animation is decoded from its beginning whenever one goes back.
    """

    def __init__(self, name: object, source: Source, space: ColourSpace | None) -> None:
        self._name = name
        self._source = source
        self._space = space
        self._lock = threading.Lock()
        self._rasters: OrderedDict[int, Raster] = OrderedDict()
        self._last: tuple[int, Frame] | None = None

    def __len__(self) -> int:
        return self._source.frames

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | Sequence[Frame]:
        """Decodes a frame.

        Raises:
            UserError: If it is damaged, or of a kind that is not supported.
        """
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} frames, and no number {index}")
        index %= len(self)
        with self._lock:
            if self._last is None or self._last[0] != index:
                name = self._name if len(self) == 1 else f"{self._name}: frame {index + 1}"
                with refusing(name):
                    raster = self._raster(index)
                with within_memory(name, "read"), naming(name):
                    self._last = index, view_raster(raster, self._space, self._source.notes)
            return self._last[1]

    def _raster(self, index: int) -> Raster:
        if index not in self._rasters:
            self._rasters[index] = self._source.read(index)
            if len(self._rasters) > KEPT:
                self._rasters.popitem(last=False)
        return self._rasters[index]


class Document:
    """An image file: its frames, and all that is kept beside their colours."""

    def __init__(self, name: object, source: Source) -> None:
        self._source = source
        space, self.metadata, notes = _own_space(source.metadata)
        self._notes = notes
        self._space = space
        self.name = str(name)
        """What messages call it."""
        self.frames = Frames(name, source, space)
        """Its frames: decoded one at a time, when asked for."""
        first = self.frames[0].raster
        if self.metadata.icc and profile_kind(self.metadata.icc) == GREY_PROFILE and not first.grey:
            self.metadata = replace(self.metadata, icc=None)
            self._notes.append("colour profile for GRAY dropped")
        self.format = source.format
        """Name of the file's format, told by its content."""
        self.depth = first.depth
        """Bits of a sample; 32 is floating point. In a file of many pages those of the first."""
        self.grey = first.grey
        """Whether it has one colour only."""
        self.alpha = first.has_alpha
        """Whether it has an opacity."""
        self.size = (first.samples.shape[1], first.samples.shape[0])
        """Width and height of the first frame, upright, in pixels."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading has dropped or approximated so far, a short statement each."""
        return tuple(dict.fromkeys([*self._source.notes, *self._notes]))

    def encode(
        self,
        pixels: Iterable[Tensor],
        format: str | None = None,  # noqa: A002  as Pillow's ``save`` names it
        *,
        quality: int | None = None,
        depth: int | None = None,
        metadata: bool = True,
    ) -> Encoded:
        """Puts restored pixels in place of the frames', and writes a file with everything else as it was.

        Args:
            pixels: For each frame sRGB (3, H, W) in [0, 1]. Consumed one at a time.
            format: Name or suffix of a format; None for that of the file.
            quality: Of JPEG, WebP, AVIF and HEIC, 1 to 100. None for the quantisation and chroma subsampling of the
                file where both are JPEG, otherwise for as little loss as the format allows.
            depth: Bits of a sample: 8, 16 or 32 (floating point). None for those of the file, or the nearest that the
                format has.
            metadata: Whether to write EXIF, XMP, texts and dots per inch. The colour profile is always written.

        Raises:
            UserError: If the format is unknown or has no such depth, quality is out of range, there are more or fewer
                pictures than frames, their sizes differ from those of the frames, values are not numbers, or the
                picture is too large for the format.
        """
        target = format_named(format or self.format)
        if quality is not None and not 1 <= quality <= 100:
            raise UserError(f"{self.name}: quality is {quality}; it lies in [1, 100]")
        if depth is not None and depth not in target.depths:
            known = " or ".join(str(each) for each in target.depths)
            raise UserError(f"{self.name}: {target.title} holds {known} bits a sample, not {depth}")
        kept = self.metadata if metadata else Metadata(icc=self.metadata.icc)
        notes: list[str] = []
        named = formats_behind(Path(self.name).suffix)
        if target.name in named and self.format not in named:
            notes.append(f"holds {format_named(self.format).title} in spite of its name; written as {target.title}")
        if self.format == target.name:
            settings = dict(self._source.settings)
        else:
            settings = {name: value for name, value in self._source.settings.items() if name == "loop"}
            if kinds := beyond_srgb(self._source.settings.get("colour", ())):
                notes.append(f"{' and '.join(kinds)} dropped, for {target.title} has no place for it")
        with within_memory(self.name, "written"):
            frames = list(self._rasters(pixels, target, depth, notes))
            with naming(self.name):
                made = encode(target, frames, kept, settings, quality)
        return replace(made, notes=tuple(dict.fromkeys([*notes, *made.notes])))

    def _rasters(
        self, pixels: Iterable[Tensor], target: Format, depth: int | None, notes: list[str]
    ) -> Iterator[Raster]:
        # Colours stay in their space where the format can name it.
        space = self._space if "icc" in target.metadata else None
        if self._space is not None and space is None:
            notes.append(f"colours converted to sRGB, for {target.title} has no place for a colour profile")
        count = len(self.frames)
        wanted = count if target.frames else 1
        if wanted < count:
            notes.append(f"only the first of {count} frames, for {target.title} holds one")
        given = iter(pixels)
        for index in range(wanted):
            picture = next(given, None)
            if picture is None:
                raise UserError(f"{self.name}: {count} frames need as many pictures, and {index} were given")
            frame = self.frames[index]
            if picture.shape != frame.pixels.shape or not picture.isfinite().all():
                shape = tuple(frame.pixels.shape)
                raise UserError(f"{self.name}: only finite values {shape} can be written, not {tuple(picture.shape)}")
            returned = frame.put_back(picture.detach().cpu().float(), space)
            yield to_samples(returned, frame.raster, target, depth, notes)
        if wanted == count and next(given, None) is not None:
            raise UserError(f"{self.name}: more pictures were given than the {count} frames that there are")


def decode_document(data: bytes, name: object, limit: int | None = None) -> Document:
    """Opens the bytes of an image file, and decodes its first frame.

    Args:
        data: All of the file.
        name: What messages call it.
        limit: Pixels that all frames may have together; None for what ``MASKDCPT_MAX_PIXELS`` says, or the default.

    Raises:
        TooManyPixels: If it has more pixels than the limit.
        UserError: If it is not an image, damaged, cut short, or of a kind that is not supported.
    """
    allowed = pixel_limit(limit)
    with refusing(name, allowed):
        source = open_source(data, allowed)
    return Document(name, source)


def _own_space(metadata: Metadata) -> tuple[ColourSpace | None, Metadata, list[str]]:
    # The space of an RGB profile. Grey profiles stay with grey values, which are shown as they stand; those for ink
    # have been applied when the ink became RGB.
    if metadata.icc is None:
        return None, metadata, []
    kind = profile_kind(metadata.icc)
    if kind == GREY_PROFILE:
        return None, metadata, []
    try:
        if kind == RGB_PROFILE:
            return colour_space(metadata.icc), metadata, []
        notes = [] if kind == "CMYK" else [f"colour profile for {kind} dropped"]
    except ValueError:
        notes = ["unreadable colour profile dropped"]
    return None, replace(metadata, icc=None), notes


def view_raster(raster: Raster, space: ColourSpace | None, notes: list[str]) -> Frame:
    """What a network is to see of the samples of a frame.

    Args:
        raster: The frame.
        space: The space of its colours; None for sRGB.
        notes: Gets what is not shown.

    Raises:
        UserError: If values are not numbers.
    """
    pixels = raster.colours()
    if not pixels.isfinite().all():
        raise UserError("some values are not numbers; they have to be mended first")
    if space is not None:
        pixels = space.to_srgb(pixels)
    low, high = (bound.item() for bound in pixels.aminmax())
    if low < 0 or high > 1:
        outside = ((pixels < 0) | (pixels > 1)).float().mean().item()
        if space is None:
            notes.append(
                f"{outside:.1%} of values, {low:.3g} to {high:.3g}, lie outside [0, 1]: kept, but not restored"
            )
        pixels = pixels.clamp(0, 1)
    alpha = raster.alpha()
    if alpha is not None:
        pixels = fill_unseen(pixels, alpha)
    return Frame(pixels, alpha, raster.duration, raster, space)
