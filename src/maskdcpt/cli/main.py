"""The ``maskdcpt`` command: finds the module of the command asked for, and turns errors into one line."""

from __future__ import annotations

import io
import os
import sys
import traceback
from importlib import import_module
from typing import NamedTuple, NoReturn

from maskdcpt import __version__
from maskdcpt.allocator import keep_freed_memory
from maskdcpt.errors import Preempted, UserError, nearest

BAD_INPUT = 2
"""Exit code when something outside the program is wrong."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it."""
PREEMPTED = 75
"""Exit code after being asked to stop with everything saved: a temporary failure to be tried again (EX_TEMPFAIL
of sysexits.h), which schedulers can be told to restart."""
READER_GONE = 141
"""Exit code when what reads the output has stopped, as shells give it."""


class Command(NamedTuple):
    """One line of the table of commands."""

    module: str
    """Where its ``run`` is; imported only when the command is called."""
    summary: str
    """What it does."""


COMMANDS = {
    "demo": Command("maskdcpt.cli.demo", "restore sample photos, then pre-train, fine-tune and compare"),
    "degrade": Command("maskdcpt.cli.degrade", "damage images in known ways, or list and show the ways"),
    "data": Command("maskdcpt.cli.data", "list and check public data sets, and build data sets of pairs"),
    "pretrain": Command("maskdcpt.cli.pretrain", "pre-train a network by masked degradation classification"),
    "finetune": Command("maskdcpt.cli.finetune", "train a network to restore, pre-trained or not"),
    "fit-classifier": Command("maskdcpt.cli.fit_classifier", "teach weights that restore to name damage"),
    "evaluate": Command("maskdcpt.cli.evaluate", "measure weights under a fixed protocol"),
    "compare": Command("maskdcpt.cli.compare", "hold training runs against one another"),
    "study": Command("maskdcpt.cli.study", "compare ways to train at equal cost, over networks and seeds"),
    "probe": Command("maskdcpt.cli.probe", "tell how well features of networks show the type of damage"),
    "restore": Command("maskdcpt.cli.restore", "restore an image or a folder of images"),
    "classify": Command("maskdcpt.cli.classify", "name what has damaged an image or a folder of images"),
    "calibrate": Command("maskdcpt.cli.calibrate", "measure which images weights can tell to be clean or unfamiliar"),
    "export": Command("maskdcpt.cli.export", "write weights as a file for other runtimes, or small to give away"),
    "serve": Command("maskdcpt.cli.serve", "restore photos for browsers and programs over HTTP"),
    "realism": Command("maskdcpt.cli.realism", "compare synthetic damage with real damaged photos"),
    "bench": Command(
        "maskdcpt.cli.bench", "measure what networks, degradations, training and data sets cost on this machine"
    ),
}


def main(argv: list[str] | None = None) -> NoReturn:
    """Runs a command and exits with its code; 2 and one line on standard error if something outside is wrong.

    Args:
        argv: The words after ``maskdcpt``; without it those of the process.
    """
    words = sys.argv[1:] if argv is None else argv
    debug = "--debug" in words
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold what the terminal cannot show
    try:
        code = _run([word for word in words if word != "--debug"])
        print(end="", flush=True)  # so that an error of the output is one of the command
    except KeyboardInterrupt:
        code = _report("interrupted", INTERRUPTED, debug)
    except Preempted as reason:
        code = _report(str(reason), PREEMPTED, debug)
    except BrokenPipeError:
        # Python flushes once more as it exits, and must not find the pipe then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = READER_GONE
    except UserError as error:
        code = _report(f"error: {error}", BAD_INPUT, debug)
    except OSError as error:
        place = f": {error.filename}" if error.filename is not None else ""
        code = _report(f"error: {error.strerror or error}{place}", BAD_INPUT, debug)
    sys.exit(code)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"maskdcpt {__version__}")
        return 0
    if words[0] not in COMMANDS:
        raise UserError(f"no command is called {words[0]!r}{nearest(words[0], COMMANDS)}")
    keep_freed_memory()
    code: int = import_module(COMMANDS[words[0]].module).run(words[1:])
    return code


def _help() -> str:
    width = max(map(len, COMMANDS))
    return "\n".join(
        (
            "usage: maskdcpt COMMAND ...",
            "",
            "Universal image restoration by masked degradation-classification pre-training.",
            "",
            *(f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()),
            "",
            "maskdcpt COMMAND --help explains a command, maskdcpt --version tells the version,",
            "and --debug anywhere shows where an error comes from.",
        )
    )


def _report(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(" ".join(message.splitlines()), file=sys.stderr)
    return code
