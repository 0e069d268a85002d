"""Networks as files for other runtimes and other programs."""

from maskdcpt.export.formats import FORMATS, FormatName
from maskdcpt.export.half import Half, export_half
from maskdcpt.export.model import Export, export_model
from maskdcpt.export.parity import Parity

__all__ = ["FORMATS", "Export", "FormatName", "Half", "Parity", "export_half", "export_model"]
