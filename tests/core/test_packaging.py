"""What people install: the lists of packages agree, and the wheel works away from the checkout."""

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"


def requirements(*extras: str) -> dict[str, Requirement]:
    """The core's requirements and those of some extras, by canonical name."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="ascii").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len({canonicalize_name(each.name) for each in found}) == len(found), "a package is named twice"
    return {canonicalize_name(each.name): each for each in found}


# ---- lists of packages


COLAB = {  # what Google Colab had in August 2026
    "python": "3.13.5", "torch": "2.11.0", "numpy": "2.1.3", "einops": "0.8.2", "sentencepiece": "0.2.2",
    "matplotlib": "3.10.0", "ipython": "7.34.0", "ipywidgets": "7.7.1",
}  # fmt: skip


def test_an_install_on_colab_replaces_nothing():
    core = requirements()
    for name, version in COLAB.items():
        allowed = SpecifierSet(PROJECT["requires-python"]) if name == "python" else core[name].specifier
        assert allowed.contains(version), f"{name} {version} would be replaced: {allowed}"


def test_the_constraints_are_exact_and_within_the_ranges():
    pins = constraints()
    for name, pin in pins.items():
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), f"{name}: {pin}"
    for name, requirement in requirements(*EXTRAS).items():
        assert name in pins, f"constraints.txt lacks {name}"
        version = str(pins[name].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{name} {version} is not {requirement.specifier}"
    assert not [name for name in pins if name.startswith("nvidia") or name == "triton"]


def test_the_constraints_suit_every_python_that_is_allowed():
    """Met once: soupsieve 4 asks for 3.11.5, and Debian 12 has 3.11.2."""
    checked = 0
    for name, pin in constraints().items():
        try:
            metadata = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if pin.specifier.contains(metadata["Version"]):
            needs = SpecifierSet(metadata["Requires-Python"] or "")
            checked += 1
            for version in ("3.11.0", "3.12.0", "3.13.0", "3.14.0"):
                assert needs.contains(version), f"{pin} needs Python {needs}"
    assert checked > 60


def test_the_constraints_hold_everything_that_gets_installed():
    """Follows the requirements of what is installed here, as pip does."""
    pins, todo, seen = constraints(), list(requirements(*EXTRAS).values()), set()
    cuda = re.compile(r"nvidia-|cuda-|triton$")  # torch pins these itself, and only its CUDA builds have them
    missing = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen or cuda.match(name):
            continue
        seen.add((name, frozenset(requirement.extras)))
        if name not in pins:
            missing.add(name)
        try:
            further = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed here: bench, browser
        for line in further:
            each = Requirement(line)
            extras = ["", *requirement.extras]
            if each.marker is None or any(each.marker.evaluate({**default_environment(), "extra": e}) for e in extras):
                todo.append(each)
    assert len(seen) > 60
    assert not missing


def test_every_import_of_the_package_is_declared():
    """Third-party modules, wherever they are imported; those of the extras may be missing, test and lab apart."""
    known = {canonicalize_name(name) for name in requirements("bench", "bench-cuda", "browser")}
    distributions = importlib.metadata.packages_distributions()
    for path in sorted((ROOT / "mtp_edu").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"mtp_edu", "google"}:
                homes = {canonicalize_name(home) for home in distributions.get(top, [top])}
                assert homes & known, f"{path.relative_to(ROOT)} imports {top}, which pyproject.toml does not name"


def test_the_version_is_the_same_everywhere():
    source = (ROOT / "mtp_edu" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{PROJECT["version"]}"' in source
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "build": "python-build"}


def test_conda_gets_the_same_packages():
    rattler, yaml = pytest.importorskip("rattler"), pytest.importorskip("yaml")
    text = (ROOT / "environment.yml").read_text(encoding="ascii")
    environment = yaml.safe_load(text)
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["channels"] == ["conda-forge"]
    *lines, by_pip = environment["dependencies"]
    assert by_pip == {"pip": ["-e ."]}

    specs = [rattler.MatchSpec(line, strict=True) for line in lines]
    conda = {spec.name.normalized: SpecifierSet(str(spec.version or "")) for spec in specs}
    assert len(conda) == len(lines), "a package is named twice"
    assert conda.pop("pip") == SpecifierSet("")
    expected = {CONDA_NAMES.get(name, name): each.specifier for name, each in requirements("lab", "test").items()}
    expected["python"] = SpecifierSet(PROJECT["requires-python"])
    assert conda == expected


# ---- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_its_data(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name: archive.getinfo(name).file_size for name in archive.namelist()}
    assert {name.split("/")[0] for name in names} == {"mtp_edu", f"mtp_edu-{PROJECT['version']}.dist-info"}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mtp_edu").rglob("*.py")}
    assert modules <= set(names)

    def wanted(path: Path) -> bool:
        inside = path.relative_to(ROOT / "data")
        return path.is_file() and (inside.parts[0] != "results" or (len(inside.parts) == 2 and path.suffix == ".json"))

    data = {f"mtp_edu/_data/{p.relative_to(ROOT / 'data').as_posix()}" for p in (ROOT / "data").rglob("*") if wanted(p)}
    assert {name for name in names if name.startswith("mtp_edu/_data/")} == data
    for name, size in names.items():
        assert not name.startswith("mtp_edu/_data/results/") or size < 2**20, f"{name}: large results go in a folder"
    assert wheel.stat().st_size < 100 * 2**20


@pytest.fixture(scope="module")
def away(wheel, tmp_path_factory):
    """Runs code in a folder elsewhere, with the wheel installed and the checkout out of sight; returns its output."""
    folder = tmp_path_factory.mktemp("away")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", folder / "site", wheel], check=True, capture_output=True)
    (folder / "work").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "MTP_EDU_FAST": "1"}

    def run(code: str) -> str:
        command = [sys.executable, "-c", code]
        answer = subprocess.run(command, cwd=folder / "work", env=environment, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    run.site, run.work = folder / "site", folder / "work"
    return run


def test_the_installed_wheel_finds_its_data_and_its_modules(away):
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "mtp_edu").rglob("*.py"))
        if "bench" not in path.parts and path.name != "__main__.py"
    ]
    code = f"""
import importlib, json, sys
for name in {modules!r}:
    importlib.import_module(name)
from mtp_edu.paths import data_dir
files = {{m.__file__ for name, m in sys.modules.items() if name.split(".")[0] == "mtp_edu"}}
print(json.dumps([str(data_dir()), sorted(files)]))
"""
    data, files = json.loads(away(code).splitlines()[-1])
    site = away.site.resolve()
    assert Path(data) == site / "mtp_edu" / "_data"
    assert len(files) >= len(modules) - 1
    assert all(Path(file).resolve().is_relative_to(site) for file in files)


def test_notebook_00_runs_on_the_installed_wheel(away):
    shutil.copy(NOTEBOOK, away.work)
    code = f"""
import nbclient, nbformat
notebook = nbformat.read({NOTEBOOK.name!r}, as_version=4)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
code = [cell for cell in notebook.cells if cell.cell_type == "code"]
assert code and all(cell.execution_count for cell in code if cell.source.strip())
print("ran", len(code), "cells")
"""
    assert re.search(r"ran \d+ cells", away(code))


# ---- Colab


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """What a public copy of the course would be: a git repository with the package and some of its data."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    folder = tmp_path_factory.mktemp("public")
    shutil.copytree(ROOT / "mtp_edu", folder / "mtp_edu", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data" / "pretrained" / "stories-nano", folder / "data" / "pretrained" / "stories-nano")
    shutil.copy(ROOT / "pyproject.toml", folder)
    identity = ["-c", "user.name=course", "-c", "user.email=course@example.org"]
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    return folder


# A stand-in for Colab: its module is there, einops is said to be missing, and what pip is asked for is written down.
IN_COLAB = """
import importlib.util, re, subprocess, sys, types
sys.modules["google"] = types.ModuleType("google")
sys.modules["google.colab"] = types.ModuleType("google.colab")
find, run, asked = importlib.util.find_spec, subprocess.run, []
importlib.util.find_spec = lambda name, *rest: None if name == {missing!r} else find(name, *rest)
def noted(command, **options):
    asked.append(command)
    return run(command, **options) if command[0] == "git" else None
subprocess.run = noted
cell = open({cell!r}, encoding="utf-8").read()
cell = re.sub('(?m)^ADDRESS, BRANCH = .*', 'ADDRESS, BRANCH = "{address}", "main"', cell)
exec(cell)
exec(cell)  # a learner runs it again
importlib.util.find_spec = find
import torch, numpy, ipywidgets, mtp_edu
from mtp_edu.paths import data_dir
model, tok = mtp_edu.load_pretrained("stories-nano")
print([mtp_edu.__file__, str(data_dir()), torch.__file__, tok.vocab_size, asked])
"""


def in_colab(folder: Path, address: str, missing: str = "") -> subprocess.CompletedProcess:
    code = IN_COLAB.format(cell=str(ROOT / "notebooks" / "source" / "colab.py"), address=address, missing=missing)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_colab_gets_package_and_data_and_keeps_what_it_has(repository, tmp_path):
    answer = in_colab(tmp_path, repository.as_uri(), missing="einops")
    assert answer.returncode == 0, answer.stderr
    package, data, torch, vocabulary, asked = ast.literal_eval(answer.stdout.splitlines()[-1])
    course = tmp_path / "mtp_edu_course"
    assert Path(package) == course / "mtp_edu" / "__init__.py" and Path(data) == course / "data" and vocabulary > 100
    assert not Path(torch).is_relative_to(tmp_path)
    clone, *pip = asked
    assert clone[:4] == ["git", "clone", "--depth", "1"] and [path.name for path in tmp_path.iterdir()] == [course.name]
    assert [command[1:] for command in pip] == 2 * [["-m", "pip", "install", "--quiet", "--no-deps", "einops"]]
    assert subprocess.check_output(["git", "rev-list", "--count", "HEAD"], cwd=course, text=True).strip() == "1"


def test_colab_says_what_to_do_without_an_address_and_with_a_wrong_one(tmp_path):
    answer = in_colab(tmp_path, "")
    assert answer.returncode and "Put this course's address between the first quotes after ADDRESS" in answer.stderr
    answer = in_colab(tmp_path, (tmp_path / "nothing").as_uri())
    assert answer.returncode and "nothing, branch main, could not be fetched" in answer.stderr
    assert "does not appear to be a git repository" in answer.stderr and not list(tmp_path.iterdir())


def test_what_colab_may_lack_is_what_it_has_not_promised():
    """The first cell installs single packages without what they need: so these must need nothing."""
    cell = (ROOT / "notebooks" / "source" / "colab.py").read_text(encoding="utf-8")
    named = set(ast.literal_eval(re.search(r"needed = (\(.*\))", cell)[1]))
    assert named == set(requirements()) - {"torch", "numpy", "matplotlib", "ipython", "ipywidgets"}
    for name in named:
        further = [Requirement(line) for line in importlib.metadata.requires(name) or []]
        plain = [each for each in further if each.marker is None or each.marker.evaluate({"extra": ""})]
        assert not plain, f"{name} needs {plain}"


def test_outside_colab_the_cell_does_nothing(tmp_path):
    command = [sys.executable, ROOT / "notebooks" / "source" / "colab.py"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert not list(tmp_path.iterdir())
