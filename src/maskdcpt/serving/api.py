"""The interface for programs: an image in, an image or JSON out."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from maskdcpt.serving.body import Body, ClientGone
from maskdcpt.serving.desk import Desk
from maskdcpt.serving.frames import Message
from maskdcpt.serving.limits import Limits
from maskdcpt.serving.refusal import CLIENT_GONE, Refusal
from maskdcpt.serving.telemetry import MEDIA_TYPE, Telemetry
from maskdcpt.serving.work import Depth, Format, Task

RESTORE, CLASSIFY = "/v1/restore", "/v1/classify"
"""The routes that work on images, whose answers are counted."""

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The image file itself, not a form.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Error(BaseModel):
    """Why there is no result."""

    error: str = Field(description="What is wrong and what would be right, in one line.")


class Verdict(BaseModel):
    """What the weights say about an image, in its first frame."""

    types: dict[str, float] = Field(
        description="Type of damage to its probability, best first; `clean` for none, where weights know it."
    )
    clean: bool | None = Field(description="Whether it looks clean; `null` where the weights cannot tell.")
    unfamiliar: bool | None = Field(
        description="Whether it is unlike what the weights were trained on; `null` where they cannot tell."
    )
    reason: str = Field(description="All of this in one line for people.")


class Damage(Verdict):
    """What has damaged an image."""

    notes: list[str] = Field(description="What reading the image has dropped or approximated.")
    width: int = Field(description="In pixels, upright.")
    height: int = Field(description="In pixels, upright.")
    frames: int = Field(description="More than one in animations and files of many pages.")
    seconds: float = Field(description="Time of the work.")


class Health(BaseModel):
    """Whether the server can work."""

    status: str = Field(description="`ok`, or `starting` while no worker is ready.")
    workers: int = Field(description="Workers that are ready or at work.")
    waiting: int = Field(description="Requests that wait.")


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": description}
    for status, description in {
        400: "The request is malformed.",
        403: "The request comes from a page of another site.",
        408: "The image was sent too slowly.",
        413: "The file is too large, or has too many pixels.",
        415: "A form was sent, and not the file itself.",
        422: "The image cannot be read or worked on, or a parameter is wrong.",
        500: "Something in the server failed.",
        503: "Too many requests; `Retry-After` says when to try again.",
        504: "The work took too long.",
    }.items()
}


def make_router(desk: Desk, limits: Limits, telemetry: Telemetry) -> APIRouter:
    """Makes the routes.

    Args:
        desk: Where tasks are worked on.
        limits: Size and time of requests.
        telemetry: What is shown of what was counted.
    """
    router = APIRouter()

    async def restore(
        request: Request,
        strength: Annotated[
            float, Query(ge=0, le=1, description="Share of the restored image; the rest is the image as it was.")
        ] = 1.0,
        format: Annotated[  # noqa: A002  what clients call it
            Format | None, Query(description="Format of the result; without it that of the image.")
        ] = None,
        quality: Annotated[
            int | None, Query(ge=1, le=100, description="Of formats with loss; without it that of the image, or high.")
        ] = None,
        depth: Annotated[
            Depth | None, Query(description="Bits of a sample, 32 for floating point; without it those of the image.")
        ] = None,
        metadata: Annotated[bool, Query(description="Whether to keep EXIF, XMP and resolution.")] = True,
    ) -> Response:
        """Restores an image, all frames of it; the result has its size, and its format unless another is asked for.

        Headers tell more, as JSON: `X-Verdict` what `/v1/classify` says of damage (`types`, `clean`, `unfamiliar` and
        `reason`; `null` where the weights have no classifier), `X-Notes` what was dropped, approximated, or done in
        another way than usual.
        """
        task = Task(
            strength=strength,
            format=format and format.value,
            quality=quality,
            depth=depth and depth.value,
            metadata=metadata,
        )
        result = await handle(request, task)
        headers = {
            "X-Verdict": json.dumps(result.values["verdict"]),
            "X-Notes": json.dumps(result.values["notes"]),
            "Content-Disposition": f'attachment; filename="restored{result.values["suffix"]}"',
        }
        return Response(result.blobs[0], media_type=result.values["media_type"], headers=headers)

    async def classify(request: Request) -> Damage:
        """Names what has damaged an image, and says whether it looks clean or unfamiliar."""
        values = (await handle(request, Task(restore=False))).values
        return Damage(**values["verdict"], **{name: value for name, value in values.items() if name != "verdict"})

    async def health() -> JSONResponse:
        """Says whether the server can work: 200 if it can, else 503."""
        ok = desk.alive > 0
        values = Health(status="ok" if ok else "starting", workers=desk.alive, waiting=desk.waiting)
        return JSONResponse(values.model_dump(), HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE)

    async def metrics() -> Response:
        """Tells what has happened so far, in the text format of Prometheus."""
        return Response(telemetry.text(), media_type=MEDIA_TYPE)

    async def handle(request: Request, task: Task) -> Message:
        body = Body(request, limits)
        try:
            async with desk.place():
                data = await body.read()
                return await body.while_connected(desk.run(task.message(data)))
        except Refusal as refusal:
            await body.discard()
            refusal.unread = not body.complete
            raise
        except ClientGone:
            raise Refusal(CLIENT_GONE, "the client has gone") from None  # for which nobody waits

    image: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "The restored image.",
            "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
    router.add_api_route(
        RESTORE,
        restore,
        methods=["POST"],
        openapi_extra=BODY,
        response_class=Response,
        responses={**REFUSALS, **image},
    )
    router.add_api_route(CLASSIFY, classify, methods=["POST"], openapi_extra=BODY, responses=REFUSALS)
    unwell = {503: {"model": Health, "description": "No worker is ready."}}
    router.add_api_route("/health", health, methods=["GET"], response_model=Health, responses=unwell)
    router.add_api_route(
        "/metrics",
        metrics,
        methods=["GET"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    return router
