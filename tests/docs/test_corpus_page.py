"""What the page on building data sets tells people to type works, and its tables are those of the package."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from maskdcpt.cli.main import main
from maskdcpt.config import from_dict
from maskdcpt.corpus import CorpusRecipe, Filters, read_recipe
from maskdcpt.corpus.table import SCHEMA
from maskdcpt.data import DataConfig, training_data
from maskdcpt.recipes import presets

PAGE = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text()
COMMANDS = "".join(re.findall(r"<!-- run -->\n```sh\n(.*?)```", PAGE, flags=re.DOTALL)).splitlines()
TOML = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.slow
def test_every_command_runs_and_the_result_can_be_trained_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 4
    for line in COMMANDS:
        program, *words = shlex.split(line)
        assert program == "maskdcpt"
        with pytest.raises(SystemExit) as end:
            main([*words, "--workers", "0"] if "build" in words else words)
        assert end.value.code == 0, line
    config = from_dict(DataConfig, tomllib.loads(TOML[1])["data"], where="page")
    assert len(training_data(config).names) == 60
    assert len(list((tmp_path / "uir-mini-tar").glob("*.tar"))) == 1


def test_the_recipe_is_one():
    recipe = from_dict(CorpusRecipe, tomllib.loads(TOML[0]), where="page")
    assert recipe.samples == 30_000


def test_the_tables_are_those_of_the_package():
    sizes = {
        name: int(count.replace(",", "")) for name, count in re.findall(r"^\| `([\w.-]+)` \| ([\d,]+) \|", PAGE, re.M)
    }
    assert sizes == {name: read_recipe(name).samples for name in presets("data")}
    columns = set(re.findall(r"`(\w+)`", "".join(line for line in PAGE.splitlines() if line.startswith("| `"))))
    assert set(SCHEMA.names) <= columns
    for name in Filters.__dataclass_fields__:
        assert f"| `{name}` |" in PAGE
