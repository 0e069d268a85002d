"""Puts the interface, the page and the guard before them together."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from http import HTTPStatus
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from maskdcpt import __version__
from maskdcpt.serving.api import make_router
from maskdcpt.serving.body import Body
from maskdcpt.serving.desk import Desk
from maskdcpt.serving.guard import PAGE, Guard
from maskdcpt.serving.limits import Limits
from maskdcpt.serving.page import CSS, THEME, make_page
from maskdcpt.serving.photos import Darkroom
from maskdcpt.serving.refusal import Refusal
from maskdcpt.serving.storage import Storage
from maskdcpt.serving.telemetry import Telemetry

DESCRIPTION = """Restores photos and names what has damaged them. An image file is sent as the body of a request:

`curl --data-binary @photo.jpg http://127.0.0.1:7860/v1/restore -o restored.jpg`

Every error is JSON with one line in `error`."""


def make_app(desk: Desk, limits: Limits, telemetry: Telemetry, storage: Storage, hosts: Collection[str]) -> Guard:
    """Makes the application.

    Args:
        desk: Where the work is done.
        limits: What is refused.
        telemetry: What is counted.
        storage: The only folder that is read and written, which GRADIO_TEMP_DIR names.
        hosts: Names under which clients may address the server; none for any.
    """
    app: FastAPI = FastAPIOffline(title="maskdcpt", version=__version__, description=DESCRIPTION, redoc_url=None)
    app.include_router(make_router(desk, limits, telemetry))
    app.add_api_route("/", lambda: RedirectResponse(f"{PAGE}/"), methods=["GET"], include_in_schema=False)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, partial(_invalid, limits))
    app.add_exception_handler(HTTPException, _http_error)
    app = gr.mount_gradio_app(
        app,
        make_page(Darkroom(desk, storage, limits), limits, desk.classes is not None),
        PAGE,
        theme=THEME,
        css=CSS,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=limits.bytes,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
    )
    return Guard(app, hosts, storage, limits, telemetry)


def _refused(request: Request, refusal: Any) -> JSONResponse:
    return JSONResponse(refusal.body, refusal.status, refusal.headers)


async def _invalid(limits: Limits, request: Request, error: Any) -> JSONResponse:
    problems = [f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()]
    refusal = Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(problems))
    body = Body(request, limits)
    await body.discard()
    refusal.unread = not body.complete
    return _refused(request, refusal)


def _http_error(request: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
