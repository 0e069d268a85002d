"""The twentieth type of damage that CONTRIBUTING.md adds works as it says."""

import re
from pathlib import Path

import pytest

from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import CATALOGUE, Catalogue, apply, catalogue, to_dict
from maskdcpt.errors import UserError

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
SECTION = PAGE[PAGE.index("## Adding a degradation") : PAGE.index("## Adding a backbone")]


@pytest.fixture(scope="module")
def names():
    found: dict = {"__name__": "maskdcpt.degradations.banding"}
    value_class, entry = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)
    exec(value_class, found)
    others = {**vars(catalogue), "Catalogue": lambda *entries: Catalogue(*CATALOGUE, *entries)}
    exec(entry, others | found, found)
    return found


def test_the_new_type_is_found_drawn_recorded_and_applied(names):
    grown = names["CATALOGUE"]
    assert len(grown) == len(CATALOGUE) + 1
    for level in grown["banding"].levels:
        assert grown.from_dict(to_dict(level)) == level
        assert grown.types_of(level) == (grown["banding"],)
        assert len(apply(procedural_image(0, (64, 64)), level).unique()) <= 2**level.bits
    with pytest.raises(UserError, match=r"banding: bits is 9, but must lie in \[1, 8\]"):
        names["Banding"](9)
