"""Frames of GIF files: at most 256 colours, each with or without opacity."""

from __future__ import annotations

import numpy as np
from PIL import Image

from maskdcpt.images.raster import Samples

_COLOURS = 256


def to_palette(samples: Samples, notes: list[str]) -> Image.Image:
    """Samples (H, W, C) of eight bits with a palette, exact where there are few enough colours.

    Args:
        samples: Grey or RGB, with or without opacity, which is cut at one half.
        notes: Gets what has been lost.
    """
    grey, opaque = samples.shape[2] <= 2, samples.shape[2] % 2 == 1
    colours = samples[..., :1].repeat(3, axis=2) if grey else np.ascontiguousarray(samples[..., :3])
    seen = np.ones(samples.shape[:2], bool) if opaque else samples[..., -1] >= 128
    if not opaque and not np.isin(samples[..., -1], (0, 255)).all():
        notes.append("opacity cut to all or nothing, for GIF holds nothing between")
    room = _COLOURS - (not seen.all())
    codes = colours[..., 0].astype(np.uint32) << 16 | colours[..., 1].astype(np.uint32) << 8 | colours[..., 2]
    used = np.unique(codes[seen])
    if len(used) <= room:
        palette = np.stack([used >> 16, used >> 8 & 255, used & 255], 1).astype(np.uint8)
        places = np.searchsorted(used, np.where(seen, codes, used[:1] if len(used) else 0)).astype(np.uint8)
    else:
        notes.append("colours reduced to 256 a frame, for GIF holds no more")
        quantised = Image.fromarray(colours).quantize(room)
        palette = np.array(quantised.getpalette(), np.uint8).reshape(-1, 3)[:room]
        places = np.asarray(quantised).copy()
    image = Image.fromarray(np.where(seen, places, _COLOURS - 1).astype(np.uint8))
    table = np.zeros((_COLOURS, 3), np.uint8)
    table[: len(palette)] = palette
    image.putpalette(table.tobytes())
    if not seen.all():
        image.info["transparency"] = _COLOURS - 1
    return image
