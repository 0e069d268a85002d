"""Linear filters.

They compute in double precision: the last bits of OpenCV's results differ between processors, and in double precision
these lie far below those that rounding to single precision leaves. That takes about twice the time.
"""

from __future__ import annotations

import cv2
import numpy as np

from maskdcpt.degradations.base import Pixels

LARGEST_DIRECT = 11
"""Side of the largest kernel that is faster without Fourier transforms."""


def convolve(image: Pixels, kernel: Pixels) -> Pixels:
    """Convolves every channel with one kernel; the border mirrors the picture without repeating its edge.

    Args:
        image: (3, H, W), of any size, also smaller than the kernel.
        kernel: Odd square.
    """
    if kernel.shape[0] > LARGEST_DIRECT:
        return _convolve_spectra(image, kernel)
    flipped = kernel[::-1, ::-1].astype(np.float64)  # filter2D correlates
    result = np.empty_like(image)
    for plane, target in zip(image, result, strict=True):
        target[:] = cv2.filter2D(plane.astype(np.float64), -1, flipped, borderType=cv2.BORDER_REFLECT_101)
    return result


def convolve_separable(image: Pixels, row: Pixels, column: Pixels) -> Pixels:
    """Convolves every channel with the product of two symmetric kernels; the border as in ``convolve``.

    Args:
        image: (3, H, W), of any size.
        row: Weights from left to right, of odd number.
        column: Weights from top to bottom, of odd number.
    """
    row, column = row.astype(np.float64), column.astype(np.float64)
    result = np.empty_like(image)
    for plane, target in zip(image, result, strict=True):
        target[:] = cv2.sepFilter2D(plane.astype(np.float64), -1, row, column, borderType=cv2.BORDER_REFLECT_101)
    return result


def _convolve_spectra(image: Pixels, kernel: Pixels) -> Pixels:
    """``convolve`` by Fourier transforms; OpenCV's take a third of the time of its filter2D or of NumPy's."""
    _, height, width = image.shape
    side = kernel.shape[0]
    radius = side // 2
    rows, columns = (cv2.getOptimalDFTSize(length + 2 * radius) for length in (height, width))
    padded_kernel = np.zeros((rows, columns))
    padded_kernel[:side, :side] = kernel
    transfer = cv2.dft(padded_kernel)
    result = np.empty_like(image)
    for plane, target in zip(image, result, strict=True):
        padded = cv2.copyMakeBorder(
            plane, radius, rows - height - radius, radius, columns - width - radius, cv2.BORDER_REFLECT_101
        )
        spectrum = cv2.mulSpectrums(cv2.dft(padded.astype(np.float64)), transfer, 0)
        full = cv2.dft(spectrum, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
        # In a circular convolution the first 2 * radius rows and columns are mixed with the far end; the rest is exact.
        target[:] = full[2 * radius : 2 * radius + height, 2 * radius : 2 * radius + width]
    return result
