"""Assignments that grade themselves: `check("A1.1", my_function)` in a notebook; `python -m mtp_edu.grading` for staff.

questions.py   how a question and its checks are declared, and what their messages say
guard.py       while a check runs, the package's own answer refuses
reference.py, reference_*.py   what is right, computed a second time by plain loops in float64
a1_targets.py ... a6_ablation.py   the questions, one or two files for each assignment (a3_step.py: what A3's share)
submission.py  a student's functions, taken over from a notebook as source
score.py       scores them in a fresh interpreter, which can be killed
course.py      release and grade with nbgrader (extra `grade`)
"""

from importlib import import_module

from mtp_edu.grading.questions import QUESTIONS, Question, check, find

ASSIGNMENTS = {  # and what their notebooks are about: A1_targets, ...
    "A1": "targets", "A2": "heads", "A3": "backward", "A4": "decoding", "A5": "sampling", "A6": "probes",
}  # fmt: skip
FILES = (
    "a1_targets", "a1_losses", "a2_heads", "a2_kinds", "a3_backward", "a4_step", "a4_generate", "a5_rules", "a5_verify",
    "a6_patterns", "a6_ablation",
)  # fmt: skip

__all__ = ["ASSIGNMENTS", "QUESTIONS", "Question", "check", "find", "load_all"]


def load_all() -> None:
    """Declare the questions of every assignment."""
    for name in FILES:
        import_module(f"mtp_edu.grading.{name}")
