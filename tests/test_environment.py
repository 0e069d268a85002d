"""What a run records of its code: the commit where git keeps the package, and nothing that is not so."""

import shutil
import subprocess
from pathlib import Path

import pytest

import maskdcpt
from maskdcpt.environment import commit, environment


def git(folder, *words):
    names = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(["git", "-C", folder, *names, *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository that holds the package, as far as this matters."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    package = tmp_path / "src" / "maskdcpt"
    package.mkdir(parents=True)
    (package / "environment.py").write_text("")
    (tmp_path / "notes.md").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return package


def test_the_commit_is_told_and_whether_the_package_differs_from_it(checkout):
    head = git(checkout, "rev-parse", "HEAD").strip()
    (checkout.parents[1] / "notes.md").write_text("other than the package")
    assert commit(checkout) == {"commit": head[:12], "changed": False}
    (checkout / "environment.py").write_text("1")
    assert commit(checkout) == {"commit": head[:12], "changed": True}
    git(checkout, "commit", "--quiet", "--all", "--message", "second")
    assert commit(checkout)["commit"] != head[:12]
    (checkout / "new.py").write_text("")
    assert commit(checkout)["changed"]


def test_a_package_installed_below_a_repository_has_no_commit(checkout):
    installed = checkout.parents[1] / "site-packages" / "maskdcpt"
    shutil.copytree(checkout, installed)
    assert commit(installed) is None


def test_no_commit_is_told_without_a_repository_or_git(checkout, monkeypatch):
    outside = checkout.parents[1] / "outside"
    shutil.copytree(checkout, outside)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(outside.parent))
    assert commit(outside) is None
    monkeypatch.setenv("PATH", str(outside))
    assert commit(checkout) is None


def test_the_environment_holds_it():
    assert environment()["code"] == commit(Path(maskdcpt.__file__).parent)
