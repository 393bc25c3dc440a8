"""Assignments that grade themselves: `check("A1.1", my_function)` in a notebook; `python -m mtp_edu.grading` for staff.

questions.py   how a question and its checks are declared, and what their messages say
guard.py       while a check runs, the package's own answer refuses
reference.py  reference_decoding.py   what is right, computed a second time by plain loops in float64
a1_targets.py ... a6_probes.py   the questions, one file for each assignment
submission.py  a student's functions, taken over from a notebook as source
score.py       scores them in a fresh interpreter, which can be killed
course.py      release and grade with nbgrader (extra `grade`)
"""

from importlib import import_module

from mtp_edu.grading.questions import QUESTIONS, Question, check, find

# assignment: its file here and its source in notebooks/source/assignments
ASSIGNMENTS = {
    "A1": "a1_targets", "A2": "a2_heads", "A3": "a3_backward", "A4": "a4_decoding", "A5": "a5_sampling",
    "A6": "a6_probes",
}  # fmt: skip

__all__ = ["ASSIGNMENTS", "QUESTIONS", "Question", "check", "find", "load_all"]


def load_all() -> None:
    """Declare the questions of every assignment."""
    for name in ASSIGNMENTS.values():
        import_module(f"mtp_edu.grading.{name}")
