"""The process that decodes and restores: reads tasks from its standard input and answers on its standard output.

Started by ``maskdcpt.serving.process``. It ends when its input does, that is with the server, whatever it is doing.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import threading
import traceback
from dataclasses import replace
from http import HTTPStatus
from typing import BinaryIO

import torch

from maskdcpt.devices import find_device
from maskdcpt.errors import UserError
from maskdcpt.images import TooManyPixels
from maskdcpt.inference import RestoreOptions
from maskdcpt.inference.loading import load_restorer
from maskdcpt.inference.memory import memory_share
from maskdcpt.inference.restorer import BaseRestorer
from maskdcpt.serving.frames import Message, read_message
from maskdcpt.serving.settings import WorkerSettings
from maskdcpt.serving.work import work


def main() -> None:
    """Works off tasks until the server is gone."""
    settings = WorkerSettings(**json.loads(sys.argv[1]))
    # What libraries print must not get between the messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, tasks), daemon=True).start()
    tempfile.tempdir = settings.folder
    torch.set_num_threads(max(torch.get_num_threads() // settings.share, 1))
    try:
        restorer = load_restorer(settings.weights, settings.device, _options(settings), settings.runtime)  # type: ignore[arg-type]
    except UserError as error:
        _send(answers, Message({"refused": str(error)}))
        return
    _send(answers, Message({"classes": list(restorer.classes) or None}))
    while True:
        _send(answers, _answer(restorer, tasks.get(), settings.pixels))


def _options(settings: WorkerSettings) -> RestoreOptions:
    # Each worker would take most of what is free, without knowing of the others.
    options = RestoreOptions(**settings.options)
    if settings.share == 1 or options.memory:
        return options
    return replace(options, memory=memory_share(find_device(settings.device), settings.share))


def _answer(restorer: BaseRestorer, task: Message, limit: int) -> Message:
    try:
        return work(restorer, task, limit)
    except TooManyPixels:
        reason = f"{task.values['name']}: more than {limit:,} pixels, frames together, is not taken; scale it down"
        return Message({"refused": reason, "status": HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
    except UserError as error:
        return Message({"refused": str(error), "status": HTTPStatus.UNPROCESSABLE_ENTITY})
    except Exception:  # the server says so to the client, and replaces this process
        return Message({"failed": traceback.format_exc()})


def _receive(stream: BinaryIO, tasks: queue.SimpleQueue[Message]) -> None:
    try:
        while True:
            tasks.put(read_message(stream))
    except EOFError:
        os._exit(0)  # nobody is left who would want what is being worked on


def _send(stream: BinaryIO, message: Message) -> None:
    stream.write(message.encode())
    stream.flush()


if __name__ == "__main__":
    main()
