"""Scoring in a fresh interpreter: what goes wrong in a submission costs that question, with a reason, and no other."""

import json
import os
import signal
import subprocess
import sys

import pytest
from grading.accidents import ASKS, EATS, ENDS, GOOD, KILLS, LOOKS_UP, LOOPS, OVERWRITES, PRETENDS

from mtp_edu.grading import course, score


def notebook(path, *cells):
    cells = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None} for cell in cells
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def scored(path, **limits):
    results = score.score(path, course.questions_of("A1"), "a test", **({"seconds": 60} | limits))
    assert [result.question for result in results] == course.questions_of("A1")
    return {result.question: (result.points, result.message) for result in results}


def test_each_accident_costs_its_own_question_and_says_why(tmp_path):
    """One submission: right, pretends, overwrites the checks, ends its process, eats memory."""
    path = notebook(tmp_path / "A1.ipynb", GOOD, "import os\nos._exit(1)", PRETENDS, OVERWRITES, ENDS, EATS)
    results = scored(path)
    assert results["A1.1"] == (3, "all 4 checks passed")
    assert results["A1.2"][0] == 0 and "of type Equal" in results["A1.2"][1]
    assert results["A1.3"][0] == 0 and "raised ModuleNotFoundError" in results["A1.3"][1]
    assert results["A1.4"][0] == 0 and results["A1.4"][1].startswith("no record: the interpreter ended (exit code 0)")
    assert results["A1.5"][0] == 0 and "raised RuntimeError" in results["A1.5"][1] and "memory" in results["A1.5"][1]


def test_the_answers_of_the_checks_are_not_at_hand_and_calling_the_checks_does_no_harm(tmp_path):
    results = scored(notebook(tmp_path / "A1.ipynb", "import torch", ASKS, LOOKS_UP))
    assert results["A1.1"] == (3, "all 4 checks passed")
    assert results["A1.3"][0] == 0 and "cannot import name 'reference'" in results["A1.3"][1]


def test_loops_are_ended_also_in_a_process_of_their_own_and_kills_are_named(tmp_path):
    raises = "CONSTANT = 1 / 0\ndef masked_targets(*a, **k):\n    return CONSTANT"
    results = scored(notebook(tmp_path / "A1.ipynb", LOOPS, KILLS, raises), seconds=3)
    assert results["A1.1"] == (0, "no record: it did not end within 3 seconds")
    assert "signal SIGKILL" in results["A1.2"][1]
    assert "raised ZeroDivisionError" in results["A1.3"][1]
    assert results["A1.4"] == (0, "no function loss_per_head in the notebook")
    assert not any(points for points, _ in results.values())


def test_a_file_that_is_no_notebook_scores_0_with_the_reason(tmp_path):
    path = tmp_path / "A1.ipynb"
    path.write_text("{", encoding="utf-8")
    assert all(
        points == 0 and "no record: A1.ipynb is no notebook" in message for points, message in scored(path).values()
    )


POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


@POSIX
def test_a_loop_ends_also_when_the_grader_was_killed():
    job = {"secret": "s", "course_seed": "", "gigabytes": 3.0, "cpu_seconds": 5}
    job["sources"] = {"A1.1": "def future_targets(tokens, n):\n    while True:\n        pass"}
    command = [sys.executable, "-m", "mtp_edu.grading.score"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, cwd=course.ROOT, timeout=120)
    assert done.returncode in (-signal.SIGKILL, -signal.SIGXCPU) and '"question"' not in done.stdout


@POSIX
def test_the_student_s_code_sees_nothing_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MTP_EDU_COURSE_SEED", "secret")
    asks = "import os\ndef future_targets(tokens, n):\n    raise ValueError(sorted(os.environ))"
    points, message = scored(notebook(tmp_path / "A1.ipynb", asks))["A1.1"]
    assert points == 0 and "'HOME'" in message and "SEED" not in message
