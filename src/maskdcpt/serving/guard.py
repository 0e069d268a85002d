"""What stands before every route: who may ask, for which paths, and what browsers may do with the answers."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskdcpt.serving.api import CLASSIFY, RESTORE
from maskdcpt.serving.body import Body, ClientGone
from maskdcpt.serving.limits import Limits
from maskdcpt.serving.refusal import CLIENT_GONE, Refusal
from maskdcpt.serving.storage import Storage
from maskdcpt.serving.submissions import checked_submission, is_within
from maskdcpt.serving.telemetry import Telemetry

PAGE = "/app"
"""Where the page for people is."""

# Gradio's own scripts stand in the page and are put together at run time; none comes from elsewhere.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer tells browsers: nothing is fetched from elsewhere, and nobody frames or embeds it."""

_UPLOAD = "/gradio_api/upload"
_FILE = "/gradio_api/file="
_SUBMIT = "/gradio_api/queue/join"

# All that the page needs of Gradio, which can do more, such as fetching addresses for a client.
_PAGE_PATHS = re.compile(
    r"/|/config|/theme\.css|/favicon\.ico|/manifest\.json|/(assets|static|svelte)/.*"
    r"|/gradio_api/(info|queue/join|queue/data|queue/status|cancel|reset|upload|upload_progress|startup-events|app_id"
    r"|heartbeat/\w+|file=.*)"
)


class Guard:
    """Refuses requests before they reach the application.

    Args:
        app: The application.
        hosts: Names and addresses under which clients may address the server; none for any.
        storage: The only folder out of which, and into which, the page moves files.
        limits: Size and time of what the page sends back.
        telemetry: Counts the answers of the routes that work on images, whoever gives them.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], storage: Storage, limits: Limits, telemetry: Telemetry
    ) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._storage = storage
        self._limits = limits
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, int(message["status"]))
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        body = Body(Request(scope, receive), self._limits)
        try:
            self._check(scope)
            if scope["path"] == f"{PAGE}{_SUBMIT}" and scope["method"] == "POST":
                receive = await self._check_submission(body, scope, receive)
            with self._room(scope):
                await self._app(scope, receive, send_guarded)
        except Refusal as refusal:
            await body.discard()
            refusal.unread = not body.complete
            answer = JSONResponse(refusal.body, refusal.status, refusal.headers)
            await answer(scope, receive, send_guarded)
            return
        except ClientGone:
            self._count(scope, CLIENT_GONE)

    def _count(self, scope: Scope, status: int) -> None:
        if scope["path"] in (RESTORE, CLASSIFY):
            self._telemetry.requests.labels(scope["path"], status).inc()

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        # A name of another site that leads here would make its pages pages of ours.
        if self._hosts and _host_name(headers.get("host", "")) not in self._hosts:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "the server does not go by this name; `maskdcpt serve --allow-host NAME` adds it",
            )
        if scope["method"] not in ("GET", "HEAD") and _is_foreign(headers):
            raise Refusal(HTTPStatus.FORBIDDEN, "pages of other sites may not send anything to this server")
        path = scope["path"]
        if path == PAGE or path.startswith(f"{PAGE}/"):
            self._check_page(path.removeprefix(PAGE))

    async def _check_submission(self, body: Body, scope: Scope, receive: Receive) -> Receive:
        parts = [checked_submission(await body.read(), self._storage.folder)]

        async def receive_checked() -> Message:
            if parts:
                return {"type": "http.request", "body": parts.pop(), "more_body": False}
            return await receive()

        # The length that was announced is that of what the client wrote.
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        scope["headers"] = [*headers, (b"content-length", str(len(parts[0])).encode())]
        return receive_checked

    def _check_page(self, path: str) -> None:
        if path and not _PAGE_PATHS.fullmatch(path):
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        if path.startswith(_FILE) and not is_within(unquote(path.removeprefix(_FILE)), self._storage.folder):
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _room(self, scope: Scope) -> AbstractContextManager[None]:
        if scope["path"] != f"{PAGE}{_UPLOAD}" or scope["method"] != "POST":
            return nullcontext()
        length: str | None = Headers(scope=scope).get("content-length")
        if length is None:
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "an upload has to say how long it is")
        return self._storage.room_for(int(length))  # HTTP servers let no other length than digits through


def _host_name(host: str) -> str:
    # A name or address, in brackets if it is one of IPv6, and perhaps a port.
    return re.sub(r":\d+$", "", host).strip("[]").lower()


def _is_foreign(headers: Headers) -> bool:
    # Browsers say with every request that sends something where it comes from; other clients do not.
    origin: str | None = headers.get("origin")
    host: str = headers.get("host", "")
    try:
        return origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:  # no address at all
        return True
