"""The runs of a study: what each does and where, and which of them belong together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskdcpt.config import flatten, from_dict, read_toml, to_dict
from maskdcpt.errors import UserError, nearest
from maskdcpt.study.budget import Cost, Steps, count_cost, divide
from maskdcpt.study.recipe import ArmConfig, StudyConfig, Table, merged
from maskdcpt.training import FinetuneConfig, PretrainConfig
from maskdcpt.training.run import NEUTRAL

RUN = "run.toml"
"""File that says what a run does."""
PRETRAIN = "pretrain"
FINETUNE = "finetune"


@dataclass(frozen=True)
class Run:
    """One network, trained in one way from one seed."""

    family: str
    """Name of the network."""
    arm: str
    """Name of the way."""
    seed: int
    """The seed."""
    folder: Path
    """Where it is."""
    pretraining: PretrainConfig | None
    """None from scratch."""
    pretraining_folder: Path
    """Where its pre-training is, which may be that of another arm."""
    finetuning: FinetuneConfig
    """Starts from the result of that."""
    steps: Steps
    """Of both."""
    cost: Cost
    """Arithmetic of a step of each."""

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.family}/{self.arm}/{self.seed}"

    @property
    def finetuning_folder(self) -> Path:
        """Where its fine-tuning is."""
        return self.folder / FINETUNE

    @property
    def shares_with(self) -> str:
        """The arm whose pre-training it begins with, where that is another."""
        owner = self.pretraining_folder.parent.parent.name
        return owner if self.pretraining is not None and owner != self.arm else ""

    def settings(self) -> Table:
        """All that it does, as plain values."""
        first = {} if self.pretraining is None else {"pretrain": to_dict(self.pretraining)}
        second = to_dict(self.finetuning)
        if self.pretraining is not None:  # the same wherever the study is
            second["init"] = os.path.relpath(self.pretraining_folder, self.folder)
        return {**first, "finetune": second, "cost": self.cost._asdict()}


@dataclass(frozen=True)
class Chain:
    """Runs that begin with the same pre-training, one after another."""

    runs: tuple[Run, ...]
    """One or more."""


PLAIN = ArmConfig(name="plain", title="the study's own fine-tuning", share=0.0)
"""What budgets are counted in."""


def plan_runs(study: StudyConfig, out: Path, data: Path | None) -> list[Run]:
    """All runs of a study, in their order.

    Args:
        study: What it compares.
        out: Its folder.
        data: Folder of clean images to train on; None for the embedded ones.

    Raises:
        UserError: If settings are wrong or do not fit together.
    """
    runs: list[Run] = []
    costs: dict[tuple[str, str], Cost] = {}
    owners: dict[tuple[str, str], Path] = {}
    for family, name, seed in study.grid():
        arm = study.arm(name)
        folder = out / family / name / str(seed)
        first, second = _configs(study, family, arm, seed, data)
        if (family, name) not in costs:
            _, plain = _configs(study, family, PLAIN, seed, data)
            costs[family, name] = count_cost(first, second, plain)
        cost = costs[family, name]
        share = study.share_of(arm)
        budget = round(study.steps * arm.part)
        steps = divide(budget, share, cost if arm.budget == "compute" else None)
        if not steps.finetuning or (first is not None and not steps.pretraining):
            raise UserError(f"arm {name}: of {budget} steps a share of {share:g} leaves none for a part of it")
        begins = folder / PRETRAIN
        if first is not None:
            first = replace(first, train=replace(first.train, steps=steps.pretraining))
            begins = owners.setdefault((family, repr(first)), begins)
            second = replace(second, init=str(begins))
        second = replace(second, train=replace(second.train, steps=steps.finetuning))
        runs.append(Run(family, name, seed, folder, first, begins, second, steps, cost))
    return runs


def choose(runs: Sequence[Run], *, arms: Sequence[str], families: Sequence[str], seeds: Sequence[int]) -> list[Run]:
    """Those runs that are asked for; of each kind of name all where none is given.

    Raises:
        UserError: If a name is none of the study's, or no run is left.
    """
    for title, wanted, known in (
        ("arm", arms, [run.arm for run in runs]),
        ("family", families, [run.family for run in runs]),
        ("seed", [str(seed) for seed in seeds], [str(run.seed) for run in runs]),
    ):
        for word in wanted:
            if word not in known:
                raise UserError(f"no {title} of the study is called {word!r}{nearest(word, dict.fromkeys(known))}")
    chosen = [
        run
        for run in runs
        if (not arms or run.arm in arms)
        and (not families or run.family in families)
        and (not seeds or run.seed in seeds)
    ]
    if not chosen:
        raise UserError("the study has no such run: its arms are limited to other families or seeds")
    return chosen


def chains(runs: Sequence[Run]) -> list[Chain]:
    """Puts runs that share a pre-training together."""
    together: dict[Path, list[Run]] = {}
    for run in runs:
        together.setdefault(run.pretraining_folder, []).append(run)
    return [Chain(tuple(members)) for members in together.values()]


def require_same(runs: Sequence[Run]) -> None:
    """Refuses runs that have begun with other settings.

    Raises:
        UserError: Naming the run and what differs.
    """
    for run in runs:
        path = run.folder / RUN
        if not path.is_file():
            continue
        before, now = flatten(_settled(read_toml(path))), flatten(run.settings())
        for name in sorted(before.keys() | now.keys()):
            was, is_now = before.get(name, "not set"), now.get(name, "not set")
            if was != is_now and name.partition(".")[2] not in NEUTRAL:
                raise UserError(
                    f"{run.folder}: this run was begun with other settings: {name} was {was} and is now {is_now}; "
                    "change it back, give the arm another name, or use another --out"
                )


def _settled(values: dict[str, Any]) -> Table:
    """Settings of a file with those that did not exist yet when it was written."""
    kinds = {"pretrain": PretrainConfig, "finetune": FinetuneConfig}
    found = {name: to_dict(from_dict(kind, values[name], where=RUN)) for name, kind in kinds.items() if name in values}
    return {**values, **found}


def _configs(
    study: StudyConfig, family: str, arm: ArmConfig, seed: int, data: Path | None
) -> tuple[PretrainConfig | None, FinetuneConfig]:
    ours: Table = {"backbone": study.families[family], "train": {"seed": seed}}
    if data is not None:
        ours["data"] = {"folder": str(data)}
    where = f"arm {arm.name}, {family}"
    first = None
    if study.share_of(arm):
        values = merged(merged(study.pretrain, arm.pretrain), ours)
        first = from_dict(PretrainConfig, values, where=f"{where}, pretrain")
    values = merged(merged(study.finetune, arm.finetune), ours)
    second = from_dict(FinetuneConfig, values, where=f"{where}, finetune")
    return first, second
