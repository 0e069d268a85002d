"""Blur of what is out of focus."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.depth import synthesise_depth
from maskdcpt.degradations.filters import convolve
from maskdcpt.degradations.kernels import disc
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.transfer import to_encoded, to_linear

LAYERS = (-1, -0.5, -0.2, 0, 0.2, 0.5, 1)
"""Defocus of the layers that a scene is cut into: close where it is nearly sharp and steps would show."""


@dataclass(frozen=True)
class Defocus(Level):
    """A lens with a large aperture that is focused on some distance of the scene.

    The circle of confusion of a thin lens is proportional to |1/d - 1/f|, with the distance d of the object and f of
    the plane of focus (Potmesil and Chakravarty, "Synthetic image generation with a lens and aperture camera model",
    ACM TOG 1982). The depth is synthetic. It is cut into a few layers, each blurred by a disc in linear light, so
    that bright points become discs, and composed from back to front with soft mattes, so that what is near and
    blurred reaches over what is behind it. The aperture is an even disc, and what a near object hides, which its
    blurred rim would let through, is taken to look like the object. Layers, linear light and double precision, which
    makes results the same on all machines, take several times what one blur by a disc does.
    """

    type_name: ClassVar[str] = "defocus_blur"
    title: ClassVar[str] = "Defocus blur"

    radius: float = parameter(0.5, 30, "pixels of the largest circle of confusion")
    """Radius of the disc that a point becomes where the picture is most out of focus, in pixels."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Focuses on a new distance of a new depth."""
        depth = synthesise_depth(image.shape[1], image.shape[2], rng)
        return to_encoded(blur_by_depth(to_linear(image), focus(depth, rng), self.radius))


def focus(depth: Pixels, rng: Generator) -> Pixels:
    """Focuses a lens on the nearer half of a scene, or misses it, so that the most of the picture gets blurred.

    Args:
        depth: Distance in metres, (H, W).
        rng: Draws the plane of focus, from halfway (in 1/d) between the nearest and the farthest object to before both.

    Returns:
        Defocus, (H, W): negative behind the plane of focus, positive before it; the largest magnitude is 1.
    """
    nearness = 1 / depth
    far, near = float(nearness.min()), float(nearness.max())
    # A scene without depth is out of focus too.
    plane = far + rng.uniform(0.5, 1.2) * max(near - far, 0.1 * near)
    defocus = (nearness - plane) / max(near - plane, plane - far)
    return defocus.astype(np.float32)


def blur_by_depth(light: Pixels, defocus: Pixels, radius: float) -> Pixels:
    """Blurs each place of a picture by a disc of its own size.

    Args:
        light: Linear light, (3, H, W).
        defocus: Signed blur between -1, far, and 1, near, (H, W).
        radius: Radius in pixels of the disc where the defocus is 1 or -1.

    Returns:
        Linear light, (3, H, W).
    """
    low, high = float(defocus.min()), float(defocus.max())
    inner = [at for at in LAYERS if low + 0.1 < at < high - 0.1]
    layers = [low, *inner, high] if high > low else [low]
    # The farthest layer is behind everything, and each nearer one holds what is at least as near, softly cut out.
    result = convolve(light, disc(abs(low) * radius).astype(np.float32))
    for behind, at in pairwise(layers):
        kernel = disc(abs(at) * radius).astype(np.float32)
        reach = kernel.shape[0] // 2
        matte = np.clip((defocus - behind) / (at - behind), 0, 1)
        # Only the rows that the layer reaches, from those that it is made of: often half of the picture.
        held = np.flatnonzero(matte.any(axis=1))
        top, bottom = max(held[0] - reach, 0), held[-1] + 1 + reach
        source = slice(max(top - reach, 0), bottom + reach)
        cut = np.concatenate((light[:, source] * matte[source], matte[None, source]))
        blurred = convolve(cut, kernel)[:, top - source.start : bottom - source.start]
        result[:, top:bottom] *= 1 - blurred[3]
        result[:, top:bottom] += blurred[:3]
    return result
