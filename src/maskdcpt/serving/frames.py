"""Messages between a server and its workers: JSON values and blobs of bytes, with their lengths in front.

Nothing in them is ever executed or unpickled, whichever side has gone astray.
"""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Message:
    """What one side says to the other."""

    values: dict[str, Any] = field(default_factory=dict)
    """Plain values."""
    blobs: tuple[bytes, ...] = ()
    """Bytes of files."""

    def encode(self) -> bytes:
        """The message as bytes: length of the head, head, blobs."""
        head = json.dumps({"values": self.values, "blobs": [len(blob) for blob in self.blobs]}).encode()
        return b"".join((_LENGTH.pack(len(head)), head, *self.blobs))


def read_message(stream: BinaryIO) -> Message:
    """Reads the next message, waiting for it.

    Raises:
        EOFError: If the other side is gone.
    """
    head = json.loads(_exactly(stream, _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]))
    return Message(head["values"], tuple(_exactly(stream, length) for length in head["blobs"]))


async def receive_message(stream: asyncio.StreamReader) -> Message:
    """As ``read_message``, in an event loop.

    Raises:
        asyncio.IncompleteReadError: If the other side is gone.
        ValueError: If what it sends is no message.
    """
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    head = json.loads(await stream.readexactly(length))
    return Message(head["values"], tuple([await stream.readexactly(length) for length in head["blobs"]]))


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
