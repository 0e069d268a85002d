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
from typing import BinaryIO

import torch

from maskdcpt.errors import UserError
from maskdcpt.inference import Restorer
from maskdcpt.serving.frames import Message, read_message
from maskdcpt.serving.settings import WorkerSettings
from maskdcpt.serving.work import limit_pixels, work


def main() -> None:
    """Works off tasks until the server is gone."""
    settings = WorkerSettings(**json.loads(sys.argv[1]))
    # What libraries print must not get between the messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, tasks), daemon=True).start()
    tempfile.tempdir = settings.folder
    limit_pixels(settings.pixels)
    torch.set_num_threads(max(torch.get_num_threads() // settings.share, 1))
    try:
        restorer = Restorer.from_pretrained(settings.weights, device=settings.device)
    except UserError as error:
        _send(answers, Message({"refused": str(error)}))
        return
    _send(answers, Message({"classes": list(restorer.classifier.classes) if restorer.classifier else None}))
    while True:
        _send(answers, _answer(restorer, tasks.get()))


def _answer(restorer: Restorer, task: Message) -> Message:
    try:
        return work(restorer, task)
    except UserError as error:
        return Message({"refused": str(error)})
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
