"""``maskdcpt data``: finds the subcommand asked for."""

from __future__ import annotations

from importlib import import_module

from maskdcpt.cli.main import Command
from maskdcpt.errors import UserError, nearest

SUBCOMMANDS = {
    "list": Command("maskdcpt.cli.data_list", "show the public data sets that are known, or all that is known of one"),
    "verify": Command("maskdcpt.cli.data_verify", "check the data sets in a folder: complete, whole, aligned, unique"),
    "build": Command("maskdcpt.cli.data_build", "build a data set of pairs from public ones and clean photos"),
    "stats": Command("maskdcpt.cli.data_stats", "tell what is in a built data set, and whether it is whole"),
    "export": Command("maskdcpt.cli.data_export", "write a built data set in another format"),
}


def run(argv: list[str]) -> int:
    """Runs a subcommand; returns its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0
    if argv[0] not in SUBCOMMANDS:
        raise UserError(f"maskdcpt data knows no {argv[0]!r}{nearest(argv[0], SUBCOMMANDS)}")
    code: int = import_module(SUBCOMMANDS[argv[0]].module).run(argv[1:])
    return code


def _help() -> str:
    width = max(map(len, SUBCOMMANDS))
    return "\n".join(
        (
            "usage: maskdcpt data COMMAND ...",
            "",
            "Public data sets: what is known of them, whether yours are sound, and training data made of them.",
            "",
            *(f"  {name:{width}}  {command.summary}" for name, command in SUBCOMMANDS.items()),
            "",
            "maskdcpt data COMMAND --help explains one.",
        )
    )
