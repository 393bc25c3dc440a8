"""nbgrader's settings for the course folder that mtp_edu/grading/course.py keeps: it copies this file there.

One step differs from nbgrader's own: where it would run a student's notebook in a kernel, the results that score.py has
recorded are put under the check cells. Its database, feedback and export then work as ever.
"""

import json
import os
from pathlib import Path

import nbformat
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    LimitOutput,
    NbGraderPreprocessor,
    SaveAutoGrades,
)

COURSE = Path(os.environ["MTP_EDU_COURSE"])


class Recorded(NbGraderPreprocessor):
    """Under each check cell: its result as an output, an error where it was not passed."""

    def preprocess(self, nb, resources):
        where = resources["nbgrader"]
        path = COURSE / "records" / where["student"] / f"{where['assignment']}.json"
        results = {one["question"].replace(".", "-"): one for one in json.loads(path.read_text(encoding="utf-8"))}
        for cell in nb.cells:
            settings = cell.metadata.get("nbgrader", {})
            if settings.get("grade") and not settings.get("solution"):  # a person gives the points of a text
                one = results[settings["grade_id"].removesuffix("-check")]
                right = one["points"] == one["most"]
                cell.outputs = [_said(one["message"]) if right else _error(one["message"])]
        return nb, resources


def _said(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text + "\n")


def _error(text):
    lines = text.splitlines()
    return nbformat.v4.new_output("error", ename="AssertionError", evalue=lines[0], traceback=lines)


c = get_config()  # noqa: F821 (nbgrader puts it there)
c.CourseDirectory.root = str(COURSE)
c.CourseDirectory.db_url = f"sqlite:///{COURSE / 'gradebook.db'}"
c.ClearSolutions.code_stub = {"python": '# your code\nraise NotImplementedError("your code")'}
c.Autograde.autograde_preprocessors = [Recorded, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
