"""The whole idea in one command: restore, pre-train, fine-tune, compare with training from scratch, report."""

from maskdcpt.demo.report import write_demo_report
from maskdcpt.demo.run import DemoResult, run_demo
from maskdcpt.demo.samples import restore_samples, write_samples_page

__all__ = ["DemoResult", "restore_samples", "run_demo", "write_demo_report", "write_samples_page"]
