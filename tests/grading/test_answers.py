"""Every answer in answers/ is judged as it should be; `python -m mtp_edu.grading table` shows the same as a table."""

import pytest

from mtp_edu.grading import ASSIGNMENTS, answers, find
from mtp_edu.grading.submission import Submission

ALL = {assignment: answers.read(assignment) for assignment in ASSIGNMENTS}
CASES = [
    pytest.param(answer, assignment, id=f"{assignment}-{number}-{answer.name}")
    for assignment, found in ALL.items()
    for number, answer in enumerate(found)
]


@pytest.mark.parametrize(("answer", "assignment"), CASES)
def test_an_answer_is_judged_as_it_should_be(answer, assignment):
    assert not answers.problem(answer, ALL[assignment])


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_there_are_enough_answers(assignment):
    right = [answer for answer in ALL[assignment] if not answer.fails]
    wrong = [answer for answer in ALL[assignment] if answer.fails]
    assert len(right) >= 1 + 5 and len(wrong) >= 8
    assert {answer.questions[0] for answer in wrong} == set(right[0].questions), "a question without a wrong answer"
    solutions = {
        tuple(Submission.of([answer.source]).source_of(find(q).function) for q in answer.questions) for answer in right
    }
    assert len(solutions) == len(right), "two right answers are the same"


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_table_notices_a_check_that_lets_a_wrong_answer_pass_and_one_that_names_another_mistake(assignment):
    right, wrong = (next(a for a in ALL[assignment] if bool(a.fails) is fails) for fails in (False, True))
    passes = answers.Answer("", right.source, wrong.questions, wrong.fails, wrong.words)
    assert answers.problem(passes, []) == "a wrong answer passes"
    assert "names another mistake" in answers.problem(wrong, [answers.Answer("", "", (), "x", "Likely")])
    fails = answers.Answer("", wrong.source, wrong.questions)
    assert "a right answer fails" in answers.problem(fails, [])


def test_a_slip_changes_its_lines_and_no_others():
    right = "def f(x):\n    y = x + 1\n    return y"
    slip = "# -     y = x + 1\n# +     y = x - 1\n# +     y = 2 * y\n# -     return y\n# +\n# +     return x\n"
    assert answers.with_slip(right, slip).strip() == "def f(x):\n    y = x - 1\n    y = 2 * y\n\n    return x"
    for old in ("    y = x + 2", "    y"):
        with pytest.raises(ValueError, match="stands 0 times"):
            answers.with_slip(right, f"# - {old}\n# + z\n")
    with pytest.raises(ValueError, match="stands 2 times"):
        answers.with_slip(f"{right}\n    return y", "# -     return y\n")
