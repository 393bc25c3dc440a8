"""Showing matplotlib figures without pyplot: as PNG bytes, and by themselves at the end of a notebook cell."""

import io
import sys

from matplotlib.figure import Figure

_DPI = 130  # sharper than the screen's 100; shown at the figure's own size


def png(figure: Figure) -> bytes:
    """A figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def in_notebook() -> bool:
    """True where outputs can be updated: an IPython kernel, not a plain script or terminal."""
    shell = _shell()
    return shell is not None and hasattr(shell, "kernel")


def clicks_while_busy() -> bool:
    """True where a button can be heard while a cell runs: since ipykernel 7, JupyterLab's widgets have a subshell."""
    kernel = sys.modules.get("ipykernel")
    return kernel is not None and kernel.version_info[0] >= 7


def teach_notebook() -> None:
    """Let a figure that ends a cell show itself as a PNG, with its label as text; IPython knows pyplot's only."""
    if in_notebook():
        formatters = _shell().display_formatter.formatters
        formatters["image/png"].for_type(Figure, lambda figure: (png(figure), png_size(figure)))
        formatters["text/plain"].for_type(Figure, lambda figure, printer, _: printer.text(figure.get_label()))


def png_size(figure: Figure) -> dict[str, int]:
    """The size to show a PNG at, as output metadata."""
    return {"width": round(100 * figure.get_figwidth()), "height": round(100 * figure.get_figheight())}


def _shell():
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
