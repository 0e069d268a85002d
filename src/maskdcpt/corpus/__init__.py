"""A corpus: pairs of clean and damaged images, built by a recipe from clean photos and public data sets."""
