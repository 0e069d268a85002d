"""What the page keeps on disk: no more than it may, no longer than it should, and photos that are gone are told of."""

import asyncio
import os
import sys
import threading
import zipfile

import pytest
from serving_servers import running

from maskdcpt.serving import Limits
from maskdcpt.serving.frames import Message
from maskdcpt.serving.photos import Darkroom, Photo
from maskdcpt.serving.refusal import Refusal
from maskdcpt.serving.storage import Storage

RESULT = Message({"suffix": ".png", "verdict": None, "frames": 1, "notes": [], "seconds": 0.0}, (b"x" * 60, b"b", b"a"))


class Desk:
    """Restores whatever it is given."""

    def place(self):
        return asyncio.Semaphore()

    async def run(self, task):
        return RESULT


def darkroom(folder, most=1000):
    return Darkroom(Desk(), Storage(folder, most), Limits())


def photo(folder, name, content):
    path = folder / f"{len(list(folder.iterdir()))}" / name
    path.parent.mkdir()
    path.write_bytes(content)
    return Photo(name, path, path, path, None, 1, (), 0.0)


def test_results_count_as_uploads_do(tmp_path):
    room = darkroom(tmp_path, most=150)
    (tmp_path / "photo.png").write_bytes(b"p" * 10)
    made = [asyncio.run(room.restore(str(tmp_path / "photo.png"), 1.0)) for _ in range(2)]
    assert [each.file.read_bytes() for each in made] == [b"x" * 60] * 2
    with pytest.raises(Refusal, match="too many photos are kept") as caught:
        asyncio.run(room.restore(str(tmp_path / "photo.png"), 1.0))
    assert caught.value.status == 507
    with pytest.raises(Refusal, match="too many photos are kept"):
        asyncio.run(room.pack(made))
    assert len(list(tmp_path.rglob("*"))) == 1 + 2 * 4


def test_a_photo_that_is_gone_is_told_of(tmp_path):
    with pytest.raises(Refusal, match=r"^photo.png: is no longer kept here; drop it once more$"):
        asyncio.run(darkroom(tmp_path).restore(str(tmp_path / "photo.png"), 1.0))
    gone = photo(tmp_path, "a-restored.png", b"a")
    gone.file.unlink()
    with pytest.raises(Refusal, match=r"^a-restored.png: is no longer kept here; restore it once more$"):
        asyncio.run(darkroom(tmp_path).pack([gone]))


@pytest.mark.parametrize(
    ("names", "packed"),
    [
        (["a.png", "b.png"], ["a.png", "b.png"]),
        (["a.png", "a.png", "1-a.png"], ["1-a.png", "2-a.png", "3-1-a.png"]),
        (["a.png", "A.png"], ["1-a.png", "2-A.png"]),
        (["\u00e9.png", "e\u0301.png"], ["1-\u00e9.png", "2-e\u0301.png"]),
    ],
)
def test_no_photo_takes_the_name_of_another_in_an_archive(tmp_path, names, packed):
    photos = [photo(tmp_path, name, str(number).encode()) for number, name in enumerate(names)]
    with zipfile.ZipFile(asyncio.run(darkroom(tmp_path).pack(photos))) as archive:
        assert archive.namelist() == packed
        assert [archive.read(name) for name in packed] == [b"0", b"1", b"2"][: len(names)]


def test_room_is_kept_for_what_is_coming(tmp_path):
    storage = Storage(tmp_path, 100)
    with storage.room_for(60):
        with pytest.raises(Refusal), storage.room_for(60):
            pytest.fail("there is no room for both")
        with storage.room_for(40):
            pass
    with storage.room_for(100):
        pass


def test_what_is_old_goes_and_the_folder_stays(tmp_path):
    for place in ("old/x", "new/y"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).touch()
    os.utime(tmp_path / "old" / "x", (0, 0))
    storage = Storage(tmp_path, 100)
    storage.sweep(60)
    assert list((tmp_path / "old").iterdir()) == []
    for folder in ("old", "new", "."):
        os.utime(tmp_path / folder, (0, 0))
    storage.sweep(60)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {"new", "new/y"}


def test_folders_that_come_and_go_disturb_nothing(tmp_path):
    storage, done = Storage(tmp_path, 100), threading.Event()

    def churn():
        while not done.is_set():
            (tmp_path / "a" / "b" / "c").mkdir(parents=True)
            for place in ("a/b/c", "a/b", "a"):
                (tmp_path / place).rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(2000):
            storage.sweep(60)
            with storage.room_for(1):
                pass
    finally:
        done.set()
        thread.join()


def test_one_upload_of_many_files_cannot_fill_the_disk(weights):
    httpx = pytest.importorskip("httpx", reason="needs the extra 'ui', which `make test` installs")
    limits = ["--max-mib", "1", "--max-stored-mib", "1.5"]
    with running([sys.executable, "-m", "maskdcpt", "serve", "--weights", weights, "--port", "0", *limits]) as server:
        place = f"{server.address}/app/gradio_api/upload"
        many = [("files", (f"{number}.png", bytes(500_000))) for number in range(10)]
        assert httpx.post(place, files=many).status_code == 507
        untold = httpx.post(place, content=iter([b"x"]), headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert untold.status_code == 411
        assert httpx.post(place, files=many[:2]).status_code == 200
        assert httpx.post(place, files=many[:2]).status_code == 507
