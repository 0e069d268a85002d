"""Imports point down, and importing costs only what is needed."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "huggingface_hub",
    "numpy",
    "cv2",
    "PIL",
    "lightning_fabric",
    "matplotlib",
    "skimage",
    "sklearn",
    "tyro",
    "pydantic",
    "pyarrow",
)


def modules_after(code: str) -> set[str]:
    script = f"{textwrap.dedent(code)}\nimport sys\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


def test_imports_point_down():
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_importing_the_package_imports_nothing_heavy():
    loaded = modules_after("import maskdcpt; maskdcpt.__version__")
    assert not loaded & set(HEAVY)
    assert {name for name in loaded if name.startswith("maskdcpt.")} == set()


@pytest.mark.parametrize(
    ("code", "unneeded"),
    [
        ("import maskdcpt; maskdcpt.create_backbone", ("lightning_fabric", "matplotlib", "skimage", "cv2", "tyro")),
        ("import maskdcpt; maskdcpt.VisibleMask", ("lightning_fabric", "matplotlib", "cv2", "tyro", "pydantic")),
        ("import maskdcpt; maskdcpt.Restorer", ("lightning_fabric", "matplotlib", "skimage", "cv2")),
        ("import maskdcpt; maskdcpt.degradations", ("lightning_fabric", "matplotlib", "skimage", "tyro")),
        ("import maskdcpt.cli.pretrain, maskdcpt.cli.finetune", ("matplotlib", "skimage", "sklearn", "pyarrow")),
        ("import maskdcpt.cli.restore", ("lightning_fabric", "matplotlib", "skimage", "cv2", "tensorboardX")),
    ],
)
def test_each_part_imports_only_what_it_uses(code, unneeded):
    assert not modules_after(code) & set(unneeded)


def test_public_names_exist_and_others_do_not():
    import maskdcpt

    assert all(getattr(maskdcpt, name) is not None for name in maskdcpt.__all__)
    assert set(maskdcpt.__all__) <= set(dir(maskdcpt))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        maskdcpt.nonsense  # noqa: B018


@pytest.mark.parametrize("name", ["torchvision", "timm", "basicsr"])
def test_nothing_needs_torchvision(name):
    sources = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    assert f"import {name}" not in sources
    assert f"from {name}" not in sources
