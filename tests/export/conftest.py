"""The files that tiny networks are exported to."""

import pytest
from export_helpers import make_classifier, make_network

from maskdcpt.export import export_model
from maskdcpt.pretraining import save_model


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Gives, for a family, the folder of a tiny network and the ONNX file that it was exported to, made once."""
    pytest.importorskip("onnxruntime", reason="needs the extra 'export', which `make test` installs")
    made = {}

    def make(family):
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            network = make_network(family)
            # The classifier is the same for all, and takes as long to convert as a network.
            save_model(folder, network, make_classifier(network) if family == "nafnet" else None)
            made[family] = folder, export_model(folder, folder / "net.onnx")
        return made[family]

    return make
