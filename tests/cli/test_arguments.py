"""Command lines into dataclasses: what fits is read, what does not is one line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Train:
    """How to train."""

    steps: int = 100
    """How many steps."""
    sizes: tuple[int, ...] = (1, 2)
    """Some sizes."""
    precision: Literal["32", "bf16"] = "32"
    """Of the computation."""

    def __post_init__(self):
        if self.steps < 1:
            raise UserError(f"train.steps: needs 1 or more, not {self.steps}")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Does something."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IN")]]
    """Where from."""
    out: Path
    """Where to."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces files."""
    train: Train = field(default_factory=Train)
    """Nested."""


def read(*words, **options):
    return parse(Options, words, prog="maskdcpt test", **options)


def test_positions_flags_and_dotted_overrides():
    assert read("a.png", "--out", "b") == Options(source=Path("a.png"), out=Path("b"))
    assert read("--train.steps", "20", "a", "--force", "--out=b", "--train.sizes", "3", "4", "5") == Options(
        source=Path("a"), out=Path("b"), force=True, train=Train(steps=20, sizes=(3, 4, 5))
    )


def test_a_default_is_overridden_field_by_field():
    default = Options(source=tyro.MISSING, out=Path("there"), train=Train(steps=7, sizes=(9,)))
    read_back = read("a", "--train.precision", "bf16", default=default)
    assert read_back == Options(source=Path("a"), out=Path("there"), train=Train(steps=7, sizes=(9,), precision="bf16"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "missing from maskdcpt test: IN, --out PATH; see maskdcpt test --help"),
        (["a"], "missing from maskdcpt test: --out PATH; see maskdcpt test --help"),
        (["a", "--out", "b", "c"], "unrecognized options: c; see maskdcpt test --help"),
        (
            ["a", "--out", "b", "--train.step", "3"],
            "unrecognized options: --train.step, 3; perhaps you meant --train.steps INT; see maskdcpt test --help",
        ),
        (
            ["a", "--out", "b", "--train.steps", "many"],
            "error parsing --train.steps: invalid literal for int() with base 10: 'many'; "
            "expected --train.steps INT; see maskdcpt test --help",
        ),
        (
            ["a", "--out", "b", "--train.precision", "16"],
            "invalid choice '16' for argument '--train.precision'. Expected one of ('32', 'bf16'); "
            "see maskdcpt test --help",
        ),
        (["a", "--out"], "missing value for argument '--out'. Expected 1 values; see maskdcpt test --help"),
        (
            ["a", "--out", "b", "--forse", "--trian.steps", "3"],
            "unrecognized options: --forse, --trian.steps, 3; arguments similar to --forse --force; "
            "arguments similar to --trian.steps --train.steps INT; see maskdcpt test --help",
        ),
        (["a", "--out", "b", "--" + "x" * 300], f"unrecognized options: --{'x' * 300}; see maskdcpt test --help"),
    ],
)
@pytest.mark.parametrize("columns", ["40", "200", None])
def test_a_wrong_line_is_explained_in_one(monkeypatch, capsys, words, message, columns):
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(UserError) as caught:
        read(*words)
    assert str(caught.value) == message
    assert capsys.readouterr() == ("", "")


def test_what_a_dataclass_refuses_is_said_in_its_words():
    with pytest.raises(UserError, match=r"^train\.steps: needs 1 or more, not -3; see"):
        read("a", "--out", "b", "--train.steps", "-3")


def test_help_goes_to_the_terminal_with_every_field_explained(capsys):
    with pytest.raises(SystemExit) as end:
        read("--help", description="Does this and that.")
    out, err = capsys.readouterr()
    assert (end.value.code or 0, err) == (0, "")
    for words in ("Does this and that.", "Where from.", "--train.steps INT", "How many steps.", "--force"):
        assert words in out
