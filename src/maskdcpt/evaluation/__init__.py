"""Measuring restoration under fixed protocols."""

from maskdcpt.evaluation.evaluate import INPUT, Row, Summary, evaluate, summarise, types_of
from maskdcpt.evaluation.protocol import PROTOCOLS, Case, cases, find_clean_protocol, find_protocol
from maskdcpt.evaluation.synthetic import levels_protocol
from maskdcpt.evaluation.testset import Protocol, TestSet

__all__ = [
    "INPUT",
    "PROTOCOLS",
    "Case",
    "Protocol",
    "Row",
    "Summary",
    "TestSet",
    "cases",
    "evaluate",
    "find_clean_protocol",
    "find_protocol",
    "levels_protocol",
    "summarise",
    "types_of",
]
