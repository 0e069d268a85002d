"""How a batch is divided among processes, and the share of one process into pieces that its device can hold."""

from __future__ import annotations

from dataclasses import dataclass

from maskdcpt.errors import UserError


@dataclass(frozen=True)
class Share:
    """What one process computes of every batch.

    The batch that a configuration states is the one of a whole step. Dividing it changes where the work is done, never
    what a step is: samples and masks are numbered through the whole batch, and every loss is a mean over images.
    """

    batch: int
    """Images per step over all processes."""
    size: int
    """Images of this process, the same for all."""
    start: int
    """Place of its first image in the batch."""
    pieces: int
    """Parts of equal size that it computes one after another."""

    @classmethod
    def of(cls, batch: int, *, ranks: int, rank: int, device_batch: int | None) -> Share:
        """The share of one process.

        Args:
            batch: Images per step over all processes.
            ranks: Processes.
            rank: Number of this process, from 0.
            device_batch: Most images that are computed at once, or None for the whole share.

        Raises:
            UserError: If the batch does not divide among the processes.
        """
        if batch % ranks:
            raise UserError(f"train.batch is {batch}, which does not divide among {ranks} processes")
        size = batch // ranks
        most = min(device_batch or size, size)
        pieces = next(pieces for pieces in range(-(-size // most), size + 1) if size % pieces == 0)
        return cls(batch, size, rank * size, pieces)

    def samples(self, step: int) -> range:
        """Numbers of the samples of a step, among all samples of the run."""
        first = step * self.batch + self.start
        return range(first, first + self.size)

    def parts(self) -> list[range]:
        """Places of the images of each piece, within the share."""
        length = self.size // self.pieces
        return [range(start, start + length) for start in range(0, self.size, length)]
