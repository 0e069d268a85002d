"""Public data sets: what each looks like on a disk, what belongs together in it, and on what terms it may be used."""

from maskdcpt.datasets.entry import DataSet, Files, Licence, Member, Survey
from maskdcpt.datasets.registry import DATASETS, find_dataset, find_datasets

__all__ = ["DATASETS", "DataSet", "Files", "Licence", "Member", "Survey", "find_dataset", "find_datasets"]
