"""The ``maskdcpt`` command: one module a command, each with ``run(argv) -> exit code``."""
