"""The lessons on the packages that Google Colab has: the kernel's side of it, for there is no Colab to drive here.

What an older ipywidgets or ipykernel lacks shows up when a panel is made or its callbacks run. So every notebook runs
here, and .ci/bootstrap.py lets the tests of the views run on the same packages.
"""

import importlib
import importlib.metadata
import pkgutil
import re
from pathlib import Path

import pytest
from notebooks.test_notebooks import EXPECT, SECONDS, SOURCES, builder, text_of

pytestmark = pytest.mark.colab
CONSTRAINTS = Path(__file__).with_name("constraints.txt").read_text(encoding="ascii")
COLAB = re.findall(r"^(\S+)==(\S+)$", CONSTRAINTS.split("\n\n")[0], flags=re.MULTILINE)


@pytest.mark.parametrize(("name", "version"), COLAB)
def test_this_is_what_colab_has(name, version):
    assert importlib.metadata.version(name).split("+")[0] == version


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_runs(source, tmp_path, monkeypatch):
    monkeypatch.setenv("MTP_EDU_FAST", "1")
    # ipywidgets 7 takes options it does not know without a word but this one
    monkeypatch.setenv("PYTHONWARNINGS", "error:Passing unrecognized arguments:DeprecationWarning")
    notebook = builder.read(source)
    builder.run(notebook, tmp_path, timeout=SECONDS)
    EXPECT[source.stem](text_of(notebook))


def test_every_panel_is_made_in_some_notebook():
    views = importlib.import_module("mtp_edu.views")
    for module in pkgutil.iter_modules(views.__path__, "mtp_edu.views."):
        importlib.import_module(module.name)

    def below(kind: type) -> set[str]:
        return {kind.__name__}.union(*map(below, kind.__subclasses__()))

    cells = "\n".join(source.read_text(encoding="utf-8") for source in SOURCES)
    made = set(re.findall(r"\w+", cells))
    assert len(below(views.Panel)) > 10 and below(views.Panel) - {"Panel"} <= made
