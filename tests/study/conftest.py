"""A study that takes seconds, done once for all tests."""

import pytest
from tiny_study import run_all, tiny

from maskdcpt.parallel import HERE


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a tiny study that is done; not to be changed."""
    out = tmp_path_factory.mktemp("study") / "done"
    outcome, lines = run_all(tiny(), out, HERE)
    assert (outcome.done, outcome.failures, lines) == (9, [], [])
    return out
