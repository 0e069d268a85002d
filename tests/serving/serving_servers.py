"""Starting servers, for the tests beside this file."""

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Server:
    process: subprocess.Popen
    address: str

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def metric(self, name):
        import httpx

        found = re.search(rf"^{re.escape(name)} (\S+)$", httpx.get(f"{self.address}/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def running(words, **options):
    """Starts a server, waits until it says where, and ends it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment, **options) as process:
        try:
            line = process.stdout.readline()
            found = re.search(r"http://[\w.:\[\]]+\d", line)
            assert found, f"the server did not start: {line}"
            yield Server(process, found[0])
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()  # which nothing is left of unless something went wrong
