"""The page on data sets is in step with what is known of them; run as a script, this file writes its table anew."""

import re
import shlex
from pathlib import Path

import pytest

from maskdcpt.cli.data_list import COMMERCIAL
from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.datasets import DATASETS
from maskdcpt.images import write_image

PATH = Path(__file__).parents[2] / "docs" / "datasets.md"
COLUMNS = ("name", "what", "images or pairs", "layout below the folder", "terms", "commercial", "from", "mind")
HEAD = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"


def row(entry):
    kind = "clean" if not entry.types and not entry.real else ", ".join(entry.types) or "no type of ours"
    real = ", real" if entry.real else ""
    counts = ", ".join(f"{split} {entry.counts[split]:,}" if split in entry.counts else split for split in entry.splits)
    layout = "<br>".join(f"`{line.split('  ')[0]}`" for line in next(iter(entry.splits.values())).layout)
    folder = f"<br>in `{entry.folder}`" if entry.folder != entry.name else ""
    cells = (
        f"`{entry.name}`{folder}",
        f"{entry.title}: {kind}{real}",
        counts,
        layout.replace("|", "\\|"),
        entry.licence.name,
        COMMERCIAL[entry.licence.commercial],
        f"<{entry.homepage}>",
        " ".join(entry.traps) or "-",
    )
    return f"| {' | '.join(cells)} |\n"


def table():
    return HEAD + "".join(row(entry) for entry in DATASETS.values())


def test_the_table_is_what_is_known():
    page = PATH.read_text()
    for entry in DATASETS.values():
        assert row(entry) in page, f"{entry.name} differs; python {__file__} writes the table anew"
    assert page.endswith(table()), "a data set is in the table that is not known"
    assert f"what {len(DATASETS)} public data sets look like" in page


def test_the_commands_run(tmp_path, monkeypatch, capsys):
    write_image(procedural_image(0, (40, 40)), tmp_path / "a.png")
    (tmp_path / "datasets" / "nkusr8k").mkdir(parents=True)
    (tmp_path / "a.png").rename(tmp_path / "datasets" / "nkusr8k" / "a.png")
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"<!-- run -->\n```sh\n(.*?)```", PATH.read_text(), flags=re.DOTALL)[0].splitlines()
    assert len(lines) == 3
    for line in lines:
        with pytest.raises(SystemExit) as end:
            main(shlex.split(line)[1:])
        assert end.value.code == 0, capsys.readouterr()


if __name__ == "__main__":
    text = PATH.read_text()
    PATH.write_text(text.split("| name | what |")[0] + table())
