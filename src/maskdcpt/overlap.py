"""Reading, working and writing, at the same time or in turn, each one thing after another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Generic, TypeVar

JobT = TypeVar("JobT")
ReadT = TypeVar("ReadT")
WorkedT = TypeVar("WorkedT")
ResultT = TypeVar("ResultT")
T = TypeVar("T")


def overlap(
    jobs: Iterable[JobT],
    read: Callable[[JobT], Iterator[ReadT]],
    work: Callable[[JobT, Iterator[ReadT]], Iterator[WorkedT]],
    write: Callable[[JobT, Iterator[WorkedT]], ResultT],
    ending: threading.Event | None = None,
) -> Generator[tuple[JobT, ResultT | Exception]]:
    """For each job, in order, what ``write(job, work(job, read(job)))`` returns or raises.

    The three run in a thread each, so that the next job is read and the last one written while this one is worked on.
    Each may stop early and leave the rest of what it is given. At most one job waits before each of the threads, and
    of a job at most one item, so that memory stays bounded.

    Ending this iterator early, by an exception as well, ends the threads: what they iterate over raises in them, and
    what they are in the middle of is waited for.

    Args:
        jobs: What to do.
        read: Makes the items of a job.
        work: Turns them into others.
        write: Takes these, and returns the result.
        ending: Is set as soon as the threads are to end. What takes long within one item may look at it, and raise
            ``StoppedError``.
    """
    line = _Line(ending or threading.Event())
    to_work: Channel[tuple[JobT, Channel[ReadT]]] = Channel(line)
    to_write: Channel[tuple[JobT, Channel[WorkedT]]] = Channel(line)
    done: Channel[tuple[JobT, ResultT | Exception]] = Channel(line)

    def reading() -> None:
        for job in jobs:
            items: Channel[ReadT] = Channel(line)
            to_work.put((job, items))
            _pour(lambda job=job: read(job), items)  # type: ignore[misc]
        to_work.end()

    def working() -> None:
        for job, items in to_work:
            worked: Channel[WorkedT] = Channel(line)
            to_write.put((job, worked))
            with closing(items):
                _pour(lambda job=job, items=items: work(job, iter(items)), worked)  # type: ignore[misc]
        to_write.end()

    def writing() -> None:
        for job, worked in to_write:
            result: ResultT | Exception
            with closing(worked):
                try:
                    result = write(job, iter(worked))
                except Exception as error:  # it is the result, which the caller gets
                    result = error
            done.put((job, result))
        done.end()

    yield from _results(line, done, reading, working, writing)


def in_turn(
    jobs: Iterable[JobT],
    read: Callable[[JobT], Iterator[ReadT]],
    work: Callable[[JobT, Iterator[ReadT]], Iterator[WorkedT]],
    write: Callable[[JobT, Iterator[WorkedT]], ResultT],
    ending: threading.Event | None = None,
) -> Generator[tuple[JobT, ResultT | Exception]]:
    """What ``overlap`` gives, from a single thread beside the caller's, one job after another.

    That is faster where all three would compete for the same processors. Ending it early is as for ``overlap``.
    """
    line = _Line(ending or threading.Event())
    done: Channel[tuple[JobT, ResultT | Exception]] = Channel(line)

    def all_three() -> None:
        for job in jobs:
            result: ResultT | Exception
            try:
                with closing(line.follow(read(job))) as items, closing(line.follow(work(job, items))) as worked:
                    result = write(job, worked)
            except Exception as error:  # it is the result, which the caller gets
                result = error
            done.put((job, result))
        done.end()

    yield from _results(line, done, all_three)


def _results(line: _Line, done: Channel[T], *targets: Callable[[], None]) -> Generator[T]:
    """Runs functions in a thread each, and gives what comes out of a channel until it ends."""
    threads = [threading.Thread(target=line.run, args=(each,), daemon=True) for each in targets]
    for thread in threads:
        thread.start()
    try:
        yield from done
    except StoppedError:
        if line.error is None:
            raise
        raise line.error from None
    finally:
        line.stop()
        for thread in threads:
            thread.join()


class StoppedError(BaseException):
    """Nobody waits for the rest any more. It is no ``Exception``, so that nobody takes it for an error of a job.

    What a stage is in the middle of may raise it as well, when the threads are to end.
    """


class _Line:
    """What the channels between some threads share: a lock, and whether all is to end.

    Args:
        ending: Tells others of that.
    """

    def __init__(self, ending: threading.Event) -> None:
        self.changed = threading.Condition()
        self.error: BaseException | None = None
        self._ending = ending

    @property
    def stopped(self) -> bool:
        """Whether all is to end."""
        return self._ending.is_set()

    def stop(self, error: BaseException | None = None) -> None:
        """Ends all channels."""
        with self.changed:
            self._ending.set()
            self.error = self.error or error
            self.changed.notify_all()

    def follow(self, items: Iterator[T]) -> Generator[T]:
        """The items, until all is to end.

        Raises:
            StoppedError: Instead of the next item, if all is to end.
        """
        for item in items:
            if self.stopped:
                raise StoppedError
            yield item
            del item

    def run(self, target: Callable[[], None]) -> None:
        """Runs what a thread does; an error of it ends all."""
        try:
            target()
        except StoppedError:
            return
        except BaseException as error:  # raised again by the thread that waits for results
            self.stop(error)


class Channel(Generic[T]):
    """Hands items from one thread to another, with room for one.

    Args:
        line: What it shares with the others.
    """

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._items: deque[T] = deque()
        self._ended = self._closed = False
        self._error: Exception | None = None

    def put(self, item: T) -> None:
        """Adds an item when there is room.

        Raises:
            StoppedError: If nobody will take it.
        """
        with self._line.changed:
            self._line.changed.wait_for(lambda: self._line.stopped or self._closed or not self._items)
            if self._line.stopped or self._closed:
                raise StoppedError
            self._items.append(item)
            self._line.changed.notify_all()

    def end(self, error: Exception | None = None) -> None:
        """Says that nothing more comes, or that an error comes instead."""
        with self._line.changed:
            self._ended, self._error = True, error
            self._line.changed.notify_all()

    def close(self) -> None:
        """Says that nothing more is taken."""
        with self._line.changed:
            self._closed = True
            self._items.clear()
            self._line.changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._line.changed:
                self._line.changed.wait_for(lambda: self._line.stopped or self._items or self._ended)
                if self._line.stopped:
                    raise StoppedError
                if not self._items:
                    break
                item = self._items.popleft()
                self._line.changed.notify_all()
            yield item
            del item
        if self._error is not None:
            raise self._error


def _pour(make: Callable[[], Iterator[T]], channel: Channel[T]) -> None:
    """Puts all that an iterator gives into a channel, and its error."""
    try:
        for item in make():
            channel.put(item)
            del item
    except StoppedError:
        if not channel.closed:
            raise
    except Exception as error:  # raised again where the items are taken
        channel.end(error)
    else:
        channel.end()
