"""Linear filters."""

from __future__ import annotations

import cv2
import numpy as np

from maskdcpt.degradations.base import Pixels


def convolve(image: Pixels, kernel: Pixels) -> Pixels:
    """Convolves every channel with one kernel by FFT; the border mirrors the picture without repeating its edge.

    Args:
        image: (3, H, W), of any size, also smaller than the kernel.
        kernel: Odd square.
    """
    _, height, width = image.shape
    radius = kernel.shape[0] // 2
    padded = np.pad(image, ((0, 0), (radius, radius), (radius, radius)), mode="reflect")
    size = (cv2.getOptimalDFTSize(padded.shape[1]), cv2.getOptimalDFTSize(padded.shape[2]))
    spectrum = np.fft.rfft2(padded, size) * np.fft.rfft2(kernel, size)
    # In a circular convolution the first 2 * radius rows and columns are mixed with the far end; the rest is exact.
    inner = np.fft.irfft2(spectrum, size)[:, 2 * radius : 2 * radius + height, 2 * radius : 2 * radius + width]
    return inner.astype(np.float32)
