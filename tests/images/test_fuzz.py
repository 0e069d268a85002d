"""Damaged files of every kind are read whole or refused in one line; see ``fuzz.py`` for many more of them."""

import signal

import fuzz
import pytest

SAMPLES = 360


@pytest.fixture(scope="module")
def files():
    return fuzz.corpus()


def test_the_files_are_read_whole_before_they_are_damaged(files):
    assert {name: fuzz.outcome(data) for name, data in files.items()} == dict.fromkeys(files, "whole")


def test_damage_gives_an_image_or_one_clear_line(files, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def stop(*_):
        raise BaseException("a sample takes too long")  # which no handler in the package catches

    before = signal.signal(signal.SIGALRM, stop)
    seen = {"whole": 0, "refused": 0}
    try:
        for number in range(SAMPLES):
            name, data = fuzz.sample(files, number)
            signal.alarm(int(fuzz.SECONDS))
            result = fuzz.outcome(data)
            signal.alarm(0)
            assert result in seen, (number, name)
            seen[result] += 1
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert min(seen.values()) > SAMPLES // 10
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []
