"""What the kinds of files have in common for those who read them, and the kinds that Pillow and we decode."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Protocol

import imagecodecs
import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from maskdcpt.images import pnm
from maskdcpt.images.hush import noting, quiet_stderr
from maskdcpt.images.limits import require_pixels
from maskdcpt.images.metadata import Metadata, read_metadata
from maskdcpt.images.png_colour import beyond_srgb, colour_chunks
from maskdcpt.images.raster import Raster, from_pillow, turn_upright
from maskdcpt.images.whole import bytes_behind, require_whole


class Source(Protocol):
    """A file whose frames can be decoded one at a time."""

    format: str
    """Pillow's name of the format, told by the content."""
    frames: int
    """How many frames there are."""
    metadata: Metadata
    """What the file says about the picture."""
    notes: list[str]
    """What reading drops or approximates; grows as frames are decoded."""
    settings: Mapping[str, Any]
    """How the file was encoded, as Pillow's ``save`` takes it: what an encoder needs to do it likewise."""

    def read(self, index: int) -> Raster:
        """Decodes a frame.

        Raises:
            UserError: If its kind of colours or samples is not supported.
            OSError: If it is damaged; others of ``DAMAGE`` where the damage sits in the file's structure.
        """
        ...


class PnmSource:
    """A Netpbm file."""

    def __init__(self, data: bytes, limit: int) -> None:
        self.format = pnm.MAGIC[data[:2]]
        self.frames = 1
        self.metadata = Metadata()
        self.settings: Mapping[str, Any] = {}
        samples, self.notes = pnm.decode_pnm(data, limit)
        self._raster = Raster(samples)

    def read(self, index: int) -> Raster:
        """Returns the only frame."""
        return self._raster


class PillowSource:
    """A file that Pillow decodes: everything of eight bits, and deep PNG files up to their pixels."""

    def __init__(self, data: bytes, formats: tuple[str, ...], limit: int) -> None:
        self._data = data
        self._formats = formats
        self._limit = limit
        self.notes: list[str] = []
        with noting(self.notes):
            self._image = image = self._open()
            kind = image.format or ""
            width, height = image.size
            require_pixels(width, height, 1, limit)
            end = require_whole(data, kind)
            # The other pictures of an MPO file are previews, depths or brightness to go with the first.
            self.format = "JPEG" if kind == "MPO" else kind
            extra = getattr(image, "n_frames", 1) if kind == "MPO" else 1
            self.frames = 1 if kind == "MPO" else getattr(image, "n_frames", 1)
            require_pixels(width, height, self.frames, limit)
            self._deep = _is_deep_png(image)
            self.settings: Mapping[str, Any] = _settings(image)
            if kind == "PNG":
                self._settle_png(data)
            image.load()
            self.metadata, self._orientation = read_metadata(image)
        self._place = 0
        if extra > 1:
            self.notes.append(f"only the first of {extra} pictures, which the others belong to")
        if behind := bytes_behind(data, end, extra - 1):
            self.notes.append(f"{behind:,} bytes behind the image dropped, such as the video of a motion photo")
        if self._deep and self.frames > 1:
            self.notes.append("16-bit reduced to 8-bit")
        if image.info.get("bit_depth", 8) > 8 or (kind == "AVIF" and _avif_is_deep(data)):
            self.notes.append("more than 8 bits reduced to 8-bit")
        self.notes += self.metadata.notes

    def _settle_png(self, data: bytes) -> None:
        chunks = colour_chunks(data)
        self.settings = {**self.settings, "colour": chunks}
        if kinds := beyond_srgb(chunks):
            self.notes.append(f"values taken for sRGB despite {' and '.join(kinds)}")
        # Pillow spreads shades of 2 and 4 bits to eight, but not the one that is transparent.
        bits, transparent = data[24], self._image.info.get("transparency")
        if bits in (2, 4) and self._image.mode == "L" and isinstance(transparent, int):
            self._image.info["transparency"] = transparent * 255 // (2**bits - 1)

    def read(self, index: int) -> Raster:
        """Decodes a frame; animations are put together from their parts, so going back costs what lies between."""
        with noting(self.notes):
            if self._deep and self.frames == 1:
                with quiet_stderr():
                    samples = np.asarray(imagecodecs.png_decode(self._data))
                samples = samples if samples.ndim == 3 else samples[..., None]
                return Raster(turn_upright(samples, self._orientation))
            if index < self._place:
                self._image = self._open()  # for after a rewind Pillow takes the frames of a PNG file for out of order
            if index != self._place:
                self._image.seek(index)
                self._place = index
                require_pixels(*self._image.size, 1, self._limit)
            self._image.load()
            samples = from_pillow(self._image, self.metadata.icc, self.notes)
            duration = float(self._image.info.get("duration", 0) or 0) if self.frames > 1 else 0.0
        return Raster(turn_upright(samples, self._orientation), duration)

    def _open(self) -> ImageFile.ImageFile:
        return Image.open(io.BytesIO(self._data), formats=self._formats)


def _settings(image: Image.Image) -> dict[str, Any]:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        tables = {number: list(table) for number, table in image.quantization.items()}
        sampling = JpegImagePlugin.get_sampling(image)
        progressive = bool(image.info.get("progressive"))
        return {"qtables": tables, "subsampling": sampling if sampling >= 0 else 0, "progressive": progressive}
    return {name: image.info[name] for name in ("loop", "background", "default_image") if name in image.info}


def _is_deep_png(image: Image.Image) -> bool:
    # Only the decoder's arguments tell, and only until the image is loaded.
    return image.format == "PNG" and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _avif_is_deep(data: bytes) -> bool:
    # The box that configures the codec: its third byte after the version says "high bit depth" in its second bit
    # (AV1 Codec ISO Media File Format Binding, 2.3.3).
    at = data.find(b"av1C")
    return at >= 0 and bool(data[at + 6 : at + 7]) and bool(data[at + 6] & 0x40)
