"""Servers to send requests to: one with a network, and one whose workers go wrong on demand."""

import sys
import textwrap

import pytest
from serving_servers import running

# Answers by the first word of what it is sent.
STAND_IN = """
import json, os, sys, time
from maskdcpt.serving.frames import Message, read_message

def say(**values):
    blobs = values.pop("blobs", ())
    sys.stdout.buffer.write(Message(values, blobs).encode())
    sys.stdout.buffer.flush()

say(classes=["haze"])
while True:
    task = read_message(sys.stdin.buffer)
    word, _, rest = task.blobs[0].partition(b" ")
    if word == b"sleep":
        time.sleep(float(rest))
        word = b"work"
    if word == b"crash":
        os._exit(3)
    if word == b"babble":
        sys.stdout.buffer.write(b"\\0\\0\\0\\2{]")
        sys.stdout.buffer.flush()
        time.sleep(60)
    if word == b"fail":
        say(failed="Traceback: a bug")
    if word == b"refuse":
        say(refused="a reason", status=422)
    if word == b"work":
        verdict = {"types": {"haze": 1.0}, "clean": None, "unfamiliar": None, "reason": "haze"}
        values = {"verdict": verdict, "notes": [], "width": 1, "height": 1, "frames": 1, "seconds": 0.0}
        say(**values, suffix=".png", media_type="image/png", pid=os.getpid(), blobs=(rest, b"before", b"after"))
"""

SERVE = """
import sys
import maskdcpt.serving.body
from maskdcpt.serving import Limits, serve
maskdcpt.serving.body.DISCARD_SECONDS = 0.5
limits = Limits(queue=2, seconds=2, upload_seconds=1, max_mib=0.5)
serve(lambda folder: [sys.executable, sys.argv[1]], "127.0.0.1", 0, (), limits, lambda a: print(f"at {a}", flush=True))
"""


@pytest.fixture(scope="session", autouse=True)
def _ui():
    for package in ("gradio", "fastapi_offline", "prometheus_client"):
        pytest.importorskip(package, reason="needs the extra 'ui', which `make test` installs")


@pytest.fixture(scope="session")
def server(weights):
    """A server with a tiny network: files up to 1 MiB, images up to half a megapixel."""
    limits = ["--max-mib", "1", "--max-megapixels", "0.5", "--seconds", "60"]
    with running([sys.executable, "-m", "maskdcpt", "serve", "--weights", weights, "--port", "0", *limits]) as found:
        yield found


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """The words that start a worker that does what the file says which it is sent."""
    script = tmp_path_factory.mktemp("stand-in") / "worker.py"
    script.write_text(textwrap.dedent(STAND_IN))
    return [sys.executable, str(script)]


@pytest.fixture(scope="session")
def faulty(stand_in):
    """A server of one such worker, with two more requests in the queue and 2 s for each."""
    with running([sys.executable, "-c", SERVE, stand_in[1]]) as found:
        yield found
