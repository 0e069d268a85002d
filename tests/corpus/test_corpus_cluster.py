"""Building on a Ray cluster: a real one, of two processes of this machine."""

import pytest
from corpus_helpers import contents

from maskdcpt.corpus import cluster as module
from maskdcpt.corpus.cluster import cluster
from maskdcpt.errors import UserError


@pytest.mark.slow
def test_a_cluster_makes_the_same_bytes(command, recipe, root, tmp_path):
    pytest.importorskip("ray", reason="needs the extra 'cluster', which `make test` installs")
    words = ("data", "build", "--recipe", recipe(), "--root", root)
    for out, how in (("here", ("--workers", 0)), ("there", ("--workers", 2, "--cluster", "local"))):
        code, stdout, stderr = command(*words, "--out", tmp_path / out, *how)
        assert code == 0, stdout + stderr
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)
    with pytest.raises(UserError, match=r'pip install "maskdcpt\[cluster\]"'), cluster("local", 2):
        pass
