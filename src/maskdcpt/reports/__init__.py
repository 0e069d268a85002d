"""Pages that show what happened: one self-contained HTML file each, readable on a phone.

All but the page of restored photos, whose pictures slide, do without scripts.
"""

from maskdcpt.reports.compare import Comparison, compare_runs, steps_text, time_text, write_comparison
from maskdcpt.reports.corpus import left_out_text, write_stats
from maskdcpt.reports.curves import run_curves
from maskdcpt.reports.evaluation import write_evaluation
from maskdcpt.reports.gallery import write_gallery
from maskdcpt.reports.page import Picture, Strip, picture, require_new_page, write_page
from maskdcpt.reports.plots import Curve, plot
from maskdcpt.reports.realism import RealismReport, write_realism
from maskdcpt.reports.restoration import RestorationEntry, RestorationReport, write_restoration
from maskdcpt.reports.run import write_run_report
from maskdcpt.reports.verification import write_verification

__all__ = [
    "Comparison",
    "Curve",
    "Picture",
    "RealismReport",
    "RestorationEntry",
    "RestorationReport",
    "Strip",
    "compare_runs",
    "left_out_text",
    "picture",
    "plot",
    "require_new_page",
    "run_curves",
    "steps_text",
    "time_text",
    "write_comparison",
    "write_evaluation",
    "write_gallery",
    "write_page",
    "write_realism",
    "write_restoration",
    "write_run_report",
    "write_stats",
    "write_verification",
]
