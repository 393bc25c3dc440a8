"""For staff:  python -m mtp_edu.grading release | grade FOLDER | table"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mtp_edu.grading import ASSIGNMENTS, course, score
from mtp_edu.grading.questions import SEED


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mtp_edu.grading", description="Release, grade, test the checks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("release", help="make the students' notebooks and a zip of them")
    grade = commands.add_parser("grade", help="grade a folder that holds a folder for each student")
    grade.add_argument("folder", type=Path)
    grade.add_argument("--seed", default=os.environ.get(SEED, ""), help=f"the course's hidden cases ({SEED})")
    grade.add_argument("--assignments", nargs="+", choices=ASSIGNMENTS, default=(), metavar="A1", help="only these")
    grade.add_argument("--workers", type=int, default=1, help="submissions at the same time")
    grade.add_argument("--seconds", type=float, default=score.SECONDS, help="for one question")
    grade.add_argument("--gigabytes", type=float, default=score.GIGABYTES, help="for one submission")
    table = commands.add_parser("table", help="tests/grading's answers against the checks")
    table.add_argument("assignments", nargs="*", metavar="A1", help="only these")
    arguments = parser.parse_args()
    try:
        if arguments.command == "release":
            course.release()
        elif arguments.command == "grade":
            if not arguments.seed:
                print(f"No --seed and no {SEED}: the hidden cases are those that everybody can compute.")
            options = {name: getattr(arguments, name) for name in ("assignments", "workers", "seconds", "gigabytes")}
            course.grade(arguments.folder, course_seed=arguments.seed, **options)
        else:
            from mtp_edu.grading import answers

            return answers.print_table(arguments.assignments or list(ASSIGNMENTS))
    except (RuntimeError, ValueError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
