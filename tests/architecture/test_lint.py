"""What checks the sources checks all of them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_scripts_without_an_ending_are_checked_as_well():
    command = [str(Path(sys.executable).parent / "ruff"), "check", "--show-files", "scripts"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    checked = {Path(line).name for line in result.stdout.splitlines()}
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "scripts").iterdir() if path.is_file()}
    python = {name for name, text in files.items() if name.endswith(".py") or "python" in text.partition("\n")[0]}
    assert "make-card" in python
    assert checked == python
