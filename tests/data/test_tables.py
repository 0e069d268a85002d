"""Manifests and shards: what is written is what is shown."""

import io
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from maskdcpt.data import DataConfig, DegradedCrops, SourceConfig, training_data
from maskdcpt.data.mix import Drawn
from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import Haze, Jpeg, LowLightWeather, apply, to_dict
from maskdcpt.errors import UserError
from maskdcpt.images import write_image

TYPES = ("haze", "jpeg", "low_light_weather")
HAZE = Haze(0.1, 0.9)


def png(pixels):
    data = io.BytesIO()
    Image.fromarray((pixels * 255).round().byte().permute(1, 2, 0).numpy()).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def scenes():
    return [procedural_image(seed, (32, 40)) for seed in range(6)]


@pytest.fixture
def manifest(tmp_path, scenes):
    """A row of each sort: a pair, an exact degradation, one without a seed, a mixture, a bare type, another split."""
    (tmp_path / "images").mkdir()
    for number, scene in enumerate(scenes):
        write_image(scene, tmp_path / "images" / f"{number}.png")
    write_image(1 - scenes[0], tmp_path / "hazy.png")
    mixture = LowLightWeather("low_snow")
    rows = {
        "key": [f"k{number}" for number in range(6)],
        "clean": [f"images/{number}.png" for number in range(6)],
        "degraded": ["hazy.png", None, None, None, None, None],
        "type": ["haze", "haze", None, None, "jpeg", "haze"],
        "types": [None, None, ["jpeg"], None, None, None],
        "degradation": [
            None,
            *(json.dumps(to_dict(level)) for level in (HAZE, Jpeg(30), mixture)),
            None,
            None,
        ],
        "seed": [None, 7, None, None, None, None],
        "level": [1, 2, 3, 4, 5, 6],
        "split": ["train"] * 5 + ["test"],
        "source": ["here"] * 6,
        "licence": ["CC0"] * 6,
        "sha256": ["0" * 64] * 6,
    }
    pq.write_table(pa.table(rows), tmp_path / "manifest.parquet")
    return tmp_path / "manifest.parquet"


def config(path, kind, **values):
    source = SourceConfig(kind=kind, folder=str(path), **values.pop("source", {}))
    return DataConfig(**{"types": TYPES, "crop": 40, "workers": 0, "sources": (source,)} | values)


def pair(data, image):
    return data.read(Drawn(0, image, None))


def test_a_manifest_gives_what_its_rows_say(manifest, scenes):
    data = training_data(config(manifest, "manifest"))
    assert data.names == [
        "manifest.parquet/k0 haze",
        "manifest.parquet/k1 haze",
        "manifest.parquet/k2 jpeg",
        "manifest.parquet/k3 low_light_weather",
        "manifest.parquet/k4 jpeg",
    ]
    for image in range(5):
        assert torch.equal(pair(data, image).clean, scenes[image])
    assert torch.allclose(pair(data, 0).degraded, 1 - scenes[0], atol=1e-6)
    # The whole image is what the record says, byte for byte; the crop is cut of that.
    assert torch.equal(pair(data, 1).degraded, apply(scenes[1], HAZE, 7))
    assert pair(data, 2)[1:3] == (None, Jpeg(30))
    assert pair(data, 4)[1:3] == (None, None)


def test_samples_of_a_manifest_carry_its_labels(manifest):
    samples = DegradedCrops(training_data(config(manifest, "manifest")), config(manifest, "manifest"), seed=0)
    labels = torch.stack([samples[index].label for index in range(300)]).bincount(minlength=3)
    assert (abs(labels - 100) < 40).all()
    multi = config(manifest, "manifest", labels="multi")
    samples = DegradedCrops(training_data(multi), multi, seed=0)
    assert multi.classes == ("jpeg", "haze", "rain_streak", "snow", "low_light")
    seen = {tuple(samples[index].label.tolist()) for index in range(60)}
    assert seen == {(1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 0, 1, 1)}


def test_a_split_and_types_choose_rows(manifest):
    test = config(manifest, "manifest", types=("haze",), source={"split": "test"})
    assert training_data(test).names == ["manifest.parquet/k5 haze"]
    some = config(manifest, "manifest", types=("jpeg",), source={"types": ("jpeg",), "name": "m"})
    assert training_data(some).names == ["m/k2 jpeg", "m/k4 jpeg"]
    with pytest.raises(UserError, match=r"manifest\.parquet: no row is of the split 'val'; splits here: test, train"):
        training_data(config(manifest, "manifest", source={"split": "val"}))
    with pytest.raises(UserError, match=r"2 rows are of type 'jpeg', which is not in data.types; .*which rows to take"):
        training_data(config(manifest, "manifest", types=("haze", "low_light_weather")))


def test_a_kind_of_level_is_found_by_the_degradation(tmp_path, scenes):
    write_image(scenes[0], tmp_path / "0.png")
    text = json.dumps({"type": "gaussian_noise", "sigma": 25})
    pq.write_table(pa.table({"clean": ["0.png"], "type": ["noise"], "degradation": [text]}), tmp_path / "m.parquet")
    for types in (("noise",), ("gaussian_noise",)):
        assert training_data(config(tmp_path / "m.parquet", "manifest", types=types)).names == [
            f"m.parquet/row-00000000 {types[0]}"
        ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"clean": ["../a.png"], "type": ["haze"]}, r"clean is '../a.png'; paths lie below the manifest"),
        ({"clean": ["/etc/a.png"], "type": ["haze"]}, "clean is '/etc/a.png'; paths lie below the manifest"),
        (
            {"clean": ["a.png"], "degraded": ["x/../../b.png"], "type": ["haze"]},
            "degraded is 'x/../../b.png'; paths lie below the manifest",
        ),
        ({"type": ["haze"]}, "every row of a manifest needs the path of its image in the column 'clean'"),
        ({"clean": ["a.png"], "degraded": ["b.png"]}, "row 1: damaged, and the column 'type' does not say by what"),
        ({"clean": ["a.png"], "degradation": ["haze"]}, "row 1: degradation is 'haze'; a level as JSON is needed"),
        ({"clean": ["a.png"], "degradation": ['{"type": "hazy"}']}, "row 1: unknown .*did you mean 'haze'"),
        ({"clean": ["a.png"], "type": [3]}, "the column 'type' holds int64, and not text"),
        ({"clean": ["a.png"], "type": ["haze"], "seed": ["x"]}, "the column 'seed' holds string, and not integers"),
        ({"clean": ["a.png"], "types": [["haze", "jpeg"]]}, "row 1: damaged, and the column 'type' does not"),
    ],
)
def test_manifests_that_cannot_be_are_refused(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    with pytest.raises(UserError, match=rf"m\.parquet: {message}"):
        training_data(config(tmp_path / "m.parquet", "manifest"))


def test_files_that_are_no_table_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"m\.parquet: no such file"):
        training_data(config(tmp_path / "m.parquet", "manifest"))
    (tmp_path / "m.parquet").write_text("key,clean")
    with pytest.raises(UserError, match=r"m\.parquet: not a Parquet file") as caught:
        training_data(config(tmp_path / "m.parquet", "manifest"))
    assert "\n" not in str(caught.value)


@pytest.fixture
def shards(tmp_path, scenes):
    """Two files of pairs as ``datasets`` writes them, and one of another split."""
    folder = tmp_path / "hub" / "data"
    folder.mkdir(parents=True)
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    features = {
        "clean": {"_type": "Image"},
        "degraded": {"_type": "Image"},
        "type": {"dtype": "string", "_type": "Value"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}

    def write(name, numbers, group=2):
        clean = [{"bytes": png(scenes[number]), "path": f"{number}.png"} for number in numbers]
        damaged = [{"bytes": png(1 - scenes[number]), "path": None} if number != 2 else None for number in numbers]
        table = pa.table(
            {
                "clean": pa.array(clean, image),
                "degraded": pa.array(damaged, image),
                "type": pa.array(["jpeg" if number == 2 else "haze" for number in numbers]),
            }
        )
        pq.write_table(table.replace_schema_metadata(metadata), folder / name, row_group_size=group)

    write("train-00000-of-00002.parquet", [0, 1, 2])
    write("train-00001-of-00002.parquet", [3, 4])
    write("test-00000-of-00001.parquet", [5])
    return tmp_path / "hub"


def test_shards_are_read_at_random_and_in_other_processes(shards, scenes):
    two = config(shards, "shards", types=("haze", "jpeg"))
    data = training_data(two)
    # Files are in the order of their names, so that the one of the other split is row 0.
    kinds = ("haze", "haze", "jpeg", "haze", "haze")
    assert data.names == [f"hub/row-{number + 1:08d} {kind}" for number, kind in enumerate(kinds)]
    for again in (data, pickle.loads(pickle.dumps(data))):
        for image in (4, 0, 2, 1, 3):
            found = pair(again, image)
            assert torch.equal(found.clean, scenes[image])
            assert (found.degraded is None) == (image == 2)
            if image != 2:
                assert torch.allclose(found.degraded, 1 - scenes[image], atol=1e-6)
    samples = DegradedCrops(data, two, seed=0)
    assert {int(samples[index].label) for index in range(20)} == {0, 1}
    test = config(shards, "shards", types=("haze",), source={"split": "test"})
    assert torch.equal(pair(training_data(test), 0).clean, scenes[5])


def test_shards_of_clean_images_are_damaged_by_any_type(tmp_path, scenes):
    rows = pa.array([{"bytes": png(scene), "path": None} for scene in scenes])
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pq.write_table(pa.table({"clean": rows.cast(image)}), tmp_path / "all.parquet")
    some = config(tmp_path, "shards", source={"name": "s"})
    data = training_data(some)
    assert data.names == [f"s/row-{number:08d}" for number in range(6)]
    samples = DegradedCrops(data, some, seed=0)
    labels = torch.stack([samples[index].label for index in range(60)]).bincount(minlength=3)
    assert (labels > 5).all()


@pytest.mark.parametrize("name", ["../secret.png", "{home}/secret.png", "link.png"])
def test_a_shard_reads_nothing_outside_its_folder(tmp_path, scenes, name):
    (tmp_path / "set").mkdir()
    write_image(scenes[0], tmp_path / "secret.png")
    (tmp_path / "set" / "link.png").symlink_to(tmp_path / "secret.png")
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    rows = pa.array([{"bytes": None, "path": name.format(home=tmp_path)}], image)
    pq.write_table(pa.table({"clean": rows}), tmp_path / "set" / "all.parquet")
    data = training_data(config(tmp_path / "set", "shards", source={"name": "s"}))
    with pytest.raises(UserError, match="leads out of the folder of the data set"):
        pair(data, 0)


def test_a_broken_image_in_a_shard_is_a_fault_that_names_its_row(tmp_path, scenes):
    contents = [png(scene) for scene in scenes]
    contents[1] = contents[1][:200]
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    rows = [{"bytes": content, "path": "x.png"} for content in contents]
    rows[3] = {"bytes": None, "path": None}
    table = pa.table({"clean": pa.array(rows, image), "key": list("abcdef")})
    pq.write_table(table, tmp_path / "all.parquet", row_group_size=2)
    some = config(tmp_path, "shards", source={"name": "s"})
    samples = DegradedCrops(training_data(some), some, seed=0)
    faults = {fault[1:] for index in range(40) for fault in samples[index].faults}
    place = f"{tmp_path}/all.parquet: row 2 of row group"
    assert {fault[:2] for fault in faults} == {("s", "b"), ("s", "d")}
    problems = {image: problem for _, image, problem in faults}
    assert problems["b"].startswith(f"{place} 1, clean: the image is damaged or cut short")
    assert problems["d"] == f"{place} 2, clean: neither bytes of an image nor a path"


def test_folders_that_hold_no_shards_are_refused(tmp_path):
    with pytest.raises(UserError, match="no Parquet files here"):
        training_data(config(tmp_path, "shards"))
    pq.write_table(pa.table({"image": [1]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet: no column 'clean' with images; columns here: image"):
        training_data(config(tmp_path, "shards"))
    pq.write_table(pa.table({"clean": ["a.png"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"the column 'clean' holds string, and not images as {bytes, path}"):
        training_data(config(tmp_path, "shards"))


def test_a_seed_of_the_whole_range_is_taken(tmp_path, scenes):
    write_image(scenes[0], tmp_path / "0.png")
    seeds = pa.array([2**64 - 1], pa.uint64())
    table = pa.table({"clean": ["0.png"], "degradation": [json.dumps(to_dict(HAZE))], "seed": seeds})
    pq.write_table(table, tmp_path / "m.parquet")
    data = training_data(config(tmp_path / "m.parquet", "manifest", types=("haze",)))
    assert np.array_equal(pair(data, 0).degraded, apply(scenes[0], HAZE, 2**64 - 1))
