"""What ``maskdcpt bench restore`` tells, measured with a tiny network."""

from maskdcpt.backbones import create_backbone
from maskdcpt.benchmarks import RestorePlan, bench_restore, restore


def test_tiles_at_once_and_photos_one_after_another_are_compared_with_the_simplest_way(monkeypatch):
    network = create_backbone("nafnet", width=4, encoder_blocks=[1, 1], decoder_blocks=[1, 1]).eval()
    monkeypatch.setattr(restore, "lively_network", lambda: network)
    monkeypatch.setattr(restore, "_ways", lambda *_: iter(()))  # whose smallest photo takes a minute
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in bench_restore(RestorePlan((130, 200), 1, 3, (16, 24), None))
        if line.startswith("| ") and "---" not in line
    ]
    tables = {name: cells for name, *cells in rows}
    assert {name for name, (_, ratio) in tables.items() if ratio == "1.00"} >= {
        "one by one",
        "in turn (where a CPU computes on all its cores)",
    }
    assert len(rows) == (1 + 3) + (1 + 2)
    assert all(float(cells[0]) > 0 for name, cells in tables.items() if "s a" not in cells[0] and "/s" not in cells[0])
