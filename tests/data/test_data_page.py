"""The recipe that docs/data.md shows makes samples."""

import io
import json
import re
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from maskdcpt.classes import CLEAN
from maskdcpt.config import from_dict
from maskdcpt.data import DataConfig, DegradedCrops, training_data
from maskdcpt.data.procedural import procedural_image
from maskdcpt.data.sources import EmbeddedImages
from maskdcpt.data.tables import DESCRIPTION
from maskdcpt.images import write_image

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()


def test_the_recipe_on_the_page_makes_samples_of_all_sources(tmp_path):
    picture = procedural_image(0, (140, 130))
    for name in ("photos/a.png", "rain/clean/x/1.png", "rain/degraded/x/1.jpg", "hazy.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(picture, tmp_path / name)
    text = re.search(r"`(\{\"type\": \"haze\".*?\})`", PAGE)[1]
    rows = {"key": ["h0"], "clean": ["photos/a.png"], "degradation": [text], "seed": [3]}
    pq.write_table(pa.table(rows), tmp_path / "haze.parquet")
    data = io.BytesIO()
    Image.new("RGB", (130, 140), (9, 9, 9)).save(data, "PNG")
    image = {"bytes": data.getvalue(), "path": None}
    (tmp_path / "night").mkdir()
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = {"clean": pa.array([image], kind), "degraded": pa.array([image], kind), "type": ["low_light"]}
    pq.write_table(pa.table(table), tmp_path / "night" / "train-00000-of-00001.parquet")

    values = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[1])["data"]
    config = from_dict(DataConfig, values | {"folder": str(tmp_path)}, where="page")
    mixed = training_data(config)
    embedded = [name for name in mixed.names if name.startswith("embedded/")]
    assert len(embedded) == len(EmbeddedImages("train").names)
    assert [name for name in mixed.names if name not in embedded] == [
        "photos/a.png",
        "rain/x/1 rain_streak",
        "haze.parquet/h0 haze",
        "real night/row-00000000 low_light",
    ]
    samples = DegradedCrops(mixed, config, seed=0)
    labels = torch.stack([samples[index].label for index in range(60)])
    assert set(labels.tolist()) == {0, 1, 2, 3, config.classes.index(CLEAN)}
    assert json.loads(text)["type"] == "haze"


def test_the_page_names_every_column_and_setting():
    columns = re.findall(r"^\| `(\w+)` \| (?!a )", PAGE, flags=re.MULTILINE)
    assert {*DESCRIPTION, "clean", "degraded"} <= set(columns)
