"""What the page on studies tells people to type is understood, and its tables are those of the package."""

import re
import shlex
import tomllib
from dataclasses import fields
from itertools import chain
from pathlib import Path

import pytest

from maskdcpt.cli import study, study_report, study_time
from maskdcpt.cli.arguments import parse
from maskdcpt.cli.main import main
from maskdcpt.config import from_dict
from maskdcpt.study import StudyConfig
from maskdcpt.study.recipe import ArmConfig, ProbeConfig, QuestionConfig
from maskdcpt.study.recipe import TestConfig as StudyTest

PAGE = (Path(__file__).parents[2] / "docs" / "study.md").read_text()
LINES = re.findall(r"^maskdcpt (study .*)$", PAGE, flags=re.MULTILINE)
ARM = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[0]


@pytest.mark.parametrize("line", LINES)
def test_commands_are_understood(line):
    _, *words = shlex.split(line)
    kinds = {"report": study_report.Options, "time": study_time.Options}
    if words[0] in kinds:
        parse(kinds[words[0]], words[1:], prog=f"study {words[0]}")
    else:
        parse(study.Options, words, prog="study")


def test_the_first_command_runs(capsys):
    with pytest.raises(SystemExit) as end:
        main(shlex.split(LINES[0]))
    assert end.value.code == 0
    assert "ratio-75-compute" in capsys.readouterr().out


def test_the_arm_is_one():
    (values,) = tomllib.loads(ARM)["arms"]
    assert from_dict(ArmConfig, values, where="page").pretrain == {"mask": {"ratio": 0.75}}


def test_all_settings_are_told():
    for item in chain.from_iterable(map(fields, (StudyConfig, ArmConfig, StudyTest, ProbeConfig, QuestionConfig))):
        assert f"`{item.name}`" in PAGE or f"[{item.name}" in PAGE or f"{item.name} = " in PAGE, item.name
