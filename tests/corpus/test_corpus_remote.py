"""Copying a data set to where fsspec reaches."""

import fsspec
import pytest


@pytest.fixture
def built(command, recipe, root, tmp_path):
    words = ("data", "build", "--recipe", recipe(), "--root", root, "--out", tmp_path / "out", "--workers", 0)
    assert command(*words)[0] == 0
    return tmp_path / "out"


@pytest.fixture
def store():
    """A store that forgets."""
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/bucket", recursive=True)


def test_all_files_arrive_and_only_what_is_missing_or_changed_goes_again(command, built, store):
    words = ("data", "export", built, "--format", "copy", "--out", "memory://bucket/set")
    assert command(*words)[0] == 0
    copied = {
        name.removeprefix("/bucket/set/"): store.cat_file(name)
        for name in store.find("/bucket/set")
        if ".sha256" not in name
    }
    assert copied == {name: (built / name).read_bytes() for name in copied}
    assert set(copied) >= {"README.md", "recipe.toml", "build.json", "shards.jsonl", "manifest/manifest.parquet"}
    assert sum(name.startswith("data/") for name in copied) == 4
    code, stdout, _ = command(*words)
    assert code == 0
    assert stdout.startswith("0 files copied now")
    shard = next(name for name in copied if name.startswith("data/"))
    store.pipe_file(f"/bucket/set/{shard}", b"cut off")
    store.rm_file("/bucket/set/.sha256/README.md")
    assert command(*words)[1].startswith("2 files copied now")
    assert store.cat_file(f"/bucket/set/{shard}") == copied[shard]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--format", "copy", "--out", "nowhere://bucket"), "nowhere://bucket: cannot be written to"),
        (("--format", "webdataset", "--out", "s3://bucket/x"), "tar files need a folder"),
    ],
)
def test_wrong_places_are_refused_in_one_line(command, built, words, problem):
    code, _, stderr = command("data", "export", built, *words)
    assert code == 2
    assert problem in stderr
    assert len(stderr.strip().splitlines()) == 1


def test_an_unfinished_data_set_is_not_copied(command, built):
    (built / "build.json").unlink()
    code, _, stderr = command("data", "export", built, "--format", "copy", "--out", "memory://bucket/set")
    assert code == 2
    assert "no finished data set here (build.json is missing)" in stderr
