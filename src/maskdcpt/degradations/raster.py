"""Drawing points between pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def splat(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    weights: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.float64]:
    """Adds weighted points to an empty grid, each shared bilinearly by the four pixels around it.

    Args:
        rows: Vertical positions in pixels; 0 is the centre of the first row. Any shape.
        columns: Horizontal positions, same shape.
        weights: What each point adds in total, same shape.
        size: Height and width of the grid.

    Returns:
        The sum of all points, (H, W). What falls outside the grid is lost.
    """
    height, width = size
    # A frame around the grid, one pixel before and two after, catches everything outside without a test per point.
    frame = (height + 3, width + 3)
    rows, columns = np.clip(rows, -1, height).ravel() + 1, np.clip(columns, -1, width).ravel() + 1
    weights = weights.ravel()
    top, left = rows.astype(np.int64), columns.astype(np.int64)
    down, right = rows - top, columns - left
    corner = top * frame[1] + left
    grid = np.zeros(frame[0] * frame[1])
    for step, share in (
        (0, (1 - down) * (1 - right)),
        (1, (1 - down) * right),
        (frame[1], down * (1 - right)),
        (frame[1] + 1, down * right),
    ):
        grid += np.bincount(corner + step, weights * share, minlength=grid.size)
    return grid.reshape(frame)[1 : height + 1, 1 : width + 1]
