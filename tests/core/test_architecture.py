"""The core stands alone and stays small: what it may import, and how long it may be."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "mtp_edu"
LINE = "config device tokenizer corpus trunk heads model backward train checkpoint decode".split()
# attention over a window; torch.compile; Ctrl-C; where files lie; the text of corpus.stories
BESIDE = ["attention", "compiling", "interrupt", "paths", "stories"]
MAY_USE = {*LINE, *BESIDE}
NOT_IN_THE_CORE = {"ipywidgets", "matplotlib", "IPython"}
ONE_SITTING = "trunk heads model backward decode".split()


def files_of(name: str) -> list[Path]:
    """A module's file, or all files of a folder; never an empty list."""
    folder, file = PACKAGE / name, PACKAGE / f"{name}.py"
    found = sorted(folder.rglob("*.py")) if folder.is_dir() else [file]
    assert found and all(path.is_file() for path in found), f"mtp_edu/{name} is missing"
    return found


def imports(source: str, module: str, is_package: bool = False) -> set[str]:
    """Absolute names that `module` imports anywhere in its source, also inside functions and by importlib."""
    parts = module.split(".")
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = parts[: len(parts) - node.level + is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from package import name`: the name may be a module
            found |= {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            name = node.args[0]
            assert isinstance(name, ast.Constant), f"{module} imports a computed name: {ast.unparse(node)}"
            found.add(name.value if not name.value.startswith(".") else f"mtp_edu.{name.value.lstrip('.')}")
    return found


def forbidden(names: set[str]) -> set[str]:
    """Those of `names` that the core may not import."""
    wrong = set()
    for name in names:
        top, *rest = name.split(".")
        inside = top == "mtp_edu" and (not rest or rest[0] not in MAY_USE)
        if inside or top in NOT_IN_THE_CORE:
            wrong.add(name)
    return wrong


@pytest.mark.parametrize("name", [*LINE, *BESIDE])
def test_the_core_imports_nothing_from_outside_the_line(name):
    for path in files_of(name):
        relative = path.relative_to(PACKAGE.parent).with_suffix("")
        is_package = relative.name == "__init__"
        module = ".".join(relative.parts[:-1] if is_package else relative.parts)
        wrong = forbidden(imports(path.read_text(encoding="utf-8"), module, is_package))
        assert not wrong, f"{relative}.py imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize(
    "line",
    [
        "import mtp_edu",
        "import mtp_edu.views.style",
        "from mtp_edu import ModelConfig",
        "from mtp_edu import probe",
        "from . import bench",
        "from .views import figures",
        "from .views.style import COLOURS",
        "def late():\n    import matplotlib.figure",
        "from IPython.display import HTML",
        'import importlib\nimportlib.import_module("ipywidgets")',
        'import importlib\nimportlib.import_module(".meter", __package__)',
    ],
)
def test_a_planted_import_is_seen(line):
    assert forbidden(imports(line, "mtp_edu.train")), line


@pytest.mark.parametrize("line", ["from .. import probe", "from ..cli import main", "from ..grading.a import check"])
def test_a_planted_import_in_a_folder_is_seen(line):
    assert forbidden(imports(line, "mtp_edu.decode.step"))
    assert forbidden(imports(line, "mtp_edu.decode", is_package=True))


@pytest.mark.parametrize("line", ["from . import sampling", "from .step import Step", "from ..trunk import Cache"])
def test_the_line_may_use_itself(line):
    assert not forbidden(imports(line, "mtp_edu.decode.step"))
    assert not forbidden(imports(line, "mtp_edu.decode", is_package=True))


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_the_core_is_read_in_one_sitting():
    length = {str(path.relative_to(PACKAGE).as_posix()): lines(path) for name in ONE_SITTING for path in files_of(name)}
    assert sum(length.values()) <= 1500, length


@pytest.mark.parametrize("name", LINE)
def test_no_core_file_is_long(name):
    for path in files_of(name):
        assert lines(path) <= 350, f"{path.name}: {lines(path)} lines"


def test_the_package_is_small():
    """Without bench, experiments, grading and views: each of their files is read alone, by who wants to change it."""
    length = {str(path.relative_to(PACKAGE).as_posix()): lines(path) for path in PACKAGE.rglob("*.py")}
    apart = ("bench", "experiments", "grading", "views")
    length = {name: count for name, count in length.items() if name.split("/")[0] not in apart}
    assert 0 < sum(length.values()) <= 7000, sorted(length.items(), key=lambda item: -item[1])[:10]
