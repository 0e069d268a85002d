"""The simple classifiers that show how much of the damage can be told from features."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from maskdcpt.evaluation.features import Indices, Numbers

ITERATIONS = 10_000
"""Steps after which fitting a linear classifier gives up, with a warning; it takes hundreds."""

PERPLEXITY = 30.0
"""About how many neighbours of a point t-SNE keeps together."""


def nearest_by_distance(squared: Numbers, labels: Indices, train: Indices, test: Indices, neighbours: int) -> Indices:
    """Names test samples by a vote of their nearest training samples; of equal votes the first class wins.

    Args:
        squared: Squared distances between all samples (N, N).
        labels: Classes (N,).
        train: Positions of the training samples.
        test: Positions of the test samples.
        neighbours: How many vote.

    Returns:
        The classes named, one a test sample.
    """
    model = KNeighborsClassifier(neighbours, metric="precomputed")
    model.fit(squared[np.ix_(train, train)], labels[train])
    named: Indices = model.predict(squared[np.ix_(test, train)])
    return named


def nearest_standardised(features: Numbers, labels: Indices, train: Indices, test: Indices, neighbours: int) -> Indices:
    """As ``nearest_by_distance``, with features (N, D) of which each has mean 0 and deviation 1 in training."""
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(neighbours, algorithm="brute"))
    named: Indices = model.fit(features[train], labels[train]).predict(features[test])
    return named


def linear_standardised(features: Numbers, labels: Indices, train: Indices, test: Indices) -> Indices:
    """Names test samples by multinomial logistic regression (L2, C = 1) on features standardised as above."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    named: Indices = model.fit(features[train], labels[train]).predict(features[test])
    return named


def standardise(features: Numbers) -> Numbers:
    """Features (N, D) of which each has mean 0 and deviation 1, or 0 throughout where it never changes."""
    scaled: Numbers = StandardScaler().fit_transform(features)
    return scaled


def embed(squared: Numbers) -> Numbers:
    """Lays samples out in a plane so that neighbours stay near (t-SNE), the same way every time.

    Args:
        squared: Squared distances (N, N).

    Returns:
        Positions (N, 2), without a unit.
    """
    perplexity = min(PERPLEXITY, (len(squared) - 1) / 3)
    plane = TSNE(perplexity=perplexity, metric="precomputed", init="random", random_state=0)
    positions: Numbers = plane.fit_transform(np.sqrt(squared))
    return positions
