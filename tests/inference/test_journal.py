"""What a folder of results remembers."""

import json
import os

import pytest

from maskdcpt.errors import UserError
from maskdcpt.inference.journal import FOLDER, Journal


@pytest.fixture
def place(tmp_path):
    """An original and the result that it became, recorded; returns (folder, original, result)."""
    source, folder = tmp_path / "photo.png", tmp_path / "out"
    source.write_bytes(b"original")
    folder.mkdir()
    journal = Journal(folder, {"strength": 1.0})
    with journal.owning():
        journal.begin(source, folder / "photo.png")
        (folder / "photo.png").write_bytes(b"result")
        journal.finish(source, folder / "photo.png")
    return folder, source, folder / "photo.png"


def test_a_finished_result_is_remembered(place):
    folder, source, result = place
    assert Journal(folder, {"strength": 1.0}).finished(source, result)
    assert not Journal(folder, {"strength": 1.0}).begun(result)


def touched(path):
    os.utime(path, ns=(1, 1))


def rewritten(path):
    path.write_bytes(b"something else")


@pytest.mark.parametrize("change", [touched, rewritten, os.unlink])
@pytest.mark.parametrize("which", [1, 2])
def test_a_change_of_original_or_result_is_noticed(place, change, which):
    folder, source, result = place
    change(place[which])
    assert not Journal(folder, {"strength": 1.0}).finished(source, result)


def test_another_setting_and_another_original_are_noticed(place, tmp_path):
    folder, source, result = place
    assert not Journal(folder, {"strength": 0.5}).finished(source, result)
    (tmp_path / "other.png").write_bytes(b"original")
    assert not Journal(folder, {"strength": 1.0}).finished(tmp_path / "other.png", result)


def test_what_is_told_of_a_result_is_remembered_with_it(place):
    folder, source, _ = place
    journal = Journal(folder, {})
    with journal.recording(source, folder / "new.png") as told:
        (folder / "new.png").write_bytes(b"result")
        told.update(notes=["caf\udce9"])
    again = Journal(folder, {})
    assert again.finished(source, folder / "new.png")
    assert again.told(folder / "new.png") == {"notes": ["caf\udce9"]}
    path = folder / FOLDER / "restored.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "told"}) + "\n" for row in rows))
    assert Journal(folder, {}).finished(source, folder / "new.png")  # as a journal that tells nothing
    assert Journal(folder, {}).told(folder / "new.png") == {}


def test_what_was_only_begun_is_known_as_such_also_when_the_result_is_there(place):
    folder, source, result = place
    journal = Journal(folder, {"strength": 1.0})
    journal.begin(source, result)
    again = Journal(folder, {"strength": 1.0})
    assert again.begun(result)
    assert not again.finished(source, result)


def test_a_line_cut_off_by_an_interruption_is_forgotten(place):
    folder, source, result = place
    path = folder / FOLDER / "restored.jsonl"
    path.write_bytes(path.read_bytes() + b'{"target": "half')
    journal = Journal(folder, {"strength": 1.0})
    assert journal.finished(source, result)
    with journal.owning():
        journal.begin(source, folder / "new.png")
    assert [json.loads(line)["target"] for line in path.read_text().splitlines()] == ["photo.png", "new.png"]


def test_two_processes_do_not_share_a_folder(place):
    # Locks are held by processes, so another one has to try.
    import subprocess
    import sys

    folder, *_ = place
    code = f"""
from pathlib import Path
from maskdcpt.inference.journal import Journal
with Journal(Path({str(folder)!r}), {{}}).owning():
    print("in")
"""
    with Journal(folder, {}).owning():
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"{folder}: another process is restoring into this folder" in result.stderr
    assert result.stdout == ""


def test_leftovers_of_a_killed_process_go(place):
    folder, _, result = place
    (folder / ".writing-1-2.png").write_bytes(b"half")
    with Journal(folder, {}).owning():
        pass
    assert not (folder / ".writing-1-2.png").exists()
    assert result.exists()


def test_a_file_that_is_no_journal_is_refused(place):
    folder, *_ = place
    for text, message in (("[]\n", "line 1 is no JSON object"), ('{"target": "a.png"}\n', "line 1 tells of no result")):
        (folder / FOLDER / "restored.jsonl").write_text(text)
        with pytest.raises(UserError, match=message):
            Journal(folder, {})


def test_what_another_process_has_recorded_meanwhile_is_not_lost(place):
    folder, source, _ = place
    late = Journal(folder, {})
    with Journal(folder, {}).owning(), Journal(folder, {}).recording(source, folder / "new.png"):
        (folder / "new.png").write_bytes(b"result")
    with pytest.raises(UserError, match="another process was restoring into this folder"), late.owning():
        pass
    assert Journal(folder, {}).finished(source, folder / "new.png")


def test_what_could_not_be_written_is_not_expected_to_be_there(place):
    folder, source, _ = place
    journal = Journal(folder, {})
    with pytest.raises(OSError, match="full"), journal.recording(source, folder / "new.png"):
        raise OSError("full")
    (folder / "new.png").write_bytes(b"somebody else's")
    again = Journal(folder, {})
    assert not again.begun(folder / "new.png")
    assert not again.finished(source, folder / "new.png")
