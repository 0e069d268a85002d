"""The decoder that rebuilds the clean image from the features of the visible patches."""

from __future__ import annotations

from torch import Tensor, nn


class ReconstructionDecoder(nn.Module):
    """One 3x3 convolution from the last features to the image, as in the published networks.

    It adds no input: all that the image becomes has to pass through the features.

    Args:
        channels: Channels of ``Features.last``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, last: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps the last features (N, C, padded H, padded W) to images (N, 3, H, W) of the given size."""
        image: Tensor = self.conv(last)
        return image[..., : size[0], : size[1]]
