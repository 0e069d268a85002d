"""The whole idea in one command: pre-train, fine-tune, compare with training from scratch, restore, report."""

from maskdcpt.demo.report import write_demo_report
from maskdcpt.demo.run import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo", "write_demo_report"]
