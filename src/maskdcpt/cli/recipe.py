"""The command line of a training run: a recipe, a folder, and dotted overrides of anything in the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, TypeVar

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.config import from_dict, read_toml
from maskdcpt.errors import Preempted, UserError
from maskdcpt.recipes import Kind, find_recipe, presets
from maskdcpt.training import ClassifierFitConfig, FinetuneConfig, PretrainConfig, leads
from maskdcpt.training.run import METRICS

Config = TypeVar("Config", PretrainConfig, FinetuneConfig, ClassifierFitConfig)

DEFAULT = "cpu"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run starts from and goes to."""

    recipe: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="RECIPE")]] = DEFAULT
    """Name of a preset, or path of a TOML file; comes first."""
    run_dir: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder of the run; the same command on the same folder resumes."""
    data_folder: Annotated[Path | None, tyro.conf.arg(name="data", metavar="DIR")] = None
    """Folder of clean images to train on, or the one that a recipe's sources are relative to; without it the embedded
    images are used, or the current folder."""


def read_command(
    kind: Kind, options: type[RunOptions], config: type[Config], argv: list[str], command: str | None = None
) -> tuple[Path, Config]:
    """From the words after ``maskdcpt pretrain`` and the like to a run folder and a full configuration.

    Args:
        kind: What the recipe is for.
        options: ``RunOptions`` joined with the configuration's fields.
        config: Class of the configuration.
        argv: The words.
        command: The command, where it is not called as the kind.

    Raises:
        UserError: If the recipe or an option is wrong.
    """
    named = bool(argv) and not argv[0].startswith("-")
    path = find_recipe(kind, argv[0] if named else DEFAULT)
    values = read_toml(path)
    family = _chosen_family(argv)
    if family and family != values.get("backbone", {}).get("name"):
        values["backbone"] = {"name": family}  # nothing of another family's size is of use
    base = from_dict(config, values, where=str(path))
    default = options(
        recipe=argv[0] if named else DEFAULT,
        run_dir=tyro.MISSING,
        **{field.name: getattr(base, field.name) for field in fields(base)},
    )
    chosen = parse(
        options,
        argv,
        prog=f"maskdcpt {command or kind}",
        description=f"{config.__doc__} Presets: {', '.join(presets(kind))}.",
        default=default,
    )
    if chosen.recipe != default.recipe:
        raise UserError(f"the recipe comes first: maskdcpt {command or kind} {chosen.recipe} --run-dir ...")
    result = config(**{field.name: getattr(chosen, field.name) for field in fields(config)})
    if chosen.data_folder is not None:
        result = replace(result, data=replace(result.data, folder=str(chosen.data_folder)))
    return chosen.run_dir, result


@contextmanager
def reported(folder: Path) -> Iterator[None]:
    """Writes the report of a run that goes on in the block and ends early, as a finished one gets it at the end."""
    metrics = folder / METRICS
    size = metrics.stat().st_size if metrics.exists() else 0
    try:
        yield
    except (Preempted, UserError, KeyboardInterrupt):
        if leads() and metrics.exists() and metrics.stat().st_size > size:
            from maskdcpt.reports import write_run_report

            print(f"report:  {write_run_report(folder)}")
        raise


def conclude(folder: Path, weights: Path, following: str) -> int:
    """Writes the report of a finished run and says what there is now, once for all processes; returns the exit code.

    Args:
        folder: Folder of the run.
        weights: Folder of its weights.
        following: The command that people are likely to want next.
    """
    from maskdcpt.reports import write_run_report  # draws plots, which takes a second to import

    if leads():
        print(f"weights: {weights}")
        print(f"report:  {write_run_report(folder)}")
        print(f"next:    {following}")
    return 0


def _chosen_family(argv: list[str]) -> str | None:
    # Which options there are depends on the family, so it has to be known before they are read.
    words = [part for word in argv for part in word.split("=", 1)]
    places = [index for index, word in enumerate(words[:-1]) if word == "--backbone.name"]
    return words[places[-1] + 1] if places else None
