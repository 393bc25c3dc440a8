# In Colab this brings the course and what it needs. On your own machine, where it is installed, it does nothing.
import importlib.util
import subprocess
import sys
from pathlib import Path

ADDRESS, BRANCH = "", "main"  # the course's git repository, and the branch or tag to take

if "google.colab" in sys.modules:
    course = Path("mtp_edu_course").resolve()
    if not (course / "pyproject.toml").exists():
        if not ADDRESS:
            raise ValueError(
                "Put this course's address between the first quotes after ADDRESS above, such as "
                "https://github.com/OWNER/mtp_edu, and run this cell again."
            )
        clone = ["git", "clone", "--depth", "1", "--branch", BRANCH, ADDRESS, str(course)]
        done = subprocess.run(clone, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"{ADDRESS}, branch {BRANCH}, could not be fetched: {done.stderr}")
    if str(course) not in sys.path:
        sys.path.insert(0, str(course))  # the package, and beside it its data
    needed = ("einops", "safetensors", "sentencepiece", "tqdm")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:  # alone, so that torch, numpy and ipywidgets stay as Colab has them
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *missing], check=True)
