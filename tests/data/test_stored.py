"""Values found in Parquet files without reading their row groups, against what pyarrow reads."""

import io
import pickle

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from PIL import Image

from maskdcpt.data import DataConfig, SourceConfig
from maskdcpt.data.procedural import procedural_image
from maskdcpt.data.shards import ShardPairs
from maskdcpt.data.stored import find_value, plain_chunk
from maskdcpt.errors import UserError
from maskdcpt.images import to_pil

PLAIN = {"compression": "NONE", "use_dictionary": False}


def png(image):
    data = io.BytesIO()
    (to_pil(image) if isinstance(image, torch.Tensor) else image).save(data, "PNG")
    return data.getvalue()


def written(images, **options):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    data = io.BytesIO()
    table = pa.table({"key": list(range(len(images))), "clean": pa.array(images, kind)})
    pq.write_table(table, data, **options)
    return data.getvalue()


def found(data, name="clean.bytes"):
    """What is found of each row."""
    file = pq.ParquetFile(io.BytesIO(data))
    values = []
    for group in range(file.metadata.num_row_groups):
        chunk = plain_chunk(file, group, name)
        for row in range(file.metadata.row_group(group).num_rows):
            place = chunk and find_value(lambda at, count: data[at : at + count], chunk, row)
            values.append(place and data[place.start : place.start + place.size])
    return values


contents = st.one_of(st.binary(max_size=40), st.binary(min_size=300, max_size=400), st.none())
images = st.lists(
    st.one_of(st.none(), contents.map(lambda data: {"bytes": data, "path": "x"})), min_size=1, max_size=60
)


@settings(max_examples=60, deadline=None)
@given(images, st.integers(1, 70), st.sampled_from([1, 400, 2**20]), st.booleans())
def test_what_is_found_is_what_is_stored(images, group, page, statistics):
    options = {"row_group_size": group, "data_page_size": page, "write_batch_size": 3, "write_statistics": statistics}
    data = written(images, **PLAIN, **options)
    stored = [image and image["bytes"] for image in images]
    if not statistics:
        assert found(data) == stored
    # Page headers may then hold the smallest and largest value, and be too long; of images that is seldom.
    assert all(mine in (own, None) for mine, own in zip(found(data), stored, strict=True))


def test_columns_without_missing_values_tell_no_levels():
    schema = pa.schema([pa.field("clean", pa.binary(), nullable=False)])
    data = io.BytesIO()
    pq.write_table(pa.table({"clean": [b"one", b"", b"three"]}, schema=schema), data, **PLAIN)
    assert found(data.getvalue(), "clean") == [b"one", b"", b"three"]


@pytest.mark.parametrize(
    "options",
    [
        {**PLAIN, "compression": "SNAPPY"},
        {"compression": "NONE", "use_dictionary": True},
        {**PLAIN, "data_page_version": "2.0"},
        {**PLAIN, "column_encoding": {"clean.bytes": "DELTA_LENGTH_BYTE_ARRAY"}},
    ],
)
def test_values_that_are_stored_in_another_way_are_left_to_others(options):
    images = [{"bytes": bytes([number]) * 200, "path": None} for number in range(20)]
    assert found(written(images, **options)) == [None] * 20
    assert found(written(images, **PLAIN), "clean.nothing") == [None] * 20


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_finds_nothing_outside_of_the_column_and_raises_nothing(data):
    images = [{"bytes": bytes([number]) * 50, "path": None} for number in range(9)]
    whole = written(images, **PLAIN, write_statistics=False)
    chunk = plain_chunk(pq.ParquetFile(io.BytesIO(whole)), 0, "clean.bytes")
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[chunk.start + data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    damaged = bytes(damaged[: data.draw(st.sampled_from([chunk.start + 30, len(whole)]))])
    for row in range(9):
        place = find_value(lambda at, count: damaged[at : at + count], chunk, row)
        assert place is None or chunk.start <= place.start <= place.start + place.size <= chunk.start + chunk.size


def test_pairs_are_the_same_read_alone_or_by_row_groups_kept_or_not(tmp_path):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    deep = np.random.default_rng(0).integers(0, 2**16, (20, 24), dtype=np.uint16)
    contents = [png(procedural_image(seed, (20, 24))) for seed in range(5)] + [png(Image.fromarray(deep))]
    images = pa.array([{"bytes": data, "path": None} for data in contents], kind)
    table = pa.table({"clean": images, "degraded": images.take(list(range(5, -1, -1))), "type": ["haze"] * 6})
    found = []
    for name, options in (("alone", PLAIN), ("groups", {"compression": "ZSTD"})):
        (tmp_path / name).mkdir()
        pq.write_table(table, tmp_path / name / "train-00000-of-00001.parquet", row_group_size=4, **options)
        config = DataConfig(types=("haze",), sources=(SourceConfig(kind="shards", folder=name),))
        for limit in (0, 2**29):
            pairs = ShardPairs(tmp_path / name, config.sources[0], config, limit)
            found.append([pickle.loads(pickle.dumps(pairs))[number] for number in (3, 0, 5, 4, 1, 2, 3)])
            assert all((pair.clean.mul(255) - pair.clean.mul(255).round()).abs().max() < 1e-4 for pair in found[-1])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert torch.equal(one.clean, two.clean)
            assert torch.equal(one.degraded, two.degraded)


def test_a_shard_that_goes_away_is_one_line(tmp_path):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": png(procedural_image(0, (8, 8))), "path": None}], kind)
    path = tmp_path / "train-00000-of-00001.parquet"
    pq.write_table(pa.table({"clean": images}), path, **PLAIN)
    config = DataConfig(sources=(SourceConfig(kind="shards", folder="."),))
    pairs = ShardPairs(tmp_path, config.sources[0], config)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"train-00000-of-00001\.parquet: (damaged|not a Parquet file)"):
        pairs[0]
    path.unlink()
    with pytest.raises(UserError, match=r"train-00000-of-00001\.parquet: no such file"):
        pairs[0]
