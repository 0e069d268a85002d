"""``maskdcpt data stats``: what was built is what is counted, and what is broken is told."""

import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_helpers import RECIPE, facts, fill_root, rows

from maskdcpt.corpus import build, read_recipe
from maskdcpt.corpus.stats import UNKNOWN, read_stats, sample_rows
from maskdcpt.datasets import DATASETS


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """The small data set."""
    folder = tmp_path_factory.mktemp("stats")
    fill_root(folder / "root")
    (folder / "recipe.toml").write_text(RECIPE)
    build(read_recipe(str(folder / "recipe.toml")), folder / "root", folder / "out", DATASETS, progress=False)
    return folder / "out"


@pytest.fixture
def built(made_once, tmp_path):
    """A copy of it."""
    shutil.copytree(made_once, tmp_path / "out")
    return tmp_path / "out"


def replace_rows(out, change):
    """Writes the first shard anew, each of its rows as ``change`` makes it of (number, row)."""
    path = min((out / "data").glob("*.parquet"))
    table = pq.read_table(path)
    changed = [change(number, row) for number, row in enumerate(table.to_pylist())]
    pq.write_table(pa.Table.from_pylist(changed, schema=table.schema), path)
    return path


def test_counts_and_percentiles_are_those_of_the_rows(built):
    stats = read_stats(built, verify=True, progress=False)
    made = rows(built)
    assert (stats.problems, stats.notes, stats.pairs, len(made)) == ((), (), 31, 31)
    assert any("hashes of clean and degraded images stand" in check for check in stats.checks)
    assert [entry.name for entry in stats.types] == ["noise", "motion_blur", "low_light"]
    for entry in stats.types:
        own = [row for row in made if row["type"] == entry.name]
        assert len(entry.rows) == len(own)
        assert entry.engine == sum(row["made_by"] == "engine" for row in own)
        assert entry.real == sum(row["real"] for row in own)
        assert entry.unlevelled == sum(row["level"] is None for row in own)
        for level, count in enumerate(entry.levels):
            assert count == sum(row["level"] == level for row in own)
        finite = [row["psnr"] for row in own if np.isfinite(row["psnr"])]
        assert entry.psnr.percentiles[2] == pytest.approx(np.median(finite))
        assert entry.psnr.undamaged == len(own) - len(finite)
    for name, counts in stats.counts.items():
        assert sum(counts.values()) == 31
        for value, count in counts.items():
            assert count == sum((UNKNOWN if row[name] is None else str(row[name])) == value for row in made)


def test_the_command_tells_what_was_built_and_filled(command, built):
    code, out, _ = command("data", "stats", built, "--verify", "--workers", 0)
    assert code == 0
    assert re.search(r"^motion_blur +12 +6 +0 ", out, flags=re.MULTILINE)
    assert "source: " in out
    assert "\nfilled: 6 of 12 motion by the engine\n" in out
    assert out.endswith("\nall is well\n")
    for note in facts(built)["notes"]:
        assert note.startswith("originals: ") or f"\n{note}\n" in out


def test_the_page_has_every_type_with_pairs_and_no_script(command, built, tmp_path):
    page = tmp_path / "pages" / "stats.html"
    assert command("data", "stats", built, "--html", page)[0] == 0
    text = page.read_text()
    stats = read_stats(built, progress=False)
    for entry in stats.types:
        assert f'<h2 id="{entry.name}">' in text
    assert text.count('alt="clean and damaged: ') == sum(min(len(entry.rows), 24) for entry in stats.types)
    assert "<script" not in text
    assert "http://" not in text
    code, _, err = command("data", "stats", built, "--html", page)
    assert (code, err) == (2, f"error: {page} exists; --force replaces it\n")
    assert command("data", "stats", built, "--html", page, "--force")[0] == 0
    assert page.read_text() == text  # the same pairs


def test_pairs_on_the_page_are_drawn_by_the_seed(built):
    stats = read_stats(built, progress=False)
    entry = stats.types[0]
    one, again, other = (sample_rows(stats, entry, 5, seed) for seed in (0, 0, 1))
    assert one == again != other
    assert len(set(one)) == 5
    assert set(one) <= set(entry.rows.tolist())


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (lambda number, row: row | {"key": "twice"}, ["1 keys are of more than one row", "'twice': 8 rows"]),
        (
            lambda number, row: row | ({"degraded": row["clean"]} if number == 2 else {}),
            ["row 2: degraded: not the image that it was made with"],
        ),
        (
            lambda number, row: row | ({"clean_sha256": "0" * 64} if number == 5 else {}),
            ["row 5: clean: not the image that it was made with"],
        ),
        (lambda number, row: row | ({"degraded": None} if number == 0 else {}), ["1 rows have no damaged image"]),
        (lambda number, row: row | {"type": "noise", "level": 99}, ["8 pairs of noise have a level that the"]),
    ],
)
def test_rows_that_are_not_what_they_were_are_told(command, built, change, problems):
    path = replace_rows(built, change)
    code, out, _ = command("data", "stats", built, "--verify", "--workers", 0)
    assert code == 1
    for problem in (*problems, f"{path.name}: not the bytes that it was made with"):
        assert re.search(rf"^problem: .*{re.escape(problem)}", out, flags=re.MULTILINE), problem


def test_shards_that_are_missing_or_cut_short_are_told(command, built):
    first, *_, last = sorted((built / "data").glob("*.parquet"))
    last.unlink()
    code, out, _ = command("data", "stats", built)
    assert code == 1
    assert "problem: build.json says 31 pairs, and there are 24\n" in out
    assert f"problem: {last.name}: missing\n" in out
    assert "manifest.parquet: its rows are not those of the shards" in out
    first.write_bytes(first.read_bytes()[:-100])
    code, out, err = command("data", "stats", built)
    assert (code, out) == (2, "")
    assert f"\nerror: {first}: not a Parquet file that can be read" in err


def test_images_of_another_size_than_the_recipe_says_are_told(command, built):
    text = (built / "recipe.toml").read_text()
    (built / "recipe.toml").write_text(text.replace("crop = 32", "crop = 24"))
    code, out, _ = command("data", "stats", built, "--verify", "--workers", 0)
    assert code == 1
    assert "row 0: clean: 32 x 32 pixels, and the recipe says 24 x 24\n" in out


def test_any_folder_of_shards_is_counted_with_what_it_lacks(command, built, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    table = pa.concat_tables(pq.read_table(path) for path in sorted((built / "data").glob("*.parquet")))
    few = table.select(["clean", "degraded", "type"]).slice(0, 20)
    few = few.set_column(2, "type", pa.array(["noise"] * 12 + ["<b>dust</b>"] * 7 + [None]))
    pq.write_table(few, other / "test-00000-of-00001.parquet")
    page = tmp_path / "page.html"
    code, out, _ = command("data", "stats", other, "--verify", "--workers", 0, "--html", page)
    assert code == 0
    assert re.search(r"^<b>dust</b> +7 +0 +0 +- +- +0$", out, flags=re.MULTILINE)
    assert re.search(r"^not stated +1 ", out, flags=re.MULTILINE)
    assert "split: test 20\n" in out
    assert "note: no column 'psnr'\n" in out
    assert "good: all images can be decoded, and both images of every pair have one size" in out
    assert "&lt;b&gt;dust" in page.read_text()
    assert "<b>dust" not in page.read_text()


def test_a_build_that_has_not_ended_is_told(command, built):
    begun = {name: facts(built)[name] for name in ("commercial", "sources")}
    (built / "build.json").write_text(json.dumps(begun))
    code, out, _ = command("data", "stats", built)
    assert code == 0
    assert "build.json is of a build that has not ended; maskdcpt data build goes on with it\n" in out


def test_folders_without_shards_are_one_line(command, tmp_path):
    assert command("data", "stats", tmp_path) == (2, "", f"error: {tmp_path}: no Parquet files here\n")
    gone = tmp_path / "gone"
    assert command("data", "stats", gone) == (2, "", f"error: {gone}: no such folder\n")
