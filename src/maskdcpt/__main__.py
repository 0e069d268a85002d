"""``python -m maskdcpt`` is the same as the ``maskdcpt`` command."""

from maskdcpt.cli.main import main

if __name__ == "__main__":
    main()
