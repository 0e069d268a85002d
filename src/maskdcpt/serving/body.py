"""Receiving what a client sends: no more of it, and no longer, than the limits allow."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request

from maskdcpt.serving.limits import MEBIBYTE, Limits
from maskdcpt.serving.refusal import Refusal

T = TypeVar("T")

DISCARD_SECONDS = 5.0
"""How long the rest of what a refused client sends is read: one that is cut off while sending sees no answer."""


class ClientGone(Exception):  # noqa: N818  nothing is wrong here
    """The client has closed the connection, and waits for no answer."""


class Body:
    """The body of one request.

    Args:
        request: The request; nothing else may read its body.
        limits: Size and time.
    """

    def __init__(self, request: Request, limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self.complete = False
        """Whether nothing more is to come."""

    async def read(self) -> bytes:
        """Receives all of it.

        Raises:
            Refusal: If it is a form, empty, too large, or sent too slowly.
            ClientGone: If the connection ends before it does.
        """
        kind = self._request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            raise Refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "a form was sent; send the image file itself as the body, as curl --data-binary @photo.jpg does",
            )
        # HTTP servers let no other length than digits through.
        if int(self._request.headers.get("content-length", "0")) > self._limits.bytes:
            raise self._too_large()
        data = bytearray()
        try:
            async with asyncio.timeout(self._limits.upload_seconds):
                while not self.complete:
                    data += await self._next_part()
                    if len(data) > self._limits.bytes:
                        raise self._too_large()
        except TimeoutError:
            raise Refusal(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the image was not here after {self._limits.upload_seconds:g} s, which is the limit",
            ) from None
        if not data:
            raise Refusal(HTTPStatus.BAD_REQUEST, "the body is empty; send the image file as the body")
        return bytes(data)

    async def discard(self) -> None:
        """Reads on for a while without keeping anything, so that a client which still sends sees its answer."""
        size = 0
        with suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(DISCARD_SECONDS):
                while not self.complete and size <= self._limits.bytes:
                    size += len(await self._next_part())

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for work, and cancels it when the client goes; to be called when all has been read.

        Raises:
            ClientGone: If the client goes first.
        """
        working = asyncio.create_task(work)
        leaving = asyncio.create_task(self._disconnect())
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise ClientGone
        finally:
            for task in (working, leaving):
                task.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)

    async def _next_part(self) -> bytes:
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            self.complete = True
            raise ClientGone
        self.complete = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part

    async def _disconnect(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass

    def _too_large(self) -> Refusal:
        limit = f"{self._limits.bytes / MEBIBYTE:g} MiB"
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the file is larger than {limit}, which is the limit")
