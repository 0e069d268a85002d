"""The one exception that people, rather than programmers, are meant to read."""


class UserError(Exception):
    """Something outside the program is wrong and one line says what, where, and what would be right.

    The command line prints the message and exits with code 2; library callers catch it like any exception.
    """
