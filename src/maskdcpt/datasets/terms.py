"""Terms of use that several data sets have."""

from __future__ import annotations

from maskdcpt.datasets.entry import Licence

CC_BY = Licence("CC-BY-4.0", commercial=True)
NOT_STATED = Licence("not stated", commercial=None)
"""Neither the page of the data set nor its repository was found to say; ask the authors."""
RESEARCH = Licence("academic research only", commercial=False)
