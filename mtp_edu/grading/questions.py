"""How a question is declared, how its checks run, and what their messages say.

A question is a function that the student writes, with points and a list of checks, each for one mechanism, in order
from shape to value to subtlety. The first that fails ends the run, with an AssertionError that names the likely
mistake and what to look at next. Nothing is written to stderr: nbgrader scores any of it 0.

    Q = Question("A1.1", "future_targets", ..., answers=(mtp_edu.corpus.future_targets,))

    @Q.check("shape")
    def _(fn, cases): ...

`fn` is the student's function under guard; `cases` draws inputs from a seed, the same on every machine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import linecache
import math
import os
import random
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from torch import Tensor

import mtp_edu as mtp
from mtp_edu.grading import guard
from mtp_edu.meter import MemoryLimitExceeded

VISIBLE = "visible"  # the seed of what students see
UNWRITTEN = "your code"  # the message of the error in place of an answer (nbgrader_config.py)
HIDDEN_ROUNDS = 2  # how often the score is tried on hidden cases, on top of the visible ones
SEED = "MTP_EDU_COURSE_SEED"  # environment: what the hidden cases of a course follow from

QUESTIONS: dict[str, Question] = {}


@dataclass
class Question:
    """What the student writes, what it is worth, and how it is checked."""

    id: str  # "A1.1"
    function: str  # the name that the student defines
    points: int
    difficulty: int  # 1 to 5
    minutes: int
    lines: int  # of a plain solution, roughly
    answers: tuple[Any, ...]  # the package's own; they refuse while the student's function runs
    checks: dict[str, Callable[[Callable, Cases], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        QUESTIONS[self.id] = self

    @property
    def heading(self) -> str:
        """The line under a question's title in the notebook; a test compares them."""
        dots = "●" * self.difficulty + "○" * (5 - self.difficulty)
        points, lines = (f"{n} {word}" + "s" * (n != 1) for n, word in ((self.points, "point"), (self.lines, "line")))
        return f"*{points} · difficulty {dots} · about {self.minutes} minutes · about {lines}*"

    def check(self, name: str) -> Callable:
        """Adds a check: a function of (student's function, cases) that raises AssertionError."""

        def add(function: Callable) -> Callable:
            self.checks[name] = function
            return function

        return add

    def run(self, fn: Any, seeds: Iterable[str] = (VISIBLE,)) -> None:
        """All checks on the cases of all seeds, in order. Raises AssertionError at the first that fails."""
        for number, (name, one) in enumerate(self.checks.items(), start=1):
            for seed in seeds:
                where = f"{self.id} {self.function}, check {number} of {len(self.checks)} ({name})"
                try:
                    one(_Student(fn, self), Cases(f"{seed}/{self.id}/{name}"))
                except Exception as problem:
                    if not isinstance(problem, AssertionError):  # the check choked on what it was given
                        problem = f"  What {self.function} returned leads to {type(problem).__name__}: {problem}"
                    hidden = "" if seed == VISIBLE else " on a hidden case"
                    raise AssertionError(f"{where}{hidden}\n{problem}") from None


def check(question: str, fn: Any, hidden: bool = False) -> None:
    """Check the student's function for a question such as "A3.2": prints a line if it is right.

    Raises AssertionError with the likely mistake otherwise, ValueError for an unknown question. `hidden` tries the
    course's hidden cases too (environment variable MTP_EDU_COURSE_SEED), as the scoring does.
    """
    wanted = find(question)
    try:
        wanted.run(fn, [VISIBLE, *(hidden_seeds(os.environ.get(SEED, "")) if hidden else [])])
    except AssertionError as problem:
        raise AssertionError(str(problem)) from None
    print(f"{wanted.id} {wanted.function}: all {len(wanted.checks)} checks passed.")


def find(question: str) -> Question:
    """A question by its id. Raises ValueError for an unknown one."""
    from mtp_edu.grading import load_all

    load_all()
    if question not in QUESTIONS:
        raise ValueError(f"no question {question!r}; there are {', '.join(sorted(QUESTIONS))}")
    return QUESTIONS[question]


def hidden_seeds(course_seed: str) -> list[str]:
    """Seeds of a course's hidden cases; nobody can tell the course's seed from them."""
    names = [f"{course_seed}/{number}" for number in range(HIDDEN_ROUNDS)]
    return [hashlib.sha256(name.encode("utf-8")).hexdigest() for name in names]


class _Student:
    """The student's function: the package's answer is guarded while it runs, warnings and progress bars go nowhere, and
    whatever it raises becomes an AssertionError that says where."""

    def __init__(self, fn: Any, question: Question) -> None:
        self.fn, self.question = fn, question

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(self.fn, *args, **kwargs)

    def call(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """The same for something else of the student's, such as a module that the function returned."""
        name = self.question.function
        if not callable(fn):
            fail(f"{name} is {_kind(fn)}, not a function.", look="the line that starts with `def`")
        given = {f"number {i}": value for i, value in enumerate(args, start=1)} | kwargs
        tensors = [(which, value, value._version) for which, value in given.items() if isinstance(value, Tensor)]
        default = torch.get_default_dtype()
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                stack.enter_context(torch.random.fork_rng(devices=[]))
                stack.enter_context(torch.enable_grad())
                stack.enter_context(guard.guarded(self.question.answers))
                result = fn(*args, **kwargs)
        except MemoryLimitExceeded:
            raise
        except guard.PackageAnswerUsed:
            pass
        except (Exception, SystemExit) as problem:
            if isinstance(problem, NotImplementedError) and str(problem) in ("", UNWRITTEN):  # torch raises such, too
                unwritten = traceback.extract_tb(problem.__traceback__)[-1].name  # it, or what it calls
                fail(f"{unwritten} is not written yet{_line(problem)}.", look="the comment `your code` in its cell")
            said = str(problem).rstrip(".")
            fail(f"{name} raised {type(problem).__name__}: {said}{_line(problem)}.", likely=_usual(problem))
        finally:
            torch.set_default_dtype(default)
        if guard.calls:
            fail(f"{name} calls the package's own {guard.calls[0]}.", "that is the answer; write your own",
                 "what the question allows you to use")  # fmt: skip
        for which, tensor, version in tensors:
            if tensor._version != version:
                fail(f"{name} changes its argument {which} in place.", "the input is not yours to change",
                     "methods that end in _, and assignments to parts of an argument: work on a clone")  # fmt: skip
        return result


def _line(problem: BaseException) -> str:
    """Where in the student's own code it happened: the innermost frame that is in no installed file."""
    frames = [f for f in traceback.extract_tb(problem.__traceback__)[1:] if not os.path.exists(f.filename)]
    if not frames:
        return ""
    text = frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno or 0).strip()
    return f" (line {frames[-1].lineno} of your cell: {text})" if text else f" (line {frames[-1].lineno} of your cell)"


def _usual(problem: BaseException) -> str:
    text, in_the_call = str(problem), problem.__traceback__.tb_next is None  # and not in a line of the student's
    if isinstance(problem, TypeError) and "argument" in text and in_the_call:
        return "the signature was changed; the check calls it as the question says"
    if "second time" in text:
        return "a backward went twice through one graph: detach what the heads share, or go back through it once"
    if "does not require grad" in text:
        return "the gradient was detached: what you go back from has no history"
    return ""


def fail(what: str, likely: str = "", look: str = "") -> NoReturn:
    """Raise the AssertionError of a check: what was seen, the likely mistake, what to look at next."""
    lines = [what, f"Likely: {likely}" if likely else "", f"Look next at: {look}" if look else ""]
    raise AssertionError("\n".join(f"  {line}" for line in lines if line))


# ---- what a result has to be


def _kind(value: Any) -> str:
    if type(value) is Tensor:
        return f"a tensor of shape {tuple(value.shape)} and {value.dtype}"
    return "None" if value is None else f"of type {type(value).__name__}"


def expect_tensor(value: Any, shape: tuple[int, ...], dtype: torch.dtype | None, what: str, letters: str = "") -> None:
    """Demand exactly a torch.Tensor of this shape and dtype (None: any floating point)."""
    if value is None:
        fail(f"{what} is None.", "there is no `return`", "the last line of your function")
    if type(value) is not Tensor:
        fail(f"{what} is {_kind(value)}; it must be a torch.Tensor.", "", "what your function returns")
    if value.shape != shape:
        named = f" ({letters})" if letters else ""
        fail(f"{what} has shape {tuple(value.shape)}; it must be {tuple(shape)}{named}.",
             _shape_mistake(tuple(value.shape), shape), "the shape after each line, with print(x.shape)")  # fmt: skip
    if value.dtype != dtype and not (dtype is None and value.dtype.is_floating_point):
        fail(f"{what} has dtype {value.dtype}; it must be {dtype or 'floating point'}.", "",
             "where a tensor is made without dtype=")  # fmt: skip


def _shape_mistake(got: tuple[int, ...], want: tuple[int, ...]) -> str:
    if sorted(got) == sorted(want):
        return "the dimensions are in another order: stack or permute along another one"
    if len(got) != len(want):
        return "a dimension too few or too many: stack makes a new one, cat does not"
    return ""


def same(got: Any, want: Any, tolerance: float = 0.0) -> bool:
    """Whether two nested lists or tensors hold the same numbers, to `tolerance` relative to the largest one wanted."""
    got, want = _flat(got), _flat(want)
    if len(got) != len(want):
        return False
    bound = tolerance * max((abs(w) for w in want if math.isfinite(w)), default=0.0)
    # Written so that a NaN is never the same as a number, and is the same as a NaN.
    return all(g == w or abs(g - w) <= bound or (g != g and w != w) for g, w in zip(got, want))


def _flat(values: Any) -> list[float]:
    if isinstance(values, Tensor):
        return values.detach().double().flatten().tolist() if values.is_floating_point() else values.flatten().tolist()
    if isinstance(values, (list, tuple)):
        return [number for value in values for number in _flat(value)]
    return [values]


Mistake = tuple[str, Callable[[], Any], str]  # the likely mistake, what it would give, what to look at next


def expect_same(
    got: Any, want: Any, what: str, mistakes: Iterable[Mistake] = (), tolerance: float = 0.0, otherwise: str = ""
) -> None:
    """Demand these values; if they are others, name the mistake that gives exactly those, if one of `mistakes` does."""
    if same(got, want, tolerance):
        return
    for likely, wrong, look in mistakes:
        values = wrong()
        if same(got, values, tolerance) and not same(want, values, tolerance):
            fail(f"{what}: the values are not right. {_first(got, want, tolerance)}", likely, look)
    likely = "a division by zero, or the logarithm of zero" if any(g != g for g in _flat(got)) else ""
    fail(f"{what}: the values are not right. {_first(got, want, tolerance)}", likely, otherwise)


def _first(got: Any, want: Any, tolerance: float) -> str:
    """The first place where they differ."""
    index, g, w = (), _plain(got), _plain(want)
    while isinstance(w, (list, tuple)) and isinstance(g, (list, tuple)) and len(w) == len(g):
        at = next((i for i in range(len(w)) if not _near(g[i], w[i], want, tolerance)), None)
        if at is None:
            return ""
        index, g, w = (*index, at), g[at], w[at]
    place = f"At {list(index)}: " if index else ""
    return f"{place}expected {_show(w)}, got {_show(g)}."


def _plain(values: Any) -> Any:
    """Tensors, also those in lists, as lists of numbers."""
    if isinstance(values, Tensor):
        return values.tolist()
    return [_plain(value) for value in values] if isinstance(values, (list, tuple)) else values


def _near(got: Any, want: Any, everything: Any, tolerance: float) -> bool:
    bound = tolerance * max((abs(number) for number in _flat(everything)), default=0.0)
    got, want = _flat(got), _flat(want)
    return len(got) == len(want) and all(g == w or abs(g - w) <= bound for g, w in zip(got, want))


def _show(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


# ---- inputs


class Cases:
    """Inputs that follow from a seed. Python's own generator: the same numbers on every system and torch."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return self.random.randint(low, high)

    def choice(self, *values: Any) -> Any:
        return self.random.choice(values)

    def tokens(self, *shape: int, vocab_size: int) -> Tensor:
        """Random ids; neighbours differ, so that a shift by one never goes unseen."""
        ids = [self.random.randrange(vocab_size)]
        while len(ids) < math.prod(shape):
            ids.append((ids[-1] + self.random.randint(1, vocab_size - 1)) % vocab_size)
        return torch.tensor(ids[: math.prod(shape)]).reshape(shape)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        numbers = [self.random.gauss(0, 1) for _ in range(math.prod(shape))]
        return torch.tensor(numbers, dtype=dtype).reshape(shape)

    def model(self, **shape: Any) -> mtp.MultiTokenModel:
        """A small random model in float64 whose norms are not 1, so that a forgotten one shows."""
        small = {"vocab_size": 11, "dim": 8, "n_attention_heads": 2, "n_kv_heads": 1, "max_seq_len": 64}
        model = mtp.MultiTokenModel(mtp.ModelConfig(**(small | shape)), seed=self.random.randrange(2**31)).double()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.copy_(1 + 0.3 * self.normal(len(parameter)))
        return model


@contextlib.contextmanager
def counted(module: torch.nn.Module, runs: list) -> Iterator[None]:
    """Inside the block, every forward of `module` adds one entry to `runs`."""
    handle = module.register_forward_hook(lambda *_: runs.append(module))
    try:
        yield
    finally:
        handle.remove()


unlimited = functools.partial(mtp.meter.limit, float("inf"))
