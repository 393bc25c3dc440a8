"""Tests the checks with answers from tests/grading/answers.

Right ones must pass. Wrong ones must fail the check meant for them, with a message that names that mistake and not
another. A file is Python in cells: `# %% right: STYLE` holds all functions of the assignment,
`# %% wrong: QUESTION | CHECK | WORDS` holds one that must fail in CHECK with a message that says WORDS. A wrong one may
be a right one with a slip: `# as STYLE, but`, and then the lines that differ, `# - old` and `# + new`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mtp_edu.grading import course, find
from mtp_edu.grading.questions import VISIBLE, hidden_seeds
from mtp_edu.grading.score import run_source
from mtp_edu.grading.submission import Submission

ANSWERS = course.ROOT / "tests" / "grading" / "answers"
STAFF = "the staff's solution"
SLIP = re.compile(r"^# as (.*), but$", re.MULTILINE)
EDIT = re.compile(r"^# ([-+])(?: (.*))?$", re.MULTILINE)
CELL = re.compile(r"^# %% (right|wrong): (.*)$", re.MULTILINE)
IMPORTS = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"  # as in every released notebook


@dataclass(frozen=True)
class Answer:
    """A right answer to all questions of an assignment, or a wrong one to one of them."""

    name: str
    source: str
    questions: tuple[str, ...]
    fails: str = ""  # the check that a wrong one must fail
    words: str = ""  # what the message must say


def read(assignment: str, folder: Path = ANSWERS) -> list[Answer]:
    """All answers to an assignment, the staff's own solution first."""
    solution = (course.SOURCES / f"{course.name_of(assignment)}.py").read_text(encoding="utf-8")
    questions = tuple(course.questions_of(assignment))
    found = [Answer(STAFF, solution, questions)]
    parts = CELL.split((folder / f"{assignment}.py").read_text(encoding="utf-8"))[1:]
    for kind, title, source in zip(parts[::3], parts[1::3], parts[2::3]):
        if kind == "right":
            found.append(Answer(title, source, questions))
        else:
            question, check, words = title.split(" | ")
            if slip := SLIP.search(source):
                right = next(answer.source for answer in found if answer.name == slip[1])
                source = with_slip(Submission.of([right]).source_of(find(question).function), source)
            found.append(Answer(words, IMPORTS + source, (question,), check, words))
    return found


def with_slip(right: str, slip: str) -> str:
    """A right function with a slip's new lines in place of old ones. Raises ValueError for old lines that it does not
    hold exactly once."""
    hunks: list[tuple[list[str], list[str]]] = []  # (old lines, new lines)
    before = "+"
    for sign, line in EDIT.findall(slip):
        if (before, sign) == ("+", "-"):
            hunks.append(([], []))
        hunks[-1][sign == "+"].append(line)
        before = sign
    lines = right.splitlines()
    for old, new in hunks:
        found = [i for i in range(len(lines)) if lines[i : i + len(old)] == old]
        if len(found) != 1:
            raise ValueError(f"stands {len(found)} times in the right answer, and not once: {old}")
        lines[found[0] : found[0] + len(old)] = new
    return "\n".join(lines) + "\n"


def messages(answer: Answer, seeds: list[str]) -> Iterator[tuple[str, str]]:
    """(question, "" or why it failed), as the scoring does it."""
    submission = Submission.of([answer.source])
    for question in answer.questions:
        source = submission.source_of(find(question).function)
        yield question, run_source(source, find(question), seeds) if source else "no such function"


def problem(answer: Answer, others: list[Answer]) -> str:
    """What is wrong with the checks, as far as this answer shows it; "" if nothing."""
    if not answer.fails:
        seeds = [VISIBLE, *hidden_seeds("a test")]
        failed = [message for _, message in messages(answer, seeds) if message]
        return f"a right answer fails: {failed[0]}" if failed else ""
    ((_, message),) = messages(answer, [VISIBLE])
    if not message:
        return "a wrong answer passes"
    if f"({answer.fails})" not in message.splitlines()[0]:
        return f"it fails another check than {answer.fails!r}: {message}"
    if answer.words not in message:
        return f"the message does not say {answer.words!r}: {message}"
    named = [
        other.words for other in others if other.words and other.words not in answer.words and other.words in message
    ]
    return f"the message names another mistake too, {named[0]!r}: {message}" if named else ""


def print_table(assignments: list[str]) -> int:
    """Each answer against the checks, one line each; 1 if any is not judged as it should be."""
    bad = 0
    for assignment in assignments:
        answers = read(assignment)
        for answer in answers:
            found = problem(answer, answers)
            bad += bool(found)
            meant = (
                f"{answer.questions[0]} wrong, fails ({answer.fails}): " if answer.fails else f"{assignment}   right: "
            )
            print(f"{'NO ' if found else 'yes'} {meant}{answer.name}{': ' + found if found else ''}", flush=True)
    print(f"{bad} answers are not judged as they should be" if bad else "every answer is judged as it should be")
    return int(bad > 0)
