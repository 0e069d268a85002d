"""``maskdcpt data`` and ``maskdcpt data list``."""

from importlib import import_module

import pytest

from maskdcpt.cli import data
from maskdcpt.cli.main import main
from maskdcpt.datasets import DATASETS


@pytest.fixture
def run(capsys):
    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["data", *words])
        return end.value.code, *capsys.readouterr()

    return call


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_lists_the_subcommands(run, words):
    code, out, _ = run(*words)
    assert code == 0
    for name, command in data.SUBCOMMANDS.items():
        assert f"  {name} " in out
        assert command.summary in out


@pytest.mark.parametrize("name", data.SUBCOMMANDS)
def test_subcommands_explain_themselves(run, name):
    assert callable(import_module(data.SUBCOMMANDS[name].module).run)
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"usage: maskdcpt data {name}" in out


def test_an_unknown_subcommand_names_the_nearest(run):
    assert run("verfy") == (2, "", "error: maskdcpt data knows no 'verfy'; did you mean 'verify'?\n")


def test_the_list_has_every_data_set(run):
    code, out, _ = run("list")
    assert code == 0
    head, *rows, last = out.splitlines()
    assert head.split() == ["name", "title", "damage", "real", "splits", "commercial"]
    assert [row.split()[0] for row in rows] == list(DATASETS)
    assert last.startswith(f"{len(DATASETS)} data sets")
    gopro = next(row for row in rows if row.startswith("gopro"))
    assert "train 2,103, test 1,111 " in gopro
    assert gopro.endswith(" yes")


@pytest.mark.parametrize("name", DATASETS)
def test_everything_about_one(run, name):
    code, out, _ = run("list", "--name", name)
    entry = DATASETS[name]
    assert code == 0
    words = " ".join(out.split())
    for text in (
        entry.title,
        entry.homepage,
        entry.citation,
        entry.licence.name,
        f"ROOT/{entry.folder}/",
        *entry.traps,
    ):
        assert text in words.replace("! ", "")


def test_a_wrong_name_is_one_line(run):
    assert run("list", "--name", "gopr") == (2, "", "error: no data set is called 'gopr'; did you mean 'gopro'?\n")
