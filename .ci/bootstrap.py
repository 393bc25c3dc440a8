"""Makes .venv and runs a task in it:  python .ci/bootstrap.py TASK [arguments for the task's last command]

(Some tasks have an environment of their own: see OWN_VENV.)

`make` calls this, and it is what to call where there is no make (Windows).  Before anything is created it names
what the system lacks and the command that installs it.  A finished installation is known by a stamp, .venv/.mtp-edu,
so that the next start takes no time; an interrupted one is thrown away and made anew.

Standard library only, and nothing newer than Python 3.6: an old Python must get far enough to say that it is too old.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)  # what pyproject.toml requires; what constraints.txt has wheels for
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def choose_venv(folder, constraints):
    """Work on this environment from here on; `constraints`: the file that pins its packages."""
    global VENV, VENV_PYTHON, STAMP, LOCK, CONSTRAINTS
    VENV, CONSTRAINTS = os.path.join(ROOT, folder), constraints
    VENV_PYTHON = os.path.join(VENV, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    STAMP, LOCK = os.path.join(VENV, ".mtp-edu"), os.path.join(VENV, ".mtp-edu-lock")


choose_venv(".venv", "constraints.txt")

LINT = ["-m", "ruff", "check", "."]
# task: (extras of pyproject.toml, commands for .venv's Python)
TASKS = {
    "install": ("lab test", []),
    "lab": ("lab test", [["-m", "jupyterlab", "notebooks/00_start_here.ipynb", "--ip=127.0.0.1"]]),
    "test": ("lab test", [LINT, ["-m", "pytest", "-n", "2", "--dist", "loadfile"]]),
    "test-gpu": ("lab test", [["-m", "pytest", "tests/gpu", "-m", "gpu or gpu_script"]]),
    "test-browser": ("lab test browser", [["-m", "pytest", "-n", "2", "tests/browser", "-m", "browser"]]),
    "test-colab": (
        "test",
        [
            ["-m", "pytest", "-n", "2", "--dist", "loadfile", "tests/core", "-k", "view or panel or quiz or explorer"],
            ["-m", "pytest", "-n", "2", "tests/colab", "-m", "colab"],
        ],
    ),
    "test-grading": ("grade test", [["-m", "pytest", "-n", "2", "--dist", "loadfile", "tests/grading"]]),
    "release": ("grade test", [["-m", "mtp_edu.grading", "release"]]),
    "grade": ("grade test", [["-m", "mtp_edu.grading", "grade"]]),
    "lint": ("lab test", [LINT]),
    "notebooks": ("lab test", [["notebooks/source/build.py"]]),
    "wheel": ("lab test", [["-m", "build", "--wheel", "--no-isolation"]]),
}
# task: the folder and the pins of its own environment: Colab's versions; nbgrader, which students must not see
GRADING = (".venv-grade", "constraints.txt")
OWN_VENV = {"test-colab": (".venv-colab", os.path.join("tests", "colab", "constraints.txt"))}
OWN_VENV.update({"test-grading": GRADING, "release": GRADING, "grade": GRADING})


def main(arguments):
    if not arguments or arguments[0] not in TASKS:
        return "Usage: python .ci/bootstrap.py {} [arguments]".format("|".join(sorted(TASKS)))
    os.chdir(ROOT)
    extras, commands = TASKS[arguments[0]]
    if arguments[0] in OWN_VENV:
        index = read_stamp().get("torch index")  # the CPU build, if that was chosen for .venv
        if index:
            os.environ.setdefault("TORCH_INDEX", index)
        choose_venv(*OWN_VENV[arguments[0]])
    problem = install(set(extras.split()))
    if arguments[0] == "test-browser":
        problem = problem or install_chromium()
    if problem:
        return problem
    if arguments[0] == "lab" and hasattr(os, "geteuid") and os.geteuid() == 0:
        commands = [commands[0] + ["--allow-root"]]  # a container's only user; Jupyter refuses it otherwise
    for number, command in enumerate(commands, start=1):
        last = number == len(commands)
        status = run(command + (arguments[1:] if last else []), last)
        if status:
            return status
    return 0


# ---- what the system lacks


def what_is_missing():
    """What to install first, and how; None if everything is there."""
    here = "{} is Python {}.{}".format(sys.executable, *sys.version_info[:2])
    again = "and run the command again."
    if sys.version_info[:2] < OLDEST:
        needed = "mtp_edu needs {}.{} or newer. Install it with".format(*OLDEST)
        return "{}; {}\n  {}\n{}".format(here, needed, how_to_install("python"), again)
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            needed = "its module {}, which makes .venv, is missing. Install it with".format(module)
            return "{}; {}\n  {}\n{}".format(here, needed, how_to_install("venv"), again)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < 3:
        return "{} has {:.1f} GB free; .venv takes about 2 GB, and 8 GB with CUDA. Free some space first.".format(
            ROOT, free
        )
    return None


def how_to_install(what):
    version = "{}.{}".format(*(OLDEST if sys.version_info[:2] < OLDEST else sys.version_info[:2]))
    root = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    ways = [  # package manager, Python itself, the part of it that makes environments
        ("apt-get", root + "apt-get install python{0} python{0}-venv", root + "apt-get install python{0}-venv"),
        ("dnf", root + "dnf install python{0}", root + "dnf install python3-libs"),
        ("zypper", root + "zypper install python{1}", root + "zypper install python{1}-base"),
        ("pacman", root + "pacman -S python", root + "pacman -S python"),
        ("brew", "brew install python@{0}", "brew reinstall python@{0}"),
        ("winget", "winget install Python.Python.{0}", "winget install Python.Python.{0}"),
    ]
    for manager, python, venv in ways:
        if shutil.which(manager):
            way = (python if what == "python" else venv).format(version, version.replace(".", ""))
            break
    else:
        way = "the installer from https://www.python.org/downloads/"
    return way + "\nor, without touching the system, with conda:\n  conda env create -f environment.yml"


def install_chromium():
    """Sees to it that there is a Chromium: root on Debian gets its package.  Returns what to do instead, or None."""
    if os.environ.get("MTP_EDU_CHROMIUM") or any(map(shutil.which, CHROMIUM_NAMES)):
        return None
    wanted = ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("Installing Chromium, 100 MB, with apt-get.")
        for command in (["apt-get", "update"], ["apt-get"] + wanted):
            if subprocess.call(command, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive")):
                return "{} failed; its last lines say why.".format(" ".join(command))
        return None
    return (
        "The browser tests need Chromium or Chrome. Install it with\n  sudo apt-get {}\n"
        "or your system's way, or name one that is there: MTP_EDU_CHROMIUM=/path/to/chrome"
    ).format(" ".join(wanted))


# ---- .venv


def install(extras):
    """Brings .venv to what pyproject.toml and its constraints say.  Returns what went wrong, or None."""
    stamp, wanted, fresh = state(extras)
    if stamp == wanted and not fresh:
        return None
    problem = what_is_missing() or what_is_in_the_way()
    if problem:
        return problem
    if not os.path.isdir(VENV):
        os.mkdir(VENV)
    with open(LOCK, "a") as lock:
        wait_for(lock)
        stamp, wanted, fresh = state(extras)
        if stamp == wanted and not fresh:
            return None
        write_stamp(dict(wanted, unfinished=True))
        problem = make_venv() if fresh else None
        problem = problem or pip_install(wanted, stamp)
        if not problem:
            write_stamp(wanted)
            say("Installed.")
        return problem


def state(extras):
    """(what is installed, what should be, whether .venv is to be made from nothing)"""
    stamp = read_stamp()
    wanted = {
        "files": fingerprint("pyproject.toml", CONSTRAINTS),
        "root": ROOT,
        "extras": sorted(extras | set(stamp.get("extras", []))),
        "torch index": os.environ.get("TORCH_INDEX") or stamp.get("torch index", ""),
    }
    found, asked_for = version_of_venv(), "{}.{}".format(*sys.version_info[:2]) if os.environ.get("PYTHON") else ""
    moved = stamp.get("root", ROOT) != ROOT  # it would import from the old place
    fresh = not found or moved or stamp.get("unfinished", False) or asked_for not in ("", found)
    return stamp, wanted, fresh


def what_is_in_the_way():
    names = os.listdir(VENV) if os.path.isdir(VENV) else []
    if "pyvenv.cfg" in names or all(name.startswith(".mtp-edu") for name in names) or read_stamp():
        return None
    return "{} is in the way: it holds files and is no virtual environment. Move it and try again.".format(VENV)


def wait_for(lock):
    """One installation at a time; the system lets go of the lock when this process ends, however it ends."""
    try:
        import fcntl
    except ImportError:
        return  # Windows: unguarded
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Another command is installing into .venv: waiting for it.")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:
        pass  # a file system without locks


def make_venv():
    if len(os.listdir(VENV)) > 2:
        say("Replacing the .venv that is there: it is unfinished, moved, or of another Python.")
    for name in os.listdir(VENV):
        path = os.path.join(VENV, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif path not in (STAMP, LOCK):
            os.remove(path)
    python = sys.executable
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):  # .venv is activated: its own Python is gone by now
        python = sys._base_executable
    if subprocess.call([python, "-m", "venv", VENV]):
        return "{} -m venv failed. The full Python may be missing:\n  {}".format(python, how_to_install("venv"))
    return None


def pip_install(wanted, before):
    index, found = wanted["torch index"], version_of_venv()
    say("Installing mtp_edu into {} with Python {}.".format(VENV, found))
    if sys.version_info[:2] > NEWEST:
        say("Not tried with Python {}: if pip finds no torch, try PYTHON=python{}.{}".format(found, *NEWEST))
    say_size(index)
    pip = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-c", CONSTRAINTS]
    if not sys.stdout.isatty():
        pip.append("--quiet")
    commands = [pip + ["-e", ".[{}]".format(",".join(wanted["extras"]))]]
    if index:
        # torch alone, since an index of torch builds has other versions of the rest
        again = ["--force-reinstall"] if before.get("torch index") != index else []
        commands.insert(0, pip + again + ["--no-deps", "--index-url", index, "torch"])
    for command in commands:
        if subprocess.call(command):
            return (
                "pip failed; its last lines say why. Run the same command again when that is solved.\n"
                "If it found no torch for this machine (an Intel Mac, Alpine Linux, a very new Python), try "
                "PYTHON=python3.12 or conda: environment.yml"
            )
    return None


def read_stamp():
    """What is installed; with "unfinished" after an interruption; {} where there is no stamp."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            return json.load(file)
    except ValueError:
        return {"unfinished": True}
    except OSError:
        return {}


def write_stamp(content):
    with open(STAMP, "w", encoding="utf-8") as file:
        json.dump(content, file)


def fingerprint(*names):
    digest = hashlib.sha256()
    for name in names:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def version_of_venv():
    """ "3.12", or "" if there is no .venv with a Python that is new enough and has pip."""
    code = "import sys, pip; assert sys.version_info[:2] >= {}; print('{{}}.{{}}'.format(*sys.version_info[:2]))"
    try:
        out = subprocess.check_output([VENV_PYTHON, "-c", code.format(OLDEST)], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return out.decode().strip()


def say_size(index):
    if index:
        size = "torch from {} (200 MB if a CPU build, up to 3 GB with CUDA) and 130 MB of the rest.".format(index)
    elif sys.platform.startswith("linux"):
        size = (
            "about 3 GB, since torch for Linux comes with CUDA.\n"
            "Without an NVIDIA GPU take the CPU build instead, 310 MB in all: Ctrl-C, then the same command with\n"
            "  TORCH_INDEX={}".format(CPU_INDEX)
        )
    else:
        size = "about 310 MB."
    say("To download, unless pip or this machine has it already: " + size)


def say(text):
    print(text, flush=True)


def run(command, last):
    command = [VENV_PYTHON] + command
    if last and os.name == "posix":
        os.execv(command[0], command)  # signals then reach the program itself
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # the program got it too, and decides


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("Interrupted. What is half done will be seen and mended on the next call.")
