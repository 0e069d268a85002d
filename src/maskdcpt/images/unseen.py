"""Colours where there is no opacity: arbitrary, and networks would carry them over the edge of what is seen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def fill_unseen(pixels: Tensor, alpha: Tensor) -> Tensor:
    """Puts the nearest visible colour where there is no opacity.

    Args:
        pixels: RGB (3, H, W).
        alpha: Opacity (1, H, W).
    """
    import cv2  # takes a while, and few files need it

    unseen = (alpha[0] == 0).numpy()
    if not unseen.any() or unseen.all():
        return pixels
    _, nearest = cv2.distanceTransformWithLabels(
        unseen.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros(int(nearest.max()) + 1, np.int64)
    place[nearest[~unseen]] = np.flatnonzero(~unseen)
    return pixels.flatten(1)[:, torch.from_numpy(place[nearest].ravel())].view_as(pixels)
