"""Ctrl-C that waits for the end of a step: train.py asks after each one whether it has come.

One handler serves all trainings that are under way, since their loops may overlap (`zip(train(...), train(...))`):
it asks all of them, and it goes with the last.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

_under_way: list[threading.Event] = []  # one for each training
_before = signal.SIG_DFL  # the handler that ours stands in for


@contextlib.contextmanager
def deferred() -> Iterator[threading.Event]:
    """Ctrl-C sets the event instead of stopping in the middle of a step; the second one stops as usual.

    Only the main thread can do this; elsewhere an interrupt behaves as Python has it.
    """
    global _before
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    if signal.getsignal(signal.SIGINT) is not _ask:
        _before = signal.signal(signal.SIGINT, _ask)
    _under_way.append(asked)
    try:
        yield asked
    finally:
        _under_way.remove(asked)
        if not _under_way:
            _give_back()


def _ask(number, frame) -> None:
    for asked in _under_way:
        asked.set()
    _give_back()


def _give_back() -> None:
    if signal.getsignal(signal.SIGINT) is _ask:  # and not what someone else has put in its place
        signal.signal(signal.SIGINT, _before)
