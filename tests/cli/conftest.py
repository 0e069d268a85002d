import pytest

from maskdcpt.cli.main import main


@pytest.fixture
def command(capsys):
    """Runs ``maskdcpt`` in this process: words to (exit code, standard output, standard error)."""

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        return end.value.code, *capsys.readouterr()

    return run
