"""From samples and metadata to the bytes of a file, in each format that is written."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from maskdcpt.errors import UserError
from maskdcpt.images.colour import GREY_PROFILE, profile_kind
from maskdcpt.images.exif import HEADER
from maskdcpt.images.formats import Format
from maskdcpt.images.gif_write import to_palette
from maskdcpt.images.metadata import Metadata
from maskdcpt.images.optional import register_heif
from maskdcpt.images.png_write import encode_png, more_chunks
from maskdcpt.images.pnm import encode_pnm
from maskdcpt.images.raster import Raster
from maskdcpt.images.tiff_write import encode_tiff
from maskdcpt.shortage import ran_out

_TITLES = {
    "exif": "EXIF",
    "xmp": "XMP metadata",
    "icc": "colour profile",
    "dpi": "dots per inch",
    "texts": "text comments",
    "comment": "text comments",
}

_JPEG_SIDE = 65_500  # pixels that libjpeg writes in a row or column
_JPEG_SEGMENT = 65_533  # bytes that a JPEG segment holds beside its length

_ONCE = 1  # how often an animation is shown that does not say; GIF says so by saying nothing

Settings: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Encoded:
    """A file in memory."""

    data: bytes
    """All of the file."""
    suffix: str
    """What the name of such a file ends in, with the dot."""
    notes: tuple[str, ...]
    """What the format could not hold, a short statement each."""


def encode(
    target: Format, frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None
) -> Encoded:
    """Writes a file into memory.

    Args:
        target: Its format.
        frames: Its frames, with no more channels and bits than the format has room for.
        metadata: What goes with them.
        settings: How a file of the same format was encoded, as ``Source.settings`` has it.
        quality: 1 to 100 for formats with loss; None for ``settings`` or as little loss as the format allows.

    Raises:
        UserError: If the format cannot hold the picture.
        MemoryError: If memory does not suffice; others of which ``ran_out`` holds where a library raises its own.
    """
    kept, notes = _fitting(metadata, target, frames)
    encoder = _ENCODERS[target.name]
    try:
        data, more = encoder(frames, kept, settings, quality)
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        if isinstance(error, UserError) or ran_out(error):
            raise
        height, width = frames[0].samples.shape[:2]
        raise UserError(f"{width} x {height} pixels do not fit a {target.title} file ({error}); try .png") from None
    return Encoded(data, target.suffixes[0], tuple(dict.fromkeys([*notes, *more])))


_Made: TypeAlias = tuple[bytes, list[str]]


def _fitting(metadata: Metadata, target: Format, frames: Sequence[Raster]) -> tuple[Metadata, list[str]]:
    unfit = {name for name in _TITLES if getattr(metadata, name) and name not in target.metadata}
    notes = [f"{_TITLES[name]} dropped, for {target.title} has no place for it" for name in _TITLES if name in unfit]
    if target.name == "JPEG":
        # Longer blocks would be spread over segments, which few programs put together.
        for name, room in (("exif", _JPEG_SEGMENT - len(HEADER)), ("xmp", _JPEG_SEGMENT - 29)):
            if len(getattr(metadata, name) or b"") > room:
                unfit.add(name)
                notes.append(f"{_TITLES[name]} dropped, for it does not fit into a JPEG segment")
    if metadata.icc and profile_kind(metadata.icc) == GREY_PROFILE and not frames[0].grey and "icc" not in unfit:
        unfit.add("icc")
        notes.append(f"colour profile for grey dropped, for {target.title} holds RGB")
    empty = Metadata()
    return replace(metadata, **{name: getattr(empty, name) for name in unfit}), notes


def _encode_png(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    if len(frames) == 1:
        return encode_png(frames[0].samples, metadata, settings.get("colour", ())), []
    notes = ["animations in PNG have 8 bits: 16-bit reduced to 8-bit"] if frames[0].depth == 16 else []
    options = {"loop": settings.get("loop", _ONCE), "default_image": settings.get("default_image", False)}
    options |= {"pnginfo": more_chunks(metadata, settings.get("colour", ())), "disposal": 0, "blend": 0}
    return _with_pillow(frames, "PNG", metadata, options), notes


def _encode_jpeg(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    if max(frames[0].samples.shape[:2]) > _JPEG_SIDE:
        raise ValueError(f"{_JPEG_SIDE} a side are the most")
    options: dict[str, Any] = {"subsampling": settings.get("subsampling", 0)}
    if metadata.comment is not None:
        options["comment"] = metadata.comment
    if settings.get("progressive"):
        options["progressive"] = True
    tables = [table for _, table in sorted(settings.get("qtables", {}).items())][:2]
    if quality is not None or not tables or any(not 1 <= step <= 255 for table in tables for step in table):
        options["quality"] = quality or 95
    else:
        options["qtables"] = tables
    return _with_pillow(frames, "JPEG", metadata, options), []


def _encode_webp(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    # Without loss unless asked, for what a network has restored should not be damaged again. "quality" is the effort
    # then: the lowest takes a fifth of the time and gives the same size.
    options: dict[str, Any] = {"lossless": True, "quality": 0} if quality is None else {"quality": quality}
    if len(frames) == 1:
        options["exact"] = True  # colours where there is no opacity
    return _with_pillow(frames, "WEBP", metadata, options | {"loop": settings.get("loop", _ONCE)}), []


def _encode_avif(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    options = {"quality": quality or 95, "subsampling": "4:4:4"}
    return _with_pillow(frames, "AVIF", metadata, options), []


def _encode_heif(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    register_heif()
    return _with_pillow(frames, "HEIF", metadata, {"quality": quality or 95, "chroma": 444}), []


def _encode_gif(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    notes: list[str] = []
    images = [to_palette(frame.samples, notes) for frame in frames]
    options: dict[str, Any] = {"disposal": 2} if any(frame.has_alpha for frame in frames) else {}
    if metadata.comment is not None:
        options["comment"] = metadata.comment
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": images[1:], "duration": [frame.duration for frame in frames]}
        options |= {"loop": settings["loop"]} if "loop" in settings else {}
    file = io.BytesIO()
    images[0].save(file, "GIF", optimize=False, **options)
    return file.getvalue(), notes


def _encode_tiff(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    return encode_tiff([frame.samples for frame in frames], metadata), []


def _encode_bmp(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    return _with_pillow(frames, "BMP", metadata, {}), []


def _encode_netpbm(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    return encode_pnm(frames[0].samples), []


def _encode_pam(frames: Sequence[Raster], metadata: Metadata, settings: Settings, quality: int | None) -> _Made:
    return encode_pnm(frames[0].samples, pam=True), []


_ENCODERS: Mapping[str, Callable[[Sequence[Raster], Metadata, Settings, int | None], _Made]] = {
    "PNG": _encode_png,
    "JPEG": _encode_jpeg,
    "TIFF": _encode_tiff,
    "WEBP": _encode_webp,
    "AVIF": _encode_avif,
    "HEIF": _encode_heif,
    "GIF": _encode_gif,
    "BMP": _encode_bmp,
    "PPM": _encode_netpbm,
    "PGM": _encode_netpbm,
    "PFM": _encode_netpbm,
    "PAM": _encode_pam,
}


def _with_pillow(frames: Sequence[Raster], name: str, metadata: Metadata, options: dict[str, Any]) -> bytes:
    images = [_to_pillow(frame, like=frames[0]) for frame in frames]
    if metadata.icc is not None:
        options["icc_profile"] = metadata.icc
    if metadata.exif is not None:
        options["exif"] = HEADER + metadata.exif
    if metadata.xmp is not None:
        options["xmp"] = metadata.xmp
    if metadata.dpi is not None:
        options["dpi"] = metadata.dpi
    if len(images) > 1:
        options |= {"save_all": True, "append_images": images[1:]}
        # Pillow counts a picture that is shown instead of the animation among the frames, but not among durations.
        shown = frames[1:] if options.get("default_image") else frames
        options["duration"] = [round(frame.duration) for frame in shown]
    file = io.BytesIO()
    images[0].save(file, name, **options)
    return file.getvalue()


def _to_pillow(frame: Raster, like: Raster) -> Image.Image:
    samples = frame.samples if frame.depth == 8 else ((frame.samples + np.uint32(128)) // 257).astype("uint8")
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    mode = ("L", "LA", "RGB", "RGBA")[like.samples.shape[2] - 1]
    return image if image.mode == mode else image.convert(mode)
