"""What a study answers to the question that it was made for, in sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from statistics import fmean

from maskdcpt.study.gains import Comparison
from maskdcpt.study.intervals import Interval
from maskdcpt.study.markdown import interval_text, listing, percent_text, source
from maskdcpt.study.recipe import QuestionConfig, TestConfig
from maskdcpt.study.rows import ENTERING

Trial = tuple[str, Collection[int] | None]
"""An arm, and seeds of it; None for all."""

ALIKE = 0.05
"""Arithmetic that differs by at most this share from that of the arm compared with counts as the same."""


def answer(comparison: Comparison, folder: str) -> Iterator[str]:
    """The answer; nothing where the recipe asks nothing."""
    question = comparison.study.question
    if question is None:
        return
    listed = listing(question.tests)
    yield "## The answer"
    yield ""
    yield (
        f"What does `{question.arm}` bring on {listed}?{_seen(question)} All else on this page was found on the way: "
        "hints, which only new runs can confirm. Intervals are of 95 %, over seeds; networks count alike."
    )
    yield ""
    for part in (_gains, _price, _learned, _others, _confirmed, _uneven, _harm):
        for sentence in part(comparison, question):
            yield f"- {sentence}"
    yield ""
    yield from source(folder, "rows.parquet", "runs.csv", "study.toml")


def verdict(found: Interval, test: TestConfig) -> str:
    """What an interval says, in a word or two."""
    if found.low is None:
        return "too few runs to tell"
    return {1: "better", -1: "worse", 0: "cannot be told"}[found.sign * test.sign]


def _gains(comparison: Comparison, question: QuestionConfig) -> Iterator[str]:
    study = comparison.study
    arm = study.arm(question.arm)
    for test in _tests(comparison, question):
        found = comparison.over_runs(study.families, arm.name, test.name, test.metric)
        if found is None:
            yield f"`{test.name}`: not measured yet."
            continue
        gain = _text(found, test)
        text = f"`{test.name}`, {test.title}: `{arm.name}` over `{arm.against}` {gain}: **{verdict(found, test)}**"
        if len(study.families) > 1:
            each = {name: comparison.over_runs([name], arm.name, test.name, test.metric) for name in study.families}
            text += f" ({'; '.join(f'{name} {_text(one, test)}' for name, one in each.items() if one)})"
        yield f"{text}."
        added = sorted(set(study.seeds_of(arm)) - set(study.seeds))
        if pair := _both(comparison, test, (arm.name, study.seeds), (arm.name, added)):
            networks, first, later = pair
            yield (
                f"`{test.name}`, {networks}: with the seeds {_numbers(study.seeds)} of all arms "
                f"{_judged(first, test)}; with {_numbers(added)}, which were added, {_judged(later, test)}."
            )


def _price(comparison: Comparison, question: QuestionConfig) -> Iterator[str]:
    study = comparison.study
    alone = comparison.without_pretraining(question.arm)
    if alone is None:
        return
    for test in _tests(comparison, question):
        price = comparison.over_runs(study.families, alone, test.name, test.metric)
        worth = comparison.over_runs(study.families, question.arm, test.name, test.metric, against=alone)
        if price and worth:
            yield (
                f"`{test.name}`: the last steps of plain training, as many as pre-training takes the place of, bring "
                f"{_text(price.reversed, test)}; pre-training brings {_text(worth, test)} over the same fine-tuning "
                "with nothing before it."
            )


def _learned(comparison: Comparison, question: QuestionConfig) -> Iterator[str]:
    study = comparison.study
    trained = [comparison.group_sizes(test.name) for test in study.tests if test.damage == "trained"]
    told = []
    for family in study.families:
        runs = comparison.runs(family, question.arm)
        named = [value for each in runs if (value := comparison.accuracy(each.run, ENTERING)) is not None]
        if named:
            each = f", {percent_text([min(named)])} to {percent_text([max(named)])} by seed" if len(named) > 1 else ""
            told.append(f"{percent_text(named)} % ({family}{each})")
    if told and trained and trained[0]:
        yield (
            f"How far pre-training itself has come: on entering fine-tuning its classifier names {' and '.join(told)} "
            f"of damaged test images rightly, where guessing gives {100 / len(trained[0]):.0f} %."
        )


def _others(comparison: Comparison, question: QuestionConfig) -> Iterator[str]:
    study = comparison.study
    test = _tests(comparison, question)[0]
    found = {
        arm: one
        for arm in study.compared
        if arm != question.arm and (one := comparison.over_runs(study.families, arm, test.name, test.metric))
    }
    if not found:
        return
    told: dict[str, list[str]] = {}
    for arm, one in found.items():
        told.setdefault(verdict(one, test), []).append(arm)
    counts = "; ".join(f"{word} {len(arms)} ({listing(arms)})" for word, arms in told.items())
    yield f"The {len(found)} other arms on `{test.name}`, each against what it is compared with: {counts}."
    sure = {arm: test.sign * one.mean for arm, one in found.items() if one.low is not None}
    if len(sure) > 1:
        best = max(sure, key=sure.__getitem__)
        text = _text(found[best], test)
        yield f"The best mean of these is that of `{best}`, {text}; as the best of so many it flatters."


def _confirmed(comparison: Comparison, question: QuestionConfig) -> Iterator[str]:
    study = comparison.study
    test = _tests(comparison, question)[0]
    for arm, again in study.twins():
        if pair := _both(comparison, test, (arm, None), (again, None)):
            networks, first, later = pair
            yield (
                f"`{arm}` was run once more with other seeds ({networks}): on `{test.name}` {_judged(first, test)} at "
                f"first; {_judged(later, test)} with the others (`{again}`)."
            )


def _uneven(comparison: Comparison, question: QuestionConfig) -> Iterator[str]:
    study = comparison.study
    found: dict[str, float] = {}
    for arm in study.compared:
        known = [
            value
            for family in study.families
            if (value := comparison.relative_cost(family, arm, lambda facts: facts.flops)) is not None
        ]
        if known and (arm == question.arm or abs(fmean(known) - 1) > ALIKE):
            found[arm] = fmean(known)
    if found:
        told = ", ".join(f"`{arm}` {value:.2f}" for arm, value in found.items())
        yield (
            f"Equal steps are not equal arithmetic, nor is this equal time (see Cost). In the arithmetic of what they "
            f"are compared with: {told}; all others differ by at most {ALIKE:.0%}."
        )


def _harm(comparison: Comparison, question: QuestionConfig) -> Iterator[str]:
    study = comparison.study
    lost = []
    for test in study.tests:
        beats = [
            each
            for family in study.families
            for arm in study.arm_names
            if (each := comparison.beats_input(family, arm, test)) is not None
        ]
        if beats and not any(beats):
            lost.append(test.name)
    if lost:
        yield f"On {listing(lost)} no arm is better than the damaged images as they are: there a gain means less harm."


def _both(
    comparison: Comparison, test: TestConfig, first: Trial, later: Trial
) -> tuple[str, Interval, Interval] | None:
    """Networks that both of these arms, with these seeds, were compared with others on, and gains on just these."""
    common = [
        family
        for family in comparison.study.families
        if all(comparison.gains(family, arm, test.name, test.metric, seeds=seeds) for arm, seeds in (first, later))
    ]
    before, after = (
        comparison.over_runs(common, arm, test.name, test.metric, seeds=seeds) for arm, seeds in (first, later)
    )
    return (" and ".join(common), before, after) if before and after else None


def _tests(comparison: Comparison, question: QuestionConfig) -> Sequence[TestConfig]:
    return [test for test in comparison.study.tests if test.name in question.tests]


def _seen(question: QuestionConfig) -> str:
    return f" These tests were named {question.added}." if question.added else ""


def _judged(found: Interval, test: TestConfig) -> str:
    return f"{_text(found, test)}, {verdict(found, test)}"


def _numbers(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def _text(found: Interval, test: TestConfig) -> str:
    return f"{interval_text(found, bold=False)}{' PIQE' if test.metric == 'piqe' else ' dB'}"
