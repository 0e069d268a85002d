"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

MEDIA_TYPE = CONTENT_TYPE_LATEST
"""Of the text."""


class Telemetry:
    """Counters of one server."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.requests = Counter(
            "maskdcpt_requests", "Answers of the interface for programs", ["route", "status"], registry=registry
        )
        self.in_house = Gauge(
            "maskdcpt_requests_in_house", "Requests that are received, waiting or worked on", registry=registry
        )
        self.seconds = Histogram(
            "maskdcpt_work_seconds",
            "Time that a worker took for an image",
            buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300),
            registry=registry,
        )
        self.dropped = Counter("maskdcpt_dropped", "Tasks that were given up", ["reason"], registry=registry)
        self.restarts = Counter("maskdcpt_worker_restarts", "Workers that were replaced", registry=registry)

    def text(self) -> bytes:
        """All values in the text format of Prometheus."""
        text: bytes = generate_latest(self._registry)
        return text
