"""What work costs: time, memory, arithmetic."""

from maskdcpt.profiling.arithmetic import count_flops, count_parameters
from maskdcpt.profiling.memory import peak_memory
from maskdcpt.profiling.timing import race

__all__ = ["count_flops", "count_parameters", "peak_memory", "race"]
