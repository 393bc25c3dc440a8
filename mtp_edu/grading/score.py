"""Scores one notebook in a fresh interpreter, which may be killed, and believes only what that interpreter records.

The parent starts `python -m mtp_edu.grading.score`, hands it a job with a secret on its standard input, and reads one
line of JSON for every question. A line without the secret does not count, so what a submission prints is no record.
A question that leaves no record (killed, out of time, out of memory) gets 0 with the reason, and a new interpreter goes
on with the next one. That stops accidents. Hostile code it does not: run this in a container.
"""

from __future__ import annotations

import contextlib
import json
import linecache
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtp_edu.grading.questions import VISIBLE, Question, find, hidden_seeds
from mtp_edu.grading.submission import Submission, Unreadable

SECONDS = 60.0  # for one question; right answers take one or two
GIGABYTES = 3.0  # on top of what the interpreter has when it is loaded
START = 300.0  # seconds until the interpreter is there: loading torch on a busy machine


@dataclass(frozen=True)
class Result:
    """One question of one submission."""

    question: str
    points: float
    most: float
    message: str  # why it is not right; what was passed, if it is


def nothing(question: str, reason: str) -> Result:
    """A 0 with its reason."""
    return Result(question, 0.0, find(question).points, reason)


def definitions(path: Path, questions: list[str]) -> dict[str, str]:
    """The source that defines the function of each question, as far as a notebook has it."""
    try:
        submission = Submission.read(path)
    except Unreadable:
        return {}
    found = {question: submission.source_of(find(question).function) for question in questions}
    return {question: source for question, source in found.items() if source}


def texts(path: Path) -> tuple[str, ...]:
    """The text cells of a notebook; none if it cannot be read."""
    try:
        return Submission.read(path).texts
    except Unreadable:
        return ()


def score(path: Path, questions: list[str], course_seed: str, seconds: float = SECONDS,
          gigabytes: float = GIGABYTES) -> list[Result]:  # fmt: skip
    """Results for all questions of a notebook, whatever it does."""
    try:
        submission = Submission.read(path)
    except Unreadable as problem:
        return [nothing(q, f"no record: {problem}") for q in questions]
    sources = {q: submission.source_of(find(q).function) for q in questions}
    reasons = {}
    for q in questions:
        if sources[q] is None:
            hint = f" ({submission.broken} cells are no Python)" if submission.broken else ""
            reasons[q] = f"no function {find(q).function} in the notebook{hint}"
    waiting = [q for q in questions if q not in reasons]
    passed = {}
    while waiting:
        records, reason = _one_interpreter({q: sources[q] for q in waiting}, course_seed, seconds, gigabytes)
        for record in records:
            passed[record["question"]], reasons[record["question"]] = record["passed"], record["message"]
        waiting = waiting[len(records) :]
        if reason and waiting:
            passed[waiting[0]], reasons[waiting[0]] = False, f"no record: {reason}"
            waiting = waiting[1:]
    return [Result(q, find(q).points * float(passed.get(q, False)), find(q).points, reasons[q]) for q in questions]


def _one_interpreter(sources, course_seed, seconds, gigabytes) -> tuple[list[dict[str, Any]], str]:
    """Records in the order of `sources`, until all are there or it ends; why it ended early, or ""."""
    secret = secrets.token_hex(16)
    job = {"secret": secret, "sources": sources, "course_seed": course_seed, "gigabytes": gigabytes,
           "cpu_seconds": START + seconds * len(sources)}  # fmt: skip
    package = str(Path(__file__).resolve().parents[2])
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        environment = keep | {"PYTHONPATH": package, "HOME": folder, "TMPDIR": folder, "OMP_NUM_THREADS": "1",
                              "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mtp_edu.grading.score"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        lines: queue.Queue[str | None] = queue.Queue()

        def read() -> None:
            for line in process.stdout:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(job))
                process.stdin.close()
            return _records(lines, process, list(sources), secret, seconds)
        finally:
            _kill(process)


def _records(lines, process, questions, secret, seconds) -> tuple[list[dict[str, Any]], str]:
    records: list[dict[str, Any]] = []
    ready = False
    while len(records) < len(questions):
        try:
            line = lines.get(timeout=seconds if ready else START)
        except queue.Empty:
            return records, f"it did not end within {seconds:.0f} seconds" if ready else "the interpreter did not start"
        if line is None:
            code = process.wait()
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            return records, f"the interpreter ended ({how}); the function ends its process, or needs too much memory"
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict) or record.get("secret") != secret:
            continue
        if not ready:
            ready = True
        elif record.get("question") == questions[len(records)]:
            records.append(record)
    return records, ""


def _kill(process: subprocess.Popen) -> None:
    """With all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    process.stdout.close()


# ---- inside the fresh interpreter


def run_source(source: str, wanted: Question, seeds: list[str]) -> str:
    """Run a student's source and check what it defines: "" if it is right, else why not."""
    name = f"<{wanted.id}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # so that messages show lines
    module = types.ModuleType("submission")
    module.__dict__["__name__"] = "submission"
    sys.modules["submission"] = module
    try:
        exec(compile(source, name, "exec"), module.__dict__)
    except (Exception, SystemExit) as problem:
        return f"The cells that define {wanted.function} raised {type(problem).__name__}: {problem}"
    try:
        wanted.run(module.__dict__[wanted.function], seeds)
    except AssertionError as problem:
        return str(problem)
    return ""


def main() -> None:
    """Read the job, hide the way to the checks, and record question by question."""
    job = json.loads(sys.stdin.read())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what is printed from here on is no record
        os.dup2(nowhere, descriptor)
    secret = job["secret"]
    limits = job["gigabytes"], job["cpu_seconds"]
    seeds = [VISIBLE, *hidden_seeds(job["course_seed"])]
    work = [(find(question), source) for question, source in job["sources"].items()]
    job.clear()
    _hide_the_checks()
    _limit(*limits)

    def record(**values) -> None:
        print(json.dumps({"secret": secret} | values), file=out, flush=True)

    record()
    for wanted, source in work:
        message = run_source(source, wanted, seeds)
        record(question=wanted.id, passed=not message, message=message or f"all {len(wanted.checks)} checks passed")


def _hide_the_checks() -> None:
    """From here on a submission that imports mtp_edu.grading gets a `check` that does nothing, and nothing else: the
    checks hold right answers to compare with, which are no more to be called than the package's own."""
    for name in [name for name in sys.modules if name.startswith("mtp_edu.grading")]:
        del sys.modules[name]
    empty = types.ModuleType("mtp_edu.grading", "Not at hand while a submission is scored.")
    empty.check = lambda *_, **__: None
    sys.modules["mtp_edu.grading"] = sys.modules["mtp_edu"].grading = empty


def _limit(gigabytes: float, cpu_seconds: float) -> None:
    """Where the system can: memory on Linux for certain, computing time on every POSIX. Elsewhere the container's limit
    has to do. The parent ends what takes too long; the limit here ends a loop whose parent was killed itself."""
    try:
        import resource
    except ImportError:
        return
    seconds = int(cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + int(gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
