"""What the page sends back: which files are to be restored, by their paths.

Gradio opens, copies and serves whatever path such a submission names, and downloads whatever address: where its page is
part of another application, as here, its own check is off (version 6.31). So no submission reaches it unseen.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from maskdcpt.serving.refusal import Refusal


def checked_submission(body: bytes, folder: Path) -> bytes:
    """Makes sure that a submission names files of a folder alone.

    Args:
        body: JSON.
        folder: Where uploads lie, resolved.

    Returns:
        What was checked, written anew, so that no other reading of the same bytes is possible.

    Raises:
        Refusal: If it names something else, or is no JSON.
    """
    try:
        submission = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "not JSON") from None
    waiting: list[Any] = [submission]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "path" in value and not is_within(value["path"], folder):
                raise Refusal(HTTPStatus.FORBIDDEN, "only files that were uploaded here can be restored")
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return json.dumps(submission).encode()


def is_within(path: Any, folder: Path) -> bool:
    """Whether a value is the absolute path of something in a folder, links and dots resolved."""
    if not isinstance(path, str) or "\0" in path:
        return False
    place = Path(path)
    try:
        return place.is_absolute() and place.resolve().is_relative_to(folder)
    except UnicodeEncodeError:  # no name that a file can have
        return False


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
