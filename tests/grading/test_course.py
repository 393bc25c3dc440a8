"""Release and grade, with nbgrader: what students get, and a small class from submissions to grades."""

import csv
import json
import os
import re
import zipfile

import nbformat
import pytest
from grading import accidents
from nbclient import NotebookClient
from nbgrader.api import Gradebook

from mtp_edu.grading import ASSIGNMENTS, answers, course, score
from mtp_edu.grading.submission import Submission


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with everything that `release` makes."""
    folder = tmp_path_factory.mktemp("course")
    course.release(folder, folder / "students", folder / "dist" / "assignments.zip")
    return folder


def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_committed_notebooks_are_what_release_makes(made, assignment):
    name = f"{course.name_of(assignment)}.ipynb"
    committed = course.RELEASED / name
    assert committed.read_bytes() == (made / "students" / name).read_bytes(), "run `make release` and commit"


def code_lines(source):
    return {line.strip() for line in source.splitlines() if len(line.strip()) > 20 and not line.strip().startswith("#")}


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_released_version_holds_no_solution_line_no_hidden_case_and_nothing_of_the_staff_s(made, assignment):
    name = f"{course.name_of(assignment)}.ipynb"
    text = (made / "students" / name).read_text(encoding="utf-8")
    released, whole = notebook(made / "students" / name), notebook(made / "staff" / name)
    solutions = set()
    for cell in whole.cells:
        for part in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.DOTALL):
            solutions |= code_lines(part)
    given = set().union(*(code_lines(cell.source) for cell in released.cells if cell.cell_type == "code"))
    assert len(solutions) > 10 and not solutions & given
    assert not any(word in text for word in ("SOLUTION", "HIDDEN", "hidden=True", "Worked solution", "Usual mistakes"))
    assert all(not cell.get("outputs") for cell in released.cells)
    assert sum('raise NotImplementedError("your code")' in c.source for c in released.cells) == len(
        course.questions_of(assignment)
    )
    notes = [cell for cell in whole.cells if "Worked solution" in cell.source]
    assert len(notes) == len(course.questions_of(assignment))


def test_the_zip_holds_the_students_notebooks_alone(made):
    with zipfile.ZipFile(made / "dist" / "assignments.zip") as packed:
        assert packed.namelist() == [f"assignments/{course.name_of(assignment)}.ipynb" for assignment in ASSIGNMENTS]
        for name in packed.namelist():
            assert packed.read(name) == (made / "students" / name.partition("/")[2]).read_bytes()


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_staff_s_solution_scores_full_marks_and_the_released_version_0(made, assignment):
    name, questions = f"{course.name_of(assignment)}.ipynb", course.questions_of(assignment)
    results = score.score(made / "staff" / name, questions, "a test")
    assert [(one.question, one.points) for one in results] == [(one.question, one.most) for one in results], results
    results = score.score(made / "students" / name, questions, "a test")
    assert [one.points for one in results] == [0] * len(questions)
    assert all("is not written yet" in one.message for one in results)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_staff_s_notebook_runs_from_top_to_bottom_with_nothing_on_stderr(made, assignment):
    whole = notebook(made / "staff" / f"{course.name_of(assignment)}.ipynb")
    NotebookClient(
        whole, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(course.ROOT)}}
    ).execute()
    code = [cell for cell in whole.cells if cell.cell_type == "code"]
    checks = [cell for cell in code if cell.metadata.get("nbgrader", {}).get("grade")]
    for cell in whole.cells:
        assert not [out for out in cell.get("outputs", []) if out.get("name") == "stderr"]
    for cell in checks:
        assert "checks passed" in cell.outputs[0].text


def hand_in(folder, *cells):
    """A submission to A1 of code cells without metadata, as files from Colab may be."""
    cells = [cell if isinstance(cell, dict) else {"cell_type": "code", "source": cell} for cell in cells]
    cells = [{"metadata": {}, "outputs": []} | cell for cell in cells]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 0})
    folder.mkdir(parents=True)
    (folder / "Copy of A1_targets.ipynb").write_text(text, encoding="utf-8")


def test_a_class_of_ten_is_graded_whatever_is_in_it(made, tmp_path):
    name, submitted = "A1_targets.ipynb", tmp_path / "submitted"
    right = notebook(made / "staff" / name)
    for student in ("right", "untouched", "broken", "nothing", "half"):
        (submitted / student / "week 1").mkdir(parents=True)
    nbformat.write(right, submitted / "right" / name)
    nbformat.write(notebook(made / "students" / name), submitted / "untouched" / "week 1" / name)
    (submitted / "broken" / name).write_text("{", encoding="utf-8")
    (submitted / "nothing" / "notes.txt").write_text("ill", encoding="utf-8")
    bare = [{"cell_type": cell.cell_type, "source": cell.source} for cell in right.cells]
    hand_in(submitted / "colab" / "week 1", *bare, "import os\nos._exit(1)")
    hand_in(submitted / "own style" / "first try", accidents.ENDS)
    hand_in(submitted / "own style" / "second try", answers.read("A1")[1].source)
    hand_in(submitted / "borrows", accidents.BORROWS)
    hand_in(submitted / "pretends", accidents.PRETENDS, accidents.OVERWRITES, "print('20 of 20')")
    hand_in(submitted / "crashes", accidents.KILLS, accidents.ENDS, accidents.EATS)
    for cell in right.cells:
        if "def loss_per_head" in cell.source or "def n_token_loss" in cell.source:
            cell.source = cell.source.replace(
                "for k in range(", "while True:\n        print('20 of 20')\n    for k in range("
            )
    nbformat.write(right, submitted / "half" / name)

    course.grade(submitted, made, "a test", seconds=20)

    rows = {row["student_id"]: row for row in read_csv(made / "grades.csv") if row["assignment"] == "A1_targets"}
    scores = {student: float(row["score"]) for student, row in rows.items()}
    assert scores == {
        "right": 20, "own style": 20, "colab": 20, "half": 10,
        "untouched": 0, "broken": 0, "nothing": 0, "borrows": 0, "pretends": 0, "crashes": 0,
    }  # fmt: skip
    assert all(float(row["max_score"]) == 20 for row in rows.values())
    reasons = {(row["student"], row["question"]): row["message"] for row in read_csv(made / "questions.csv")}
    assert len(reasons) == 10 * len(course.questions_of("A1"))
    for student, question, words in (
        ("broken", "A1.1", "is no notebook"),
        ("nothing", "A1.5", "no notebook was handed in"),
        ("half", "A1.4", "did not end within 20 seconds"),
        ("borrows", "A1.1", "that is the answer; write your own"),
        ("borrows", "A1.3", "that is the answer; write your own"),
        ("pretends", "A1.2", "of type Equal"),
        ("pretends", "A1.4", "no function loss_per_head"),
        ("crashes", "A1.2", "signal SIGKILL"),
        ("crashes", "A1.4", "no record: the interpreter ended"),
        ("crashes", "A1.5", "memory"),
    ):
        assert words in reasons[student, question]
    pages = {}
    for page in made.glob("feedback/*/A1_targets/*.html"):
        pages[page.parent.parent.name] = re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))
    assert set(pages) == set(scores)
    assert "did not end within 20 seconds" in pages["half"] and "20 of 20" in pages["half"]
    assert "is no notebook" in pages["broken"]
    assert "clamp(min=1)" in pages["colab"]  # the student's own code, also where the metadata were lost
    assert Submission.read(submitted / "half" / name).source_of("future_targets")  # what was handed in is untouched


def test_the_text_of_an_open_question_reaches_who_grades_it_and_its_marks_stay(made, tmp_path):
    """Also without metadata; its points are left to a person, and a cell that nobody touched gets none. A person's
    points outlive another grading, and are flagged for another look."""
    name = "A6_probes"
    for student in ("wrote", "colab", "untouched"):
        (tmp_path / student).mkdir()
        own = notebook(made / "students" / f"{name}.ipynb")
        for cell in own.cells:
            settings = cell.metadata.get("nbgrader", {})
            if student != "untouched" and settings.get("grade") and settings.get("solution"):
                cell.source = f"What {student} found."
            if student == "colab":
                cell.metadata = nbformat.from_dict({})
        nbformat.write(own, tmp_path / student / f"{name}.ipynb")
    course.grade(tmp_path, made, "a test")
    for student in ("wrote", "colab"):
        page = (made / "feedback" / student / name / f"{name}.html").read_text(encoding="utf-8")
        assert f"What {student} found." in page
    with Gradebook(f"sqlite:///{made / 'gradebook.db'}") as book:
        found = {student: book.find_submission(name, student) for student in ("wrote", "colab", "untouched")}
        assert {student: one.needs_manual_grade for student, one in found.items()} == {
            "wrote": True, "colab": True, "untouched": False,
        }  # fmt: skip
        assert all(one.score == 0 and one.max_score == 20 for one in found.values())
        [grade] = [grade for grade in book.find_submission(name, "wrote").notebooks[0].grades if grade.name == "A6-6"]
        grade.manual_score, grade.needs_manual_grade = 4, False
        book.db.commit()
    course.grade(tmp_path, made, "another seed")
    [row] = [row for row in read_csv(made / "grades.csv") if (row["student_id"], row["assignment"]) == ("wrote", name)]
    assert float(row["score"]) == 4
    with Gradebook(f"sqlite:///{made / 'gradebook.db'}") as book:
        assert book.find_submission(name, "wrote").needs_manual_grade


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_without_students_is_refused(tmp_path):
    with pytest.raises(ValueError, match="put each student's notebooks into a folder"):
        course.collected(tmp_path)


def test_what_jupyterlab_and_a_mac_add_is_no_student_and_no_notebook(tmp_path):
    own = tmp_path / "anna" / "work" / "Copy of A1_targets.ipynb"
    others = ["anna/__MACOSX/._A1_targets.ipynb", "anna/work/._A1_targets.ipynb", "__MACOSX/A1.ipynb", ".x/A1.ipynb",
              "anna/work/.ipynb_checkpoints/A1_targets-checkpoint.ipynb"]  # fmt: skip
    for path in (own, *(tmp_path / other for other in others)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (10**9, 10**9) if path == own else None)  # all others are newer
    assert course.collected(tmp_path) == {("anna", "A1"): own}
    assert [path.name for path in course._students(tmp_path)] == ["anna"]
