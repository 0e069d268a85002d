"""Restoring over HTTP: an interface for programs and a page for people, within limits that hold for hostile input.

Images are decoded and restored in processes of their own. One that takes too long, whose client has gone, or that a
damaged image has brought down is ended and replaced; the server goes on.
"""

from maskdcpt.serving.limits import Limits
from maskdcpt.serving.server import serve
from maskdcpt.serving.settings import WorkerSettings

__all__ = ["Limits", "WorkerSettings", "serve"]
