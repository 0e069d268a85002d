"""The command itself: its table, its exit codes, and one line for whatever is wrong outside."""

import os
import subprocess
import sys
from importlib import import_module

import pytest

import maskdcpt
from maskdcpt.cli import main as cli
from maskdcpt.errors import UserError


@pytest.fixture
def raising(monkeypatch):
    """Makes ``maskdcpt restore`` raise an error of one's choice."""

    def set_error(error):
        class Module:
            @staticmethod
            def run(argv):
                raise error

        monkeypatch.setattr(cli, "import_module", lambda name: Module)

    return set_error


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(command, words):
    code, out, err = command(*words)
    assert (code, err) == (0, "")
    for name, entry in cli.COMMANDS.items():
        assert f"  {name} " in out
        assert entry.summary in out


def test_help_and_errors_about_commands_import_nothing_heavy():
    script = """
import sys
from maskdcpt.cli.main import main
for words in ([], ["--help"], ["--version"], ["restor"]):
    try:
        main(words)
    except SystemExit:
        pass
print(*sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "PIL", "tyro"} & set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_a_module_that_explains_itself(command, name):
    assert callable(import_module(cli.COMMANDS[name].module).run)
    code, out, err = command(name, "--help")
    assert (code, err) == (0, "")
    assert f"usage: maskdcpt {name}" in out


def test_version(command):
    assert command("--version") == (0, f"maskdcpt {maskdcpt.__version__}\n", "")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("restor", "error: no command is called 'restor'; did you mean 'restore'?\n"),
        ("xyz", f"error: no command is called 'xyz'; known: {', '.join(cli.COMMANDS)}\n"),
    ],
)
def test_an_unknown_command_names_the_nearest(command, word, message):
    assert command(word) == (2, "", message)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("a.png: no such file"), 2, "error: a.png: no such file\n"),
        (UserError("a\nb.png: no such file"), 2, "error: a b.png: no such file\n"),
        (PermissionError(13, "Permission denied", "out"), 2, "error: Permission denied: out\n"),
        (OSError(28, "No space left on device"), 2, "error: No space left on device\n"),
        (OSError("no number"), 2, "error: no number\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_is_wrong_outside_is_one_line(command, raising, error, code, line):
    raising(error)
    assert command("restore") == (code, "", line)


@pytest.mark.parametrize("words", [["--debug", "restore"], ["restore", "--debug"]])
def test_debug_shows_where_an_error_comes_from(command, raising, words):
    raising(UserError("a.png: no such file"))
    code, _, err = command(*words)
    assert code == 2
    assert err.startswith("Traceback")
    assert err.endswith("\nerror: a.png: no such file\n")


def test_a_bug_keeps_its_traceback(raising):
    raising(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError, match="bug"):
        cli.main(["restore"])


def test_the_exit_code_of_a_command_is_passed_on(command, monkeypatch):
    class Module:
        @staticmethod
        def run(argv):
            sys.stdout.write(f"{argv}\n")
            return 1

    monkeypatch.setattr(cli, "import_module", lambda name: Module)
    assert command("restore", "a", "--b") == (1, "['a', '--b']\n", "")


def test_a_reader_that_has_gone_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "maskdcpt", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (141, "")
