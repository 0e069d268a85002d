"""The graph that is exported computes what the network does, at any size."""

import pytest
import torch
from export_helpers import TINY, make_classifier, make_network
from hypothesis import given, settings
from hypothesis import strategies as st

from maskdcpt.backbones.base import pad_to
from maskdcpt.export.graph import Graph, reflected, trace
from maskdcpt.pretraining import classifier_features

SIDES = st.integers(1, 40)


@given(length=st.integers(1, 70), stride=st.integers(1, 16))
def test_looking_up_positions_is_padding(length, stride):
    x = torch.arange(float(length)).reshape(1, 1, 1, length)
    padded = pad_to(x, (1, -(-length // stride) * stride))
    assert torch.equal(x[..., reflected(length, stride)], padded)


@pytest.mark.parametrize("family", TINY)
@settings(max_examples=15, deadline=None)
@given(images=st.integers(1, 3), height=SIDES, width=SIDES)
def test_it_is_the_network_bit_for_bit(family, images, height, width):
    network = make_network(family)
    classifier = make_classifier(network)
    x = torch.rand(images, 3, height, width, generator=torch.Generator().manual_seed(height * 41 + width))
    with torch.no_grad():
        restored, logits = Graph(network, classifier)(x)
        assert torch.equal(restored, network(x))
        assert torch.equal(logits, classifier(network.forward_features(x).stages))
        (alone,) = Graph(network, None)(x)
        assert torch.equal(alone, restored)


@pytest.mark.parametrize("which", ["last", "all"])
def test_the_classifier_reads_the_features_that_it_was_trained_on(which):
    network = make_network("nafnet")
    classifier = make_classifier(network, which)
    x = torch.rand(2, 3, 9, 14, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = network.forward_features(x, early=True)
        expected = classifier(classifier_features(features, network, which))
        assert torch.equal(Graph(network, classifier)(x)[1], expected)


def test_the_record_leaves_batch_and_sides_open():
    network = make_network("nafnet")
    module = trace(network, None).module()
    with torch.no_grad():
        for size in [(1, 3, 5, 5), (1, 3, 64, 7), (5, 3, 8, 8)]:
            x = torch.rand(size, generator=torch.Generator().manual_seed(0))
            assert torch.equal(module(x)[0], network(x))
