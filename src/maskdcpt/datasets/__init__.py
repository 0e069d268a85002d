"""Public data sets: what each looks like on a disk, what belongs together in it, and on what terms it may be used."""

from maskdcpt.datasets.entry import DataSet, Files, Licence, Member

__all__ = ["DataSet", "Files", "Licence", "Member"]
