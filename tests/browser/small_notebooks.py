"""Small notebooks for tests of one panel: they load in seconds and do not depend on a lesson."""

import nbformat


def add_notebook(lab, name: str, *cells: str) -> None:
    """Write a notebook of these cells into the folder that JupyterLab serves."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / name)
