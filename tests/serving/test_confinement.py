"""A server writes in its temporary folder alone, talks to nobody but its clients, and leaves nothing behind."""

import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image
from serving_servers import running

from maskdcpt.cli.main import main

httpx = pytest.importorskip("httpx", reason="needs the extra 'ui', which `make test` installs")

# Notes, in every process of the server, what is opened for writing and where connections are made to.
WATCH = """
import os, sys

def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        mode, flags = arguments[1] or "", arguments[2] or 0
        if set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            tell(f"write {os.path.abspath(arguments[0])}")
    elif event in ("os.mkdir", "os.rename", "os.remove") and arguments[-1] == -1:  # relative to no open folder
        tell(f"write {os.path.abspath(arguments[0])}")
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        tell(f"connect {arguments[-1] if event == 'socket.connect' else arguments[0]}")

def tell(line):
    os.write(log, f"{line}\\n".encode(errors="replace"))

log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(note)
"""


@pytest.mark.slow
def test_a_server_stays_in_its_folder(tmp_path, weights):
    for folder in ("home", "temporary", "here", "watch"):
        (tmp_path / folder).mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    log = tmp_path / "log"
    environment = {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "watch"), os.environ.get("PYTHONPATH", ""))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "WATCH_LOG": str(log),
    }
    words = [sys.executable, "-m", "maskdcpt", "serve", "--weights", weights, "--port", "0"]
    with running(words, env=environment, cwd=tmp_path / "here") as server:
        data = io.BytesIO()
        Image.new("RGB", (30, 20), "red").save(data, "PNG")
        assert httpx.post(f"{server.address}/v1/restore", content=data.getvalue()).status_code == 200
        assert httpx.post(f"{server.address}/v1/restore", content=b"no image").status_code == 422
        assert httpx.get(f"{server.address}/app/").status_code == 200
        httpx.post(f"{server.address}/app/gradio_api/upload", files={"files": ("a.png", data.getvalue())})
        folders = list((tmp_path / "temporary").iterdir())
        assert len(folders) == 1, folders
        (folder,) = folders
    lines = set(log.read_text().splitlines())
    assert any(line.startswith(f"write {folder}/") for line in lines), "nothing was noted"
    written = {Path(line.removeprefix("write ")) for line in lines if line.startswith("write ")}
    outside = {path for path in written if not path.is_relative_to(folder) and path != Path("/dev/null")}
    # Python tries whether the folder for temporary files is one that can be written to.
    assert {path for path in outside if path.parent != tmp_path / "temporary"} == set()
    assert {line for line in lines if line.startswith("connect") and "127.0.0.1" not in line} == set()
    for name in ("home", "temporary", "here"):
        assert list((tmp_path / name).rglob("*")) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "70000"], "port is 70000"),
        (["--host", "203.0.113.1"], "cannot listen at 203.0.113.1"),
        (["--workers", "0"], "workers is 0"),
        (["--tile", "8"], "tile is 8"),
        (["--memory", "inf"], "memory is inf"),
        (["--precision", "half"], "precision"),
        (["--weights", "nowhere", "--runtime", "onnx"], "nowhere: no such file; `maskdcpt export` makes one"),
    ],
)
def test_what_cannot_be_served_is_one_line(capsys, words, message):
    if "onnx" in words:
        pytest.importorskip("onnx", reason="needs the extra 'export', which `make test` installs")
    end, error = serve(capsys, "--port", "0", *words)
    assert end == 2
    assert error.count("\n") == 1, error
    assert message in error


@pytest.mark.parametrize(
    ("address", "hosts", "known"),
    [
        ("127.0.0.1", (), True),
        ("127.0.0.2", (), True),
        ("::1", (), True),
        ("0.0.0.0", (), False),
        ("0.0.0.0", ("photos.example",), True),
        ("127.0.0.1", ("photos.example",), True),
    ],
)
def test_a_server_for_its_machine_alone_goes_by_no_foreign_name(address, hosts, known):
    from maskdcpt.serving.server import host_names

    names = host_names(address, hosts)
    assert set(names) == ({"127.0.0.1", "::1", "localhost", address, *hosts} if known else set())


def test_a_port_that_is_taken_is_told(capsys, server):
    end, error = serve(capsys, "--port", str(server.port))
    assert end == 2
    assert f"cannot listen at 127.0.0.1, port {server.port}" in error


def test_without_the_extra_one_line_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    end, error = serve(capsys, "--port", "0")
    assert (end, error) == (2, 'error: maskdcpt serve needs Gradio and FastAPI: pip install "maskdcpt[ui]"\n')


def serve(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["serve", *words])
    return end.value.code, capsys.readouterr().err.removeprefix("loading the weights ...\n")
