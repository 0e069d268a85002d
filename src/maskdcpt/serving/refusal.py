"""Saying no over HTTP."""

from __future__ import annotations

CLIENT_GONE = 499
"""Status in the metrics of requests whose client did not wait; nobody receives it."""
HANG_UP = {"Connection": "close"}
"""Header of answers to requests that have not been read to their end, which may never come."""


class Refusal(Exception):  # noqa: N818  the server is well: it is an answer
    """A request is answered with an error status and one line.

    Args:
        status: The HTTP status.
        message: What is wrong and what would be right, for the client.
        retry_after: In how many seconds trying again is worth while, where it is.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.unread = False
        """Whether the client may still be sending: then the connection ends with the answer."""

    @property
    def headers(self) -> dict[str, str]:
        """What the answer's headers say of it."""
        retry = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return retry | (HANG_UP if self.unread else {})

    @property
    def body(self) -> dict[str, str]:
        """What the answer's JSON says."""
        return {"error": self.message}
