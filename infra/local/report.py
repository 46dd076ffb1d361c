"""What the person at the terminal sees: one line per step with the seconds gone by, and plain words when something is
missing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager


class CannotContinueError(Exception):
    """Something that a person has to put right; the text says what and how."""


class Report:
    """Progress lines, safe to write from several threads."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        with self._lock:
            sys.stdout.write(f"[{time.monotonic() - self.began:6.1f} s] {text}\n")
            sys.stdout.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a piece of work that takes seconds, and how long it took."""
        began = time.monotonic()
        self.line(f"{text} ...")
        yield
        self.line(f"{text}: done in {time.monotonic() - began:.1f} s")


class Step:
    """A piece of work and the names of those that must be finished before it."""

    def __init__(self, work: Callable[[], None], *after: str) -> None:
        self.work = work
        self.after = frozenset(after)


def run_side_by_side(steps: Mapping[str, Step]) -> None:
    """Run all steps, each as soon as what it waits for is done; raise the first failure once the running ones end."""
    waiting, done = dict(steps), set[str]()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        while waiting or running:
            for name in [n for n, step in waiting.items() if step.after <= done]:
                running[pool.submit(waiting.pop(name).work)] = name
            if not running:
                raise AssertionError(f"steps wait for each other: {sorted(waiting)}")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                if failure := future.exception():
                    wait(running)
                    raise failure
                done.add(name)


def until(holds: Callable[[], bool], *, seconds: float, otherwise: Callable[[], str], every: float = 0.1) -> None:
    """Wait for a claim to hold; after `seconds` stop with the words of `otherwise`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise CannotContinueError(otherwise())
        time.sleep(every)
