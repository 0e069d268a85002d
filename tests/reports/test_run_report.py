"""The page of a run shows what its folder holds, however much that is."""

import json
import re

import pytest
import torch

from maskdcpt.errors import UserError
from maskdcpt.files import append_row
from maskdcpt.reports import write_run_report
from maskdcpt.training.confusion import Confusion, write_confusion
from maskdcpt.training.pictures import RESTORATION_TITLES, progress_picture, write_picture


def headings(page):
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_run_that_has_only_begun_has_a_page(make_run):
    run = make_run("run")
    (run / "metrics.jsonl").unlink()
    page = write_run_report(run).read_text()
    assert headings(page) == ["Configuration", "Environment"]
    assert "none logged yet" in page


def test_everything_in_the_folder_is_shown(make_run):
    run = make_run("run", steps=6, psnr={3: 18.0, 6: 21.0})
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    more = {"gradient_norm": 1.0, "samples_per_second": 12.0, "data_wait": 0.031, "memory_gib": 1.5}
    (run / "metrics.jsonl").write_text(
        "".join(json.dumps({**row, **more, "skipped": int(row["step"] in (2, 5)), "faults": 0}) + "\n" for row in rows)
    )
    for step in (1, 5):
        write_picture(run, step, progress_picture([(torch.zeros(3, 16, 16),) * 3], RESTORATION_TITLES))
    confusion = Confusion(("haze", "snow"))
    confusion.add(torch.eye(2)[torch.tensor([0, 0, 1])], torch.tensor([0, 1, 1]))
    write_confusion(run, 6, confusion)
    for index in range(60):
        row = {"step": 1, "index": index, "source": "photos", "image": f"<{index:02d}>.png", "problem": "cut short"}
        append_row(run / "quarantine.jsonl", row)
    append_row(run / "restarts.jsonl", {"step": 4, "note": "the newest checkpoint is damaged"})

    page = write_run_report(run).read_text()
    assert headings(page) == [
        "Course", "Validation", "What the network makes of a batch", "Naming the damage", "How training went",
        "Images that were replaced", "Restarts", "Last logged values", "Configuration", "Environment",
    ]  # fmt: skip
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert facts["time"] == "60.0 seconds"
    assert facts["waiting for data"] == "3.1% of the time on average"
    assert facts["steps skipped as not finite"] == "2"
    assert facts["images replaced"] == "60"
    assert facts["restarts"] == "1"
    assert page.count("image/svg+xml") == 1 + 2 + 5
    assert "step 5" in page
    assert "step 1<" not in page
    assert "66.7 % of the images were named rightly" in page
    assert "60 times a sample could not be made" in page
    assert page.count("&lt;") == 50, "names of files are text, whatever they hold"
    assert "the newest checkpoint is damaged" in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_the_table_of_validation_is_that_of_the_last_step(make_run):
    page = write_run_report(make_run("run", psnr={2: 18.0, 4: 21.0})).read_text()
    rows = re.findall(r"<tr class=\"\w*\"><td>(\w+)</td>(.*?)</tr>", page)
    found = {name: [float(number) for number in re.findall(r">([-+]?\d+\.\d\d)", cells)] for name, cells in rows}
    # 21 and 22 dB, 2 dB less in rain; the input has 15.
    assert found == {"haze": [15, 21.5, 6.5], "rain_streak": [13, 19.5, 6.5], "mean": [14, 20.5, 6.5]}
    assert "after step 4; protocol quick v1 on 2 images, their central 24x24 pixels" in page


def test_several_types_an_image_have_rates(make_run):
    run = make_run("run")
    confusion = Confusion(("haze", "snow"), multi=True)
    confusion.add(torch.tensor([[1.0, -1.0], [1.0, -1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    write_confusion(run, 1, confusion)
    page = write_run_report(run).read_text()
    assert "<td>haze</td><td>1</td><td>0.50</td><td>1.00</td>" in page
    assert "<td>snow</td><td>0</td><td>-</td><td>-</td>" in page
    assert "75.0 % of all yes and no to each type are right" in page


def test_a_damaged_file_is_named(make_run):
    run = make_run("run")
    (run / "quarantine.jsonl").write_text("text\n")
    with pytest.raises(UserError, match=r"quarantine\.jsonl: line 1 is no JSON object"):
        write_run_report(run)
