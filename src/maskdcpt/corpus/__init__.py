"""Building data sets: recipes, what there is to make them of, and how they are made and kept."""

from maskdcpt.corpus.build import BuildReport, Draft, build, draft
from maskdcpt.corpus.estimate import Estimate, estimate
from maskdcpt.corpus.make import ShardReport, ShardTask, make_rows, make_shard
from maskdcpt.corpus.plan import Plan, Share, make_plan
from maskdcpt.corpus.recipe import Component, CorpusRecipe, Filters, Folder, read_recipe
from maskdcpt.corpus.remote import CopyReport, copy_to
from maskdcpt.corpus.sources import Source, Sources, open_sources
from maskdcpt.corpus.webdataset import ExportReport, export_webdataset

__all__ = [
    "BuildReport",
    "Component",
    "CopyReport",
    "CorpusRecipe",
    "Draft",
    "Estimate",
    "ExportReport",
    "Filters",
    "Folder",
    "Plan",
    "ShardReport",
    "ShardTask",
    "Share",
    "Source",
    "Sources",
    "build",
    "copy_to",
    "draft",
    "estimate",
    "export_webdataset",
    "make_plan",
    "make_rows",
    "make_shard",
    "open_sources",
    "read_recipe",
]
