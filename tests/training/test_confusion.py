"""Counting true and named types, against a plain reference."""

import json

import numpy as np
import pytest
import torch

from maskdcpt.errors import UserError
from maskdcpt.training.confusion import Confusion, confusion_picture, read_confusion, write_confusion

CLASSES = ("haze", "rain_streak", "low_light")


@pytest.fixture
def single():
    """Scores and types of forty images."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), rng.integers(0, 3, 40)


@pytest.fixture
def several():
    """Scores of forty images, and 0 or 1 for each of three types."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 3)).astype(np.float32)


def counted(data, *, multi=False, parts=1):
    confusion = Confusion(CLASSES, multi=multi)
    for logits, labels in zip(*(np.array_split(each, parts) for each in data), strict=True):
        confusion.add(torch.from_numpy(logits), torch.from_numpy(labels))
    return confusion


def test_the_matrix_counts_pairs_of_true_and_named(single):
    logits, labels = single
    expected = np.zeros((3, 3), int)
    for scores, label in zip(logits, labels, strict=True):
        expected[label, scores.argmax()] += 1
    confusion = counted(single, parts=7)
    assert confusion.matrix() == expected.tolist()
    assert confusion.accuracy() == np.mean(logits.argmax(1) == labels)
    for index, rates in enumerate(confusion.rates()):
        assert rates.precision == expected[index, index] / expected[:, index].sum()
        assert rates.recall == expected[index, index] / expected[index].sum()
        assert rates.images == (labels == index).sum()


def test_each_of_several_types_has_its_own_rates(several):
    logits, labels = several
    named, true = logits > 0, labels.astype(bool)
    confusion = counted(several, multi=True, parts=3)
    for index, rates in enumerate(confusion.rates()):
        hits = (named[:, index] & true[:, index]).sum()
        assert rates.precision == hits / named[:, index].sum()
        assert rates.recall == hits / true[:, index].sum()
    assert confusion.accuracy() == pytest.approx((named == true).mean())
    with pytest.raises(UserError, match="one type an image"):
        confusion.matrix()


def test_what_was_never_seen_has_no_rate():
    confusion = Confusion(CLASSES)
    assert confusion.accuracy() is None
    confusion.add(torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([1]))
    assert confusion.accuracy() == 0
    assert [rates.recall for rates in confusion.rates()] == [None, 0, None]
    assert [rates.precision for rates in confusion.rates()] == [0, None, None]


def test_counts_of_processes_add_up(single):
    whole = counted(single)
    halves = [counted([each[start::2] for each in single]) for start in (0, 1)]
    assert torch.equal(halves[0].counts + halves[1].counts, whole.counts)


def test_a_resumed_run_goes_on_counting(single, tmp_path):
    logits, labels = (torch.from_numpy(each) for each in single)
    first = counted([each[:25] for each in single])
    torch.save(first.state_dict(), tmp_path / "state.pt")
    resumed = Confusion(CLASSES)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    resumed.add(logits[25:], labels[25:])
    assert torch.equal(resumed.counts, counted(single).counts)
    resumed.reset()
    assert first.counts.sum() == 25
    assert not resumed.counts.any()
    with pytest.raises(UserError, match="expected"):
        Confusion(CLASSES[:2]).load_state_dict(first.state_dict())


@pytest.mark.parametrize("multi", [False, True])
def test_the_file_gives_back_what_was_written(multi, request, tmp_path):
    confusion = counted(request.getfixturevalue("several" if multi else "single"), multi=multi)
    assert read_confusion(tmp_path) is None
    write_confusion(tmp_path, 12, confusion)
    assert json.loads((tmp_path / "confusion.json").read_text())["classes"] == list(CLASSES)
    step, read = read_confusion(tmp_path)
    assert (step, read.multi, read.classes) == (12, multi, CLASSES)
    assert torch.equal(read.counts, confusion.counts)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"step": 1, "classes": ["a"], "counts": [[1, 2]]}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "confusion.json").write_text(text)
    with pytest.raises(UserError, match=r"confusion\.json: no "):
        read_confusion(tmp_path)


@pytest.mark.parametrize("multi", [False, True])
def test_a_picture_is_darker_where_more_was_counted(multi):
    confusion = Confusion(("a", "b"), multi=multi)
    # Every image has the first type and is named so; none has the second.
    label = torch.tensor([[1.0, 0.0]]) if multi else torch.tensor([0])
    for _ in range(5):
        confusion.add(torch.tensor([[1.0, -1.0]]), label)
    picture = confusion_picture(confusion)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    dark = (picture.astype(int).sum(2) < 330) & (picture[..., 2] > picture[..., 0] + 40)
    assert dark.sum() > 500, "a whole cell is deep blue"
    confusion.reset()
    empty = confusion_picture(confusion)
    assert not ((empty.astype(int).sum(2) < 330) & (empty[..., 2] > empty[..., 0] + 40)).any()
