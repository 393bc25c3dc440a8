"""Release and grade with nbgrader: the students' notebooks, the scores, feedback and export.

    build/course/staff       the notebooks with solutions and hidden cases, and the staff's notes
    build/course/source, release, submitted, autograded, feedback, gradebook.db     nbgrader's own folders
    build/course/records     what score.py found: one file for each student and assignment
    build/course/grades.csv  nbgrader's export;  questions.csv: each question with its reason
    notebooks/assignments    the students' notebooks;  dist/assignments.zip: the same, to hand out

Works in a checkout, in an environment with the extra `grade`; never in the students'.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from mtp_edu.grading import ASSIGNMENTS, QUESTIONS, load_all, score

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "notebooks" / "source" / "assignments"
RELEASED = ROOT / "notebooks" / "assignments"
COURSE = ROOT / "build" / "course"
CONFIG = SOURCES / "nbgrader_config.py"
STAFF = "staff"  # the tag of cells that students do not get


def name_of(assignment: str) -> str:
    """ "A1" -> "A1_targets", the name of its source and notebook."""
    return f"{assignment}_{ASSIGNMENTS[assignment]}"


def questions_of(assignment: str) -> list[str]:
    load_all()
    return sorted(question for question in QUESTIONS if question.startswith(assignment + "."))


# ---- release


def builder() -> ModuleType:
    """notebooks/source/build.py: how this project makes notebooks of sources."""
    spec = importlib.util.spec_from_file_location("notebook_builder", ROOT / "notebooks" / "source" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prepare(course: Path = COURSE, assignments: Iterable[str] = tuple(ASSIGNMENTS)) -> None:
    """Staff's notebooks, and nbgrader's source, release and database."""
    read = builder().read
    for assignment in assignments:
        name = name_of(assignment)
        whole = read(SOURCES / f"{name}.py")
        _write(whole, course / "staff" / f"{name}.ipynb")
        cells = [cell for cell in whole.cells if STAFF not in cell.metadata.get("tags", [])]
        _write(whole | {"cells": cells}, course / "source" / name / f"{name}.ipynb")
        nbgrader(course, "generate_assignment", name, "--create", "--force")


def release(
    course: Path = COURSE, released: Path = RELEASED, archive: Path = ROOT / "dist" / "assignments.zip"
) -> None:
    """The students' notebooks, and a zip of them: no sources, no solutions, no hidden cases, nothing of the staff's."""
    prepare(course)
    released.mkdir(parents=True, exist_ok=True)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for assignment in ASSIGNMENTS:
            name = f"{name_of(assignment)}.ipynb"
            shutil.copyfile(course / "release" / name_of(assignment) / name, released / name)
            # A fixed date, so that the same notebooks make the same zip.
            packed.writestr(
                zipfile.ZipInfo(f"assignments/{name}", (2026, 1, 1, 0, 0, 0)), (released / name).read_bytes()
            )
    print(f"{len(ASSIGNMENTS)} notebooks in {released}, and all of them in {archive}")


def _write(notebook: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def nbgrader(course: Path, *arguments: str) -> None:
    """Run one of nbgrader's commands. Raises RuntimeError with the end of its log if it fails or is not installed."""
    if importlib.util.find_spec("nbgrader") is None:
        raise RuntimeError("nbgrader is not installed here: use an environment with mtp_edu[grade], or `make`")
    shutil.copyfile(CONFIG, course / CONFIG.name)  # it reads the one in the folder where it is called
    # It calls other programs of its environment by name.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "MTP_EDU_COURSE": str(course.resolve()), "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nbgrader {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")


# ---- grade


def collected(folder: Path) -> dict[tuple[str, str], Path]:
    """(student, assignment): notebook. A folder for each student, with notebooks whose names hold A1, A2, ... anywhere
    below it; "Copy of A1_targets.ipynb" will do. Of several, the one that was changed last."""
    found: dict[tuple[str, str], Path] = {}
    students = _students(folder)
    if not students:
        raise ValueError(f"{folder} has no folders: put each student's notebooks into a folder with the student's name")
    for student in students:
        for path in sorted(student.rglob("*.ipynb"), key=lambda path: path.stat().st_mtime):
            match = re.search(r"(?<![A-Za-z])A\d(?!\d)", path.name)
            by_a_person = all(map(_by_a_person, path.relative_to(folder).parts))
            if by_a_person and match and match[0] in ASSIGNMENTS:
                found[student.name, match[0]] = path
    return found


def _students(folder: Path) -> list[Path]:
    """Their folders."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and _by_a_person(path.name))


def _by_a_person(name: str) -> bool:
    """Not what JupyterLab (.ipynb_checkpoints) or a Mac's zip (__MACOSX, ._A1_targets.ipynb) has added."""
    return not name.startswith(".") and name != "__MACOSX"


def grade(
    folder: Path,
    course: Path = COURSE,
    course_seed: str = "",
    assignments: Iterable[str] = (),
    workers: int = 1,
    seconds: float = score.SECONDS,
    gigabytes: float = score.GIGABYTES,
) -> None:
    """Score a folder of submissions, write nbgrader's grades, feedback and export. What cannot be read scores 0.

    assignments: by default those of which anybody handed in something; a student without one gets 0 in it.
    """
    found = collected(folder)
    wanted = sorted(set(assignments) or {assignment for _, assignment in found})
    students = [path.name for path in _students(folder)]
    prepare(course, wanted)
    jobs = [(student, assignment) for student in students for assignment in wanted]

    def one(job: tuple[str, str]) -> None:
        student, assignment = job
        questions, path = questions_of(assignment), found.get(job)
        if path is None:
            results = [score.nothing(question, "no record: no notebook was handed in") for question in questions]
        else:
            results = score.score(path, questions, course_seed, seconds, gigabytes)
        _record(course, student, assignment, path, results)
        print(
            f"{student} {assignment}: {sum(r.points for r in results):g} of {sum(r.most for r in results):g}",
            flush=True,
        )

    load_all()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, jobs))
    for assignment in wanted:
        nbgrader(course, "autograde", name_of(assignment), "--create", "--force")
        nbgrader(course, "generate_feedback", name_of(assignment), "--force")
    nbgrader(course, "export", f"--to={course / 'grades.csv'}")
    _table(course)
    print(f"Feedback in {course / 'feedback'}, grades in {course / 'grades.csv'} and {course / 'questions.csv'}")


def _record(course: Path, student: str, assignment: str, path: Path | None, results: list[score.Result]) -> None:
    """What score.py found, and beside it the notebook that nbgrader shall read: the released one with the student's
    cells in it. So lost cell metadata, copied or deleted cells and files that are no notebooks do no harm."""
    name = name_of(assignment)
    record = course / "records" / student / f"{name}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")
    notebook = json.loads((course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    theirs = score.definitions(path, questions_of(assignment)) if path else {}
    given = {"".join(cell["source"]) for cell in notebook["cells"]}
    written = [text for text in (score.texts(path) if path else ()) if text not in given]
    for cell in notebook["cells"]:
        settings = cell["metadata"].get("nbgrader", {})
        source = theirs.get(settings.get("grade_id", "").replace("-", "."))
        if settings.get("solution") and source:
            cell["source"] = source
        if settings.get("solution") and settings.get("grade") and written:  # an open question, which a person grades
            cell["source"] = "\n\n".join(written)
    target = course / "submitted" / student / name / f"{name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(notebook), encoding="utf-8")


def _table(course: Path) -> None:
    """Every question of every student with its reason, for the staff."""
    with (course / "questions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "question", "points", "of", "message"])
        for path in sorted((course / "records").glob("*/*.json")):
            for one in json.loads(path.read_text(encoding="utf-8")):
                writer.writerow([path.parent.name, one["question"], one["points"], one["most"], one["message"]])
