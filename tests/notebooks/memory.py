"""How much memory every notebook's kernel takes, in full:  python tests/notebooks/memory.py [01 05 ...]

Runs the notebooks as a learner does, one after the other, writes nothing, and prints a table. Ends with 1 if a kernel
ever had more than build.py allows, which a laptop with 8 GB has to spare. MTP_EDU_FAST=1 measures the small runs.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "notebooks" / "source"))
import build


def main(names: list[str]) -> int:
    chosen = [path for path in build.lessons() if not names or path.name.startswith(tuple(names))]
    if not chosen:
        sys.exit(f"no notebook's name begins with {' or '.join(names)}")
    most = 0
    print(f"{'notebook':<32}   peak, GB    minutes", flush=True)
    for source in chosen:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            peak = build.run(build.read(source), Path(folder))
        if peak is None:
            sys.exit("this system does not say how much memory a process had: Linux does")
        most = max(most, peak)
        print(f"{source.stem:<32} {peak / 1e9:10.2f} {(time.monotonic() - start) / 60:10.1f}", flush=True)
    print(f"at most {most / 1e9:.2f} GB; {build.MEMORY / 1e9:.0f} GB are allowed")
    return int(most > build.MEMORY)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
