"""Measuring restoration under fixed protocols."""

from maskdcpt.evaluation.evaluate import INPUT, Row, Summary, evaluate, summarise, types_of
from maskdcpt.evaluation.protocol import PROTOCOLS, Case, Protocol, cases, find_protocol

__all__ = [
    "INPUT",
    "PROTOCOLS",
    "Case",
    "Protocol",
    "Row",
    "Summary",
    "cases",
    "evaluate",
    "find_protocol",
    "summarise",
    "types_of",
]
