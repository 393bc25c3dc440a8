"""While a check calls a student's function, the package's own answer refuses to run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any


class PackageAnswerUsed(Exception):
    """The package's own implementation of what the question asks for was called."""


calls: list[str] = []  # names of the answers called since the guard was set: an `except` of the student hides nothing


def _refuse() -> None:
    calls.append(sys._getframe(1).f_code.co_name)
    raise PackageAnswerUsed("that is the answer; write your own")


def _stand_in(*args, **kwargs):
    refuse = "_refuse"  # see _code
    return refuse()


def _method_stand_in() -> Callable:
    __class__ = None

    def stand_in(*args, **kwargs):
        refuse = "_refuse"
        return refuse(), __class__  # a method that says super() has this free variable, and its stand-in needs it too

    return stand_in


def _code(own: CodeType) -> CodeType:
    """What runs in place of `own`. Its globals are those of the package's function, so `_refuse` itself is put among
    its constants, where code has no need to find it by name."""
    code = (_method_stand_in() if own.co_freevars else _stand_in).__code__
    constants = tuple(_refuse if constant == "_refuse" else constant for constant in code.co_consts)
    return code.replace(co_name=own.co_name, co_consts=constants)


@contextmanager
def guarded(answers: tuple[Any, ...]) -> Iterator[None]:
    """Make functions, methods and properties raise PackageAnswerUsed inside the block, under whatever name they are
    known: their code itself is exchanged, so `from mtp_edu import future_targets`, done long before, does not help."""
    functions = [inspect.unwrap(answer.fget if isinstance(answer, property) else answer) for answer in answers]
    own = [function.__code__ for function in functions]
    calls.clear()
    try:
        for function, code in zip(functions, own):
            function.__code__ = _code(code)
        yield
    finally:
        for function, code in zip(functions, own):
            function.__code__ = code
