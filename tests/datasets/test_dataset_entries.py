"""Every entry of the registry: its layout, built as a tiny tree, reads back as the right pairs."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskdcpt.datasets import DATASETS, find_dataset, find_datasets
from maskdcpt.datasets.layouts import _TOKEN, Images, Listed, Pattern, Several
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError

COMPONENTS = """
lsdir df2k bsd500 wed sidd gopro reds reds-jpeg rsblur rsblur-syn dpdd lfdof reside-ots rain13k synrain-13k
realrain-1k rainds-syn rainds-real outdoor-rain raindrop snow100k srrs csd lol-v1 lol-v2-real lol-v2-syn lsrw
raw-moire realblur-j raindrop-clarity-day lol-blur cdd-11 nkusr8k ffhq-1k
"""
"""The sets of the table of UIR-2.5M."""

TESTS = """
sots-outdoor rain100l rain100h test100 test1200 test2800 cbsd68 bsd68 kodak24 mcmaster urban100 set5 set14
hide realblur-r realdof snow100k-real rtts dicm lime mef npe vv cuhk pixeldp udc-poled udc-toled
"""
"""The sets that the protocols test on besides."""

RULES = [
    (entry.name, split, index)
    for entry in DATASETS.values()
    for split, files in entry.splits.items()
    for index in range(len(files.parts) if isinstance(files, Several) else 1)
]


def rule_of(name, split, index):
    files = DATASETS[name].splits[split]
    return files.parts[index] if isinstance(files, Several) else files


def values_of(*patterns):
    """Strategy: something for every name in braces of the patterns."""
    wanted = {}
    for pattern in patterns:
        for token in _TOKEN.finditer(pattern):
            if token[1]:
                wanted.setdefault(token[1], token[2] or r"[a-z][0-9]{2}")
    return st.fixed_dictionaries(
        {name: st.from_regex(re.compile(regex, re.ASCII), fullmatch=True) for name, regex in wanted.items()}
    )


def fill(pattern, values, optional):
    text = _TOKEN.sub(lambda token: values[token[1]] if token[1] else token[0], pattern)
    return re.sub(r"\[([^\[\]]*)\]", r"\1" if optional else "", text)


def write(folder, name, suffix=".png"):
    path = folder / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(("name", "split", "index"), RULES)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(data=st.data(), optional=st.booleans())
def test_a_tree_of_the_layout_reads_back_as_its_pairs(tmp_path_factory, name, split, index, data, optional):
    folder = tmp_path_factory.mktemp("root") / DATASETS[name].folder
    folder.mkdir()
    rule = rule_of(name, split, index)
    sides = [text for text in (rule.clean, rule.degraded) if text]
    draws = data.draw(
        st.lists(
            values_of(*sides), min_size=3, max_size=3, unique_by=lambda v: tuple(fill(s, v, optional) for s in sides)
        )
    )
    expected = {}
    lines = []
    for values in draws:
        clean = write(folder, fill(rule.clean, values, optional), ".jpg") if rule.clean else None
        degraded = write(folder, fill(rule.degraded, values, optional), ".PNG") if rule.degraded else None
        shown = degraded or clean
        key = shown.relative_to(folder).as_posix().rpartition(".")[0]
        if key not in expected:
            lines.append(f"{clean and clean.relative_to(folder)} {degraded and degraded.relative_to(folder)}\n")
        expected[key] = (clean, degraded)
    if isinstance(rule, Listed):
        (folder / rule.lists[0]).write_text("".join(lines))
    survey = rule.survey(folder)
    assert not survey.missing
    found = {member.key: (member.clean, member.degraded) for member in survey.members}
    if isinstance(rule, Images) and rule.ordered:
        assert len(found) == len(expected)
    else:
        assert found == expected
    assert list(found) == sorted(found)
    assert {member.type for member in survey.members} == {rule.type if rule.degraded else None}
    assert {m.key for m in DATASETS[name].splits[split].members(folder)} >= set(found)


@pytest.mark.parametrize("entry", DATASETS.values(), ids=DATASETS)
def test_entries_are_sound(entry):
    assert re.fullmatch("[a-z0-9-]+", entry.name)
    assert "/" not in entry.folder
    assert set(entry.counts) <= set(entry.splits)
    assert all(count > 0 for count in entry.counts.values())
    assert all(name in CATALOGUE.names for name in entry.types)
    assert entry.homepage.startswith("https://")
    assert re.search(r"(19|20)\d\d$", entry.citation)
    assert all(trap.endswith((".", ";")) and len(trap) < 200 for trap in entry.traps)
    rules = [
        part for files in entry.splits.values() for part in (files.parts if isinstance(files, Several) else (files,))
    ]
    assert {rule.type for rule in rules if rule.degraded} - {None} == set(entry.types)
    for rule in rules:
        assert all(basic in CATALOGUE.names for basic in getattr(rule, "basic", ()))
        for text in filter(None, (rule.clean, rule.degraded)):
            Pattern(text).match("")  # compiles
        if rule.clean and rule.degraded and not getattr(rule, "ordered", False):
            assert Pattern(rule.clean).names <= Pattern(rule.degraded).names, "a pair is told by its names"


def test_every_component_of_the_published_table_has_an_entry():
    components = re.findall(r"[\w-]+", COMPONENTS)
    tests = re.findall(r"[\w-]+", TESTS)
    assert set(components) | set(tests) <= set(DATASETS)
    assert all("train" in DATASETS[name].splits for name in components)
    assert not any(
        "train" in DATASETS[name].splits for name in tests if not name.startswith(("udc", "hide", "realblur"))
    )


def test_what_is_there_is_found(tmp_path):
    for name in ("gopro", "reds", "else"):
        (tmp_path / name).mkdir()
    (tmp_path / "sidd").touch()
    found = find_datasets(tmp_path)
    assert [(entry.name, path) for entry, path in found] == [
        ("gopro", tmp_path / "gopro"),
        ("reds", tmp_path / "reds"),
        ("reds-jpeg", tmp_path / "reds"),
    ]
    with pytest.raises(UserError, match=r"nowhere: no such folder"):
        find_datasets(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"sidd: a file, not a folder"):
        find_datasets(tmp_path / "sidd")
    with pytest.raises(UserError, match=r"no data set is called 'gopr'; did you mean 'gopro'\?"):
        find_dataset("gopr")
