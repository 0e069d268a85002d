"""What is not needed to restore is not loaded, for it would make each command slower to begin."""

import subprocess
import sys

SCRIPT = """
import sys, torch
from maskdcpt.inference import Restorer
Restorer.from_pretrained(sys.argv[1], "cpu").restore_pixels(torch.rand(3, 64, 64))
print(*(name for name in ("torch._dynamo", "torch._inductor", "onnx", "openvino", "gradio") if name in sys.modules))
"""


def test_restoring_loads_no_compiler_and_no_other_runtime(weights):
    done = subprocess.run([sys.executable, "-c", SCRIPT, weights], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
