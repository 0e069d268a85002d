"""What tests of weights share."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "make-card"


@pytest.fixture(scope="session")
def script():
    """scripts/make-card as a module."""
    loader = SourceFileLoader("make_card", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_card", loader))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)  # as for a script that is run
        loader.exec_module(module)
    return module
