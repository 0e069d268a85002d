"""How good a restored image is: beside its reference, alone, or among others."""

from maskdcpt.metrics.extras import download
from maskdcpt.metrics.fidelity import nrmse, psnr, ssim
from maskdcpt.metrics.piqe import piqe
from maskdcpt.metrics.sets import SET_METRICS, SetMetric, fid, frechet_distance
from maskdcpt.metrics.table import METRICS, Metric, find_metric

__all__ = [
    "METRICS",
    "SET_METRICS",
    "Metric",
    "SetMetric",
    "download",
    "fid",
    "find_metric",
    "frechet_distance",
    "nrmse",
    "piqe",
    "psnr",
    "ssim",
]
