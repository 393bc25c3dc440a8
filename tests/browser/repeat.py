"""Runs the browser tests again and again:  python tests/browser/repeat.py 20 [arguments for pytest]

A line per run goes to build/browser/runs.log, with what failed, and what pytest printed to failed-run-N.txt beside it.
Ends with 1 if any run failed: a test that passes only sometimes is worse than none.
"""

import re
import subprocess
import sys
import time

import harness


def main(times: int, arguments: list[str]) -> int:
    folder = harness.ROOT / "tests" / "browser"
    command = [sys.executable, "-m", "pytest", "-n", "2", str(folder), "-m", "browser", "-q", "-p", "no:cacheprovider"]
    bad = 0
    harness.PICTURES.mkdir(parents=True, exist_ok=True)
    with open(harness.PICTURES / "runs.log", "a", encoding="utf-8") as log:
        for number in range(1, times + 1):
            start = time.time()
            done = subprocess.run([*command, *arguments], cwd=harness.ROOT, capture_output=True, text=True)
            if done.returncode:
                bad += 1
                (harness.PICTURES / f"failed-run-{number}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
            failed = re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, flags=re.MULTILINE)
            told = [time.strftime("%Y-%m-%d %H:%M", time.localtime(start)), f"run {number} of {times}"]
            told += [f"{time.time() - start:.0f} s", (done.stdout.strip().splitlines() or ["no output"])[-1], *failed]
            for stream in (sys.stdout, log):
                print("; ".join(told), file=stream, flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    if not sys.argv[1:] or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
