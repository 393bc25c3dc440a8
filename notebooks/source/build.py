"""Build the notebooks that people open from their percent sources in this folder.

    python notebooks/source/build.py                      build all: run them and store the outputs
    python notebooks/source/build.py 01_from_one_to_n     those whose names start so
    python notebooks/source/build.py --no-execute         cells only; outputs of cells that did not change are kept
    python notebooks/source/build.py --check              compare the committed notebooks with their sources
    python notebooks/source/build.py --address URL [--branch NAME]
                                                          where Colab finds this course, in all notebooks and
                                                          assignments; nothing is run

A source, NN_name.py, is Python with `# %%` cells (jupytext's percent format) and is what maintainers edit; the notebook
beside this folder is made from it. Cell ids follow from the cells' content, so that building twice gives the same bytes
except for outputs. Outputs are those of a real run: PNG and text, no widget state, less than 1 MB per notebook; and the
kernel took less than 3 GB for it.

Every notebook's first code cell is colab.py, which is not in the sources. The course's address stands there and nowhere
else; with an address on GitHub, every notebook gets a badge that opens it in Colab.
"""

import argparse
import base64
import hashlib
import io
import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

SOURCES = Path(__file__).resolve().parent
NOTEBOOKS = SOURCES.parent
LIMIT = 1_000_000  # bytes of a notebook: what GitHub still shows quickly
MEMORY = 3e9  # bytes of its kernel: a laptop has 8 GB
MINUTES = 20  # a cell that takes longer does not belong into a lesson
COLAB = SOURCES / "colab.py"
ADDRESS_LINE = re.compile(r'^ADDRESS, BRANCH = "([^"]*)", "([^"]*)"', re.MULTILINE)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
    "colab": {"provenance": [], "toc_visible": True},
}


def lessons() -> list[Path]:
    """All sources; other scripts may lie beside them."""
    return sorted(SOURCES.glob("[0-9][0-9]_*.py"))


def assignments() -> list[Path]:
    """The assignments' sources. nbgrader makes notebooks of them (`make release`); only the address is changed here."""
    return sorted((SOURCES / "assignments").glob("A[0-9]_*.py"))


def target(source: Path) -> Path:
    """The notebook of a source: a lesson's, or a student's of an assignment."""
    return NOTEBOOKS / source.relative_to(SOURCES).with_suffix(".ipynb")


def address() -> tuple[str, str]:
    """The course's git repository ("" if it has none yet) and the branch."""
    return ADDRESS_LINE.search(COLAB.read_text(encoding="utf-8")).groups()


def set_address(url: str, branch: str) -> None:
    """Write the course's address into colab.py. Raises ValueError for what git could not fetch in Colab."""
    url = url.rstrip("/")
    if url and not re.fullmatch(r"(https|file)://[^\s\"\\]+", url):
        raise ValueError(f"{url!r} is no address that Colab can clone: it begins with https:// (or is empty)")
    if not re.fullmatch(r"[\w./-]+", branch):
        raise ValueError(f"{branch!r} is no name of a branch or tag")
    text = COLAB.read_text(encoding="utf-8")
    COLAB.write_text(ADDRESS_LINE.sub(f'ADDRESS, BRANCH = "{url}", "{branch}"', text), encoding="utf-8")


def badge(name: str) -> str:
    """What opens a notebook of this course in Colab, as markdown; "" unless the course is on GitHub."""
    url, branch = address()
    on_github = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?", url)
    if not on_github:
        return ""
    place = f"https://colab.research.google.com/github/{on_github[1]}/blob/{branch}/notebooks/{name}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({place})"


def set_up_cell() -> nbformat.NotebookNode:
    """The first code cell of every notebook, colab.py; folded in JupyterLab, where it does nothing."""
    cell = nbformat.v4.new_code_cell(COLAB.read_text(encoding="utf-8").rstrip())
    cell.metadata = nbformat.from_dict({"jupyter": {"source_hidden": True}})
    return cell


def read(source: Path) -> nbformat.NotebookNode:
    """A source as a notebook without outputs, with ids that follow from the content of its cells."""
    notebook = jupytext.read(source, fmt="py:percent")
    title = notebook.cells[0]
    title.source = "\n\n".join(filter(None, (title.source, badge(target(source).relative_to(NOTEBOOKS).as_posix()))))
    notebook.cells.insert(1, set_up_cell())
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
        cell.metadata.pop("lines_to_next_cell", None)
    notebook.cells[1].id = "colab"  # whatever the address is: it shows nothing, so its run stays valid
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def run(notebook: nbformat.NotebookNode, folder: Path, timeout: float = 60 * MINUTES) -> int | None:
    """Run all cells in `folder` with this interpreter, keeping their outputs. Errors outside tagged cells are raised.

    Returns the most memory that the kernel ever had, in bytes; None where the system does not say (Linux does).
    """
    peak: list[int] = []

    def look(**_) -> None:
        status = Path(f"/proc/{manager.provisioner.pid}/status")
        if status.exists():
            peak.append(int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))[1]) * 1024)

    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", record_timing=False,
                            store_widget_state=False, extra_arguments=["--IPKernelApp.log_level=ERROR"],
                            resources={"metadata": {"path": str(folder)}}, on_cell_executed=look)
    manager = client.create_kernel_manager()
    manager.kernel_spec.argv[0] = sys.executable  # never another Python that registered itself under this name
    here = [str(NOTEBOOKS.parent), os.environ.get("PYTHONPATH")]  # this checkout, whatever else is installed
    client.execute(env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, here))})
    return max(peak, default=None)


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Printed text in one piece, however many it arrived in; what was shown in between stays in between."""
    result: list[nbformat.NotebookNode] = []
    for output in outputs:
        if result and output.output_type == "stream" and output.get("name") == result[-1].get("name"):
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Leave what a reader without a kernel can see, and nothing that changes from machine to machine."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if len(data) > 1:
                data.pop(WIDGET_VIEW, None)  # its model is gone: the static twin beside it is shown instead
            if "image/png" in data:
                data["image/png"] = with_palette(data["image/png"])


def with_palette(picture: str) -> str:
    """A PNG in base64 with 256 colours of its own: a third of the size, and to the eye the same."""
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    if image.mode == "P":
        return picture
    small = io.BytesIO()
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii") + "\n"


def problems(notebook: nbformat.NotebookNode, size: int) -> list[str]:
    """Why a built notebook should not be committed."""
    found = []
    if "widgets" in notebook.metadata:
        found.append("it holds widget state")
    if size > LIMIT:
        found.append(f"it has {size:,} bytes, more than {LIMIT:,}")
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(code, start=1):
        where = f"code cell {number}"
        if cell.execution_count is None:
            found.append(f"{where} was not run")
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
                found.append(f"{where} ends in {output.ename}: {output.evalue}")
            if WIDGET_VIEW in output.get("data", {}):
                found.append(f"{where} shows a widget without a static twin")
    if not any(cell.outputs for cell in code):
        found.append("it has no outputs")
    return found


def differences(source: Path) -> list[str]:
    """Why the committed notebook of a source is not current."""
    path = target(source)
    if not path.exists():
        return ["it was never built"]
    wanted, there = read(source), nbformat.read(path, as_version=4)
    cells = [[(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in book.cells] for book in (wanted, there)]
    found = problems(there, path.stat().st_size)
    if cells[0] != cells[1]:
        changed = next((i for i, pair in enumerate(zip(*cells)) if pair[0] != pair[1]), min(map(len, cells)))
        found.insert(0, f"its cells differ from the source from cell {changed + 1} on: build it again")
    if there.metadata != wanted.metadata:
        found.append("its metadata differ")
    return found


def keep_outputs(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Take over the outputs of cells that did not change."""
    if not path.exists():
        return
    old = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.id in old:
            cell.outputs, cell.execution_count = old[cell.id].outputs, old[cell.id].execution_count


def build(source: Path, execute: bool) -> list[str]:
    """Write the notebook of a source; with problems, nothing is written."""
    notebook, path = read(source), target(source)
    peak = None
    if execute:
        peak = run(notebook, NOTEBOOKS)
    else:
        keep_outputs(notebook, path)
    tidy(notebook)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    found = problems(notebook, len(text.encode())) if execute else []
    if peak:
        print(f"{path.name}: at most {peak / 1e9:.2f} GB of memory", flush=True)
    if (peak or 0) > MEMORY:
        found.append(f"its kernel took {peak / 1e9:.2f} GB, more than {MEMORY / 1e9:.0f}")
    if not found:
        path.write_text(text, encoding="utf-8", newline="\n")
    return found


def readdress(source: Path) -> list[str]:
    """Give a built notebook the badge and the first code cell of today; all else stays as it is."""
    path = target(source)
    if not path.exists():
        return ["it was never built"]
    notebook, wanted = nbformat.read(path, as_version=4), read(source)
    for old, new in zip(notebook.cells[:2], wanted.cells[:2]):
        old.id, old.source, old.metadata = new.id, new.source, new.metadata
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
    return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="notebooks whose names start so; all of them if none is given")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--address", metavar="URL", help='of this course\'s git repository; "" takes it away')
    parser.add_argument("--branch", default="main", help="or tag, with --address")
    parser.add_argument("--execute", action=argparse.BooleanOptionalAction, default=True, help="run the cells")
    arguments = parser.parse_args()
    if arguments.address is not None:
        if arguments.names:
            parser.error("--address is for all notebooks: name none")
        try:
            set_address(arguments.address, arguments.branch)
        except ValueError as problem:
            parser.error(str(problem))
    runs = arguments.execute and not arguments.check and arguments.address is None
    if os.environ.get("MTP_EDU_FAST", "0") != "0" and runs:
        parser.error("MTP_EDU_FAST is set: outputs that are committed come from a real run. Unset it.")
    chosen = [path for path in lessons() if not arguments.names or path.name.startswith(tuple(arguments.names))]
    if arguments.address is not None:
        chosen += assignments()
    if not chosen:
        parser.error(f"no source starts with {' or '.join(arguments.names)}")
    bad = 0
    for source in chosen:
        if arguments.address is not None:
            found = readdress(source)
        else:
            found = differences(source) if arguments.check else build(source, arguments.execute)
        print(f"{target(source).name}: {'; '.join(found) or 'good'}", flush=True)
        bad += bool(found)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
