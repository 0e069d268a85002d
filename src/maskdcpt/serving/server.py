"""Running a server until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from maskdcpt.errors import UserError
from maskdcpt.serving.limits import Limits
from maskdcpt.signals import StopAsked, StopRequest

if TYPE_CHECKING:
    import uvicorn

    from maskdcpt.serving.storage import Storage

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Names under which a machine reaches itself, which no other site can take."""
STOP_SECONDS = 10
"""How long requests may take to finish after the server was asked to stop."""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SWEEPS = 4
"""How often files are looked through in the time for which they are kept."""


def serve(
    command: Callable[[Path], Sequence[str]],
    host: str,
    port: int,
    hosts: Sequence[str],
    limits: Limits,
    started: Callable[[str], None],
) -> None:
    """Serves until SIGTERM or Ctrl-C.

    Args:
        command: The words that start a worker, given the folder for its temporary files.
        host: Address to listen at.
        port: Port to listen at; 0 for any that is free.
        hosts: Names under which clients may address the server, beside those by which its machine reaches itself;
            without any, no others where it listens to its machine alone, else all.
        limits: What is refused.
        started: Is told the address when requests are answered.

    Raises:
        UserError: If the extra is not installed, the port is taken, or the weights cannot be used.
    """
    stop = StopRequest()
    with _listening(host, port) as listener, _temporary_folder() as folder, stop.listening():
        names = host_names(listener.getsockname()[0], hosts)
        with suppress(StopAsked, asyncio.CancelledError):  # it was asked to stop while starting
            with stop.interrupting():
                _require_ui()
            asyncio.run(_serve(command(folder), listener, names, limits, folder, started))


def host_names(address: str, hosts: Sequence[str]) -> tuple[str, ...]:
    """Names under which clients may address a server; none for any.

    Args:
        address: Where it listens.
        hosts: What it is called beside that, if it is told.
    """
    return (*LOOPBACK, address, *hosts) if hosts or ip_address(address).is_loopback else ()


async def _serve(
    command: Sequence[str],
    listener: socket.socket,
    hosts: Sequence[str],
    limits: Limits,
    folder: Path,
    started: Callable[[str], None],
) -> None:
    import uvicorn

    from maskdcpt.serving.app import make_app
    from maskdcpt.serving.desk import open_desk
    from maskdcpt.serving.storage import Storage
    from maskdcpt.serving.telemetry import Telemetry

    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    assert starting is not None
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, starting.cancel)
    telemetry = Telemetry()
    async with open_desk(command, limits, telemetry) as desk:
        storage = Storage(folder, limits.stored_bytes)
        app = make_app(desk, limits, telemetry, storage, hosts)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=STOP_SECONDS
        )
        server = uvicorn.Server(config)
        server.capture_signals = nullcontext  # its own handlers would send the signal once more in the end
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, setattr, server, "should_exit", True)
        sweeping = asyncio.create_task(_sweep(storage, limits.keep_minutes * 60))
        telling = asyncio.create_task(_tell(server, listener, started))
        try:
            await server.serve([listener])
        finally:
            for task in (sweeping, telling):
                task.cancel()


async def _tell(server: uvicorn.Server, listener: socket.socket, started: Callable[[str], None]) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    host, port = listener.getsockname()[:2]
    started(f"http://{f'[{host}]' if ':' in host else host}:{port}")


async def _sweep(storage: Storage, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / _SWEEPS)
        await asyncio.to_thread(storage.sweep, seconds)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        raise UserError(f"cannot listen at {host}, port {port} ({error}); try another --port or --host") from None
    with listener:
        yield listener


def _require_ui() -> None:
    # Gradio decides as it is imported whether to tell its makers what is done with it, and makes its folder then.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        for package in ("gradio", "fastapi", "fastapi_offline", "uvicorn", "prometheus_client"):
            import_module(package)
    except ImportError:
        raise UserError('maskdcpt serve needs Gradio and FastAPI: pip install "maskdcpt[ui]"') from None


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="maskdcpt-serve-") as name:
        folder = Path(name).resolve()
        before = tempfile.tempdir
        os.environ["GRADIO_TEMP_DIR"] = tempfile.tempdir = str(folder)
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "torch")  # which torch makes whether it needs it or not
        try:
            yield folder
        finally:
            tempfile.tempdir = before
