"""Panels: thin ipywidgets over the pure figures. Each control has a class of its own (mtp-...), which tests use.

A panel computes under one lock, because JupyterLab may run callbacks on another thread while a cell runs, or keep
them until it ends. Whatever goes wrong is said in the panel. A panel leaves a static twin behind for readers without
a kernel. Core widgets only, and only what ipywidgets 7.7 (Colab) and 8 share.
"""

import threading
from base64 import b64encode
from collections.abc import Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure

from mtp_edu.views.figures import target_table
from mtp_edu.views.html import STYLE_SHEET, HtmlFigure, error, figure
from mtp_edu.views.show import png


class Panel:
    """Base: controls above an HTML area that shows the figure made by `make()`."""

    def __init__(self, controls: Sequence[widgets.Widget]):
        self._lock = threading.Lock()
        self._figure = figure("", "not run yet")
        self.output = widgets.HTML()
        self.output.add_class("mtp-output")
        self.widget = widgets.VBox([_style_sheet(), *controls, self.output])
        self.widget.add_class("mtp-panel")

    def make(self) -> HtmlFigure:
        """The figure for the controls as they stand. Raises ValueError with a remedy for what the learner can mend."""
        raise NotImplementedError

    def update(self, *_) -> None:
        """Make the figure and show it; an error becomes a message in the panel."""
        with self._lock:
            try:
                self._figure = self.make()
            except Exception as problem:  # a callback has no cell to raise in
                kind = "" if isinstance(problem, ValueError) else f"{type(problem).__name__}: "
                self._figure = error(f"{kind}{problem}")
            self._put(self._figure)

    def _put(self, drawn: HtmlFigure) -> None:
        self.output.value = drawn.bare

    def static(self) -> HtmlFigure | Figure:
        """The figure as it stands, without controls: for a saved notebook."""
        return self._figure

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        """The widget, and its static twin for whoever has no kernel."""
        with self._lock:
            twin = self.static()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        bundle = {"application/vnd.jupyter.widget-view+json": view}
        if isinstance(twin, HtmlFigure):
            return bundle | {"text/html": twin.html, "text/plain": twin.text}
        # Not inside HTML: a notebook that is not trusted drops pictures there.
        return bundle | {"image/png": b64encode(png(twin)).decode("ascii"), "text/plain": self._figure.text}

    def __repr__(self) -> str:
        return self._figure.text


def _control(widget: widgets.Widget, name: str) -> widgets.Widget:
    widget.add_class(name)
    return widget


def _style_sheet() -> widgets.HTML:
    """The figures' style sheet, once. With every update a browser would compute the style of the whole page anew."""
    return widgets.HTML(STYLE_SHEET, layout=widgets.Layout(display="none"))


def _slider(name: str, text: str, value: int, low: int, high: int, live: bool = True) -> widgets.IntSlider:
    slider = widgets.IntSlider(value=value, min=low, max=high, description=text, continuous_update=live,
                               style={"description_width": "initial"})
    return _control(slider, name)


def _textarea(name: str, text: str, value: str, rows: int = 3) -> widgets.Textarea:
    box = widgets.Textarea(value=value, rows=rows, description=text, style={"description_width": "initial"},
                           layout=widgets.Layout(width="98%", height="auto"))  # fmt: skip
    return _control(box, name)


def _check_tokenizer(model, tokenizer) -> None:
    """Raises ValueError for a tokenizer that writes ids which the model does not have."""
    if tokenizer.vocab_size > model.cfg.vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size:,} tokens and the model {model.cfg.vocab_size:,}: it is another "
            "model's; use the one that the model was trained with, which mtp.load and mtp.load_pretrained return"
        )


class TargetsPanel(Panel):
    """The shifted targets of a text, with a slider for n and one for the position.

    text: a string (with `tokenizer`, or else split at spaces) or a sequence of token strings.
    """

    def __init__(self, text: str | Sequence[str], tokenizer=None, n: int = 1, n_max: int = 4, across: bool = False):
        if isinstance(text, str):
            tokens = [tokenizer.token_text(i) for i in tokenizer.encode(text)] if tokenizer else text.split()
        else:
            tokens = list(text)
        if not tokens:
            raise ValueError("the text is empty: give at least one token")
        if not 1 <= n <= n_max:
            raise ValueError(f"n = {n} is outside 1 to n_max = {n_max}")
        self.tokens, self.across = tokens, across
        self.n = _slider("mtp-slider-n", "heads n", n, 1, n_max)
        self.position = _slider("mtp-slider-t", "position t", min(2, len(tokens) - 1), 0, len(tokens) - 1)
        super().__init__([widgets.HBox([self.n, self.position])])
        for control in (self.n, self.position):
            control.observe(self.update, names="value")
        self.update()

    def make(self) -> HtmlFigure:
        return target_table(self.tokens, self.n.value, self.position.value, self.across)
