"""Pages that show what happened: one self-contained HTML file each, readable on a phone, without scripts."""

from maskdcpt.reports.gallery import write_gallery
from maskdcpt.reports.page import Picture, Strip, picture, require_new_page, write_page
from maskdcpt.reports.plots import Curve, plot
from maskdcpt.reports.realism import RealismReport, write_realism
from maskdcpt.reports.run import run_curves, write_run_report

__all__ = [
    "Curve",
    "Picture",
    "RealismReport",
    "Strip",
    "picture",
    "plot",
    "require_new_page",
    "run_curves",
    "write_gallery",
    "write_page",
    "write_realism",
    "write_run_report",
]
