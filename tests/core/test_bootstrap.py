"""`make` on a new machine: what is missing is named, a second start takes no time, nothing half-made stays."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BOOTSTRAP = ROOT / ".ci" / "bootstrap.py"
HERE = "{}.{}".format(*sys.version_info[:2])

needs_make = pytest.mark.skipif(os.name != "posix" or not shutil.which("make"), reason="no make")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """As much of a checkout as is needed until pip starts."""
    folder = tmp_path / "a checkout"
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "tests/colab/constraints.txt", ".ci/bootstrap.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def fake_system(tmp_path: Path, **programs: str) -> dict:
    """An environment whose PATH holds the given programs and what the Makefile or a stand-in calls, nothing else."""
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        program(tmp_path / "bin" / name.replace("_", "-"), text)
    for name in ("sh", "awk", "mkdir", "touch", "cp"):
        os.symlink(shutil.which(name), tmp_path / "bin" / name)
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


def make(checkout: Path, environment: dict, *arguments: str) -> subprocess.CompletedProcess:
    command = [shutil.which("make"), "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60)


def test_an_old_python_can_read_the_script():
    ast.parse(BOOTSTRAP.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.fixture
def bootstrap():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("bootstrap", BOOTSTRAP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_asks_for_the_python_that_pyproject_asks_for(bootstrap):
    assert PROJECT["requires-python"] == ">={}.{}".format(*bootstrap.OLDEST)
    for extras, _ in bootstrap.TASKS.values():
        assert set(extras.split()) <= set(PROJECT["optional-dependencies"])
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(bootstrap.TASKS) == set(targets) - {"help", "clean"}


@needs_make
def test_make_alone_lists_the_targets(checkout, tmp_path):
    answer = make(checkout, fake_system(tmp_path, python3=f'exec "{sys.executable}" "$@"'))
    assert answer.returncode == 0
    assert re.search(r"^make lab +open the notebooks", answer.stdout, flags=re.MULTILINE)


OLD = """
case "$1" in
-c) exit 1;;
*) exec "{python}" -c '
import runpy, sys
sys.version_info = (3, 9, 2)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
' "$@";;
esac"""
NO_ENSUREPIP = """
case "$1" in
-c) exec "{python}" "$@";;
*) exec "{python}" -c '
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ensurepip" else find(name, *rest)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
' "$@";;
esac"""


@needs_make
@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({}, ["python3 not found", "sudo apt-get install python3 python3-venv", "brew install python"]),
        ({"python3": OLD, "apt_get": ""}, ["3.9", "3.11 or newer", "apt-get install python3.11 python3.11-venv"]),
        ({"python3": OLD, "dnf": ""}, ["Python 3.9", "dnf install python3.11"]),
        ({"python3": OLD, "brew": ""}, ["Python 3.9", "brew install python@3.11"]),
        ({"python3": OLD}, ["Python 3.9", "https://www.python.org/downloads/", "environment.yml"]),
        ({"python3": NO_ENSUREPIP, "apt_get": ""}, ["ensurepip", "apt-get install python{0}-venv"]),
    ],
)
@pytest.mark.parametrize("target", ["lab", "test"])
def test_what_the_system_lacks_is_named_before_anything_is_created(programs, said, target, checkout, tmp_path):
    programs = {name: text.format(python=sys.executable) for name, text in programs.items()}
    answer = make(checkout, fake_system(tmp_path, **programs), target)
    assert answer.returncode != 0
    for words in said:
        assert words.format(HERE) in answer.stderr
    assert not (checkout / ".venv").exists()


@needs_make
def test_a_newer_python_beside_an_old_one_is_found(checkout, tmp_path):
    new = f'case "$1" in -c) exec "{sys.executable}" "$@";; *) echo "$0" "$@"; exit 7;; esac'
    system = fake_system(tmp_path, python3=OLD.format(python=sys.executable), **{"python3.12": new})
    answer = make(checkout, system, "lab", "PORT=8899", "ARGS=--no-browser")
    assert "python3.12 .ci/bootstrap.py lab --port=8899 --no-browser" in answer.stdout


# pip and venv as programs that only write down what they were asked
STUB_PYTHON = """
echo "$@" >> "{log}"
case "$1 $2" in
"-m venv") mkdir -p "$3/bin" "$3/lib"; touch "$3/pyvenv.cfg"; cp "$0" "$3/bin/python"; exit;;
"-m pip") test -e "{log}.fail" && exit 1; exit 0;;
-c*) echo {version}; exit;;
.ci*) exec "{python}" -c 'import runpy, sys; sys.executable = sys.argv[1]; sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")' "$0" "$@";;
esac"""


@pytest.fixture
def stub(checkout, tmp_path):
    """A function (*arguments of make) -> what its Python was asked to do; `.fail` lets pip fail."""
    log = tmp_path / "log"
    system = fake_system(tmp_path, python3=STUB_PYTHON.format(log=log, python=sys.executable, version=HERE))

    def run(*arguments: str, fails: bool = False) -> str:
        log.write_text("", encoding="utf-8")
        Path(f"{log}.fail").unlink(missing_ok=True)
        if fails:
            Path(f"{log}.fail").touch()
        answer = make(checkout, system, *arguments)
        assert (answer.returncode != 0) == fails, answer.stdout + answer.stderr
        calls = log.read_text(encoding="utf-8").splitlines()
        return "\n".join(line for line in calls if not line.startswith(("-c", ".ci")))

    return run


@needs_make
def test_the_second_run_installs_nothing(stub):
    first, second = stub("lab"), stub("lab")
    assert "-m venv" in first and "-c constraints.txt" in first and "-e .[lab,test]" in first
    assert second.splitlines() == [line for line in first.splitlines() if "jupyterlab" in line]
    assert "--ip=127.0.0.1" in second and "--port=8888" in second


@needs_make
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_list_is_installed_into_the_same_venv(stub, checkout, name):
    stub("install")
    with open(checkout / name, "a", encoding="utf-8") as file:
        file.write("# changed\n")
    again = stub("install")
    assert "-m pip" in again and "-m venv" not in again
    assert stub("install") == ""


@needs_make
def test_a_failed_installation_is_made_anew(stub, checkout):
    stub("install", fails=True)
    (checkout / ".venv" / "lib" / "half").write_text("torn", encoding="utf-8")
    assert "-m venv" in stub("install")
    assert not (checkout / ".venv" / "lib" / "half").exists()
    assert stub("install") == ""


@needs_make
def test_a_broken_or_moved_venv_is_made_anew(stub, checkout):
    stub("install")
    (checkout / ".venv" / "bin" / "python").unlink()
    assert "-m venv" in stub("install")
    stamp = checkout / ".venv" / ".mtp-edu"
    stamp.write_text(stamp.read_text(encoding="utf-8").replace("a checkout", "another"), encoding="utf-8")
    assert "-m venv" in stub("install")


@needs_make
def test_a_venv_of_ones_own_is_kept_and_a_folder_of_ones_own_refused(stub, checkout):
    stub("install")
    (checkout / ".venv" / ".mtp-edu").unlink()
    (checkout / ".venv" / "mine").touch()
    again = stub("install")
    assert "-m pip" in again and "-m venv" not in again
    assert (checkout / ".venv" / "mine").exists()

    shutil.rmtree(checkout / ".venv")
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "thesis.txt").touch()
    assert stub("install", fails=True) == ""
    assert (checkout / ".venv" / "thesis.txt").exists()


@needs_make
def test_two_commands_at_once_install_one_after_the_other(stub, checkout, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    (checkout / ".venv").mkdir()
    with open(checkout / ".venv" / ".mtp-edu-lock", "w") as lock:  # what a first command holds while it installs
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=lambda: (tmp_path / "second").write_text(stub("install"), encoding="utf-8"))
        second.start()
        second.join(timeout=1)
        assert second.is_alive() and (tmp_path / "log").read_text(encoding="utf-8").count("-m ") == 0
    second.join(timeout=30)
    assert "-m pip" in (tmp_path / "second").read_text(encoding="utf-8")


@needs_make
def test_another_index_for_torch_is_asked_for_torch_alone_and_remembered(stub, checkout):
    index = "https://download.pytorch.org/whl/cpu"
    stub("install")
    torch, rest = stub("install", f"TORCH_INDEX={index}").splitlines()
    assert torch.endswith(f"--force-reinstall --no-deps --index-url {index} torch") and "-c constraints.txt" in torch
    assert "--index-url" not in rest and rest.endswith("-e .[lab,test]")
    assert stub("install") == ""
    assert stub("install", f"TORCH_INDEX={index}") == ""
    with open(checkout / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert index in stub("install", fails=True)
    assert index in stub("install"), "after an interruption the 3 GB build would come"


@needs_make
def test_colabs_packages_have_an_environment_and_versions_of_their_own(stub, checkout):
    index = "https://download.pytorch.org/whl/cpu"
    stub("install", f"TORCH_INDEX={index}")
    before = (checkout / ".venv" / ".mtp-edu").read_bytes()
    asked = stub("test-colab").splitlines()
    assert ".venv-colab" in asked[0] and "-m venv" in asked[0]
    assert index in asked[1], "the build of torch that was chosen for .venv"
    assert asked[2].endswith("-c tests/colab/constraints.txt --quiet -e .[test]")
    assert asked[-1].endswith("tests/colab -m colab")
    assert not [line for line in stub("test-colab").splitlines() if "pip" in line]
    assert (checkout / ".venv" / ".mtp-edu").read_bytes() == before


# ---- the browser


@pytest.mark.parametrize(
    ("root", "there", "called", "said"),
    [
        (True, ["chromium", "apt-get"], 0, None),
        (False, ["google-chrome"], 0, None),
        (True, ["apt-get"], 2, None),
        (False, ["apt-get"], 0, "sudo apt-get install -y --no-install-recommends chromium"),
        (True, [], 0, "MTP_EDU_CHROMIUM="),
    ],
)
def test_chromium_is_installed_or_its_command_named(root, there, called, said, bootstrap, monkeypatch):
    calls = []
    monkeypatch.delenv("MTP_EDU_CHROMIUM", raising=False)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0 if root else 1000, raising=False)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: name if name in there else None)
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda command, env: calls.append(command) or 0)
    answer = bootstrap.install_chromium()
    assert (answer is None) == (said is None) and (said or "") in (answer or "") and len(calls) == called
    assert not calls or "chromium" in calls[-1]
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda command, env: 100)
    assert "apt-get update failed" in (bootstrap.install_chromium() or "") or not called
    monkeypatch.setenv("MTP_EDU_CHROMIUM", "/opt/chrome")
    assert bootstrap.install_chromium() is None
