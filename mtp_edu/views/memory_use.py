"""What memory would be needed and what was: a calculator from the closed form, and the figures of the measurements.

1 MB is a million bytes, and `n` the number of future tokens. Measurements are those of `mtp-edu bench memory`.
"""

import math
import statistics
import textwrap
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure

from mtp_edu.config import ModelConfig
from mtp_edu.device import DTYPES
from mtp_edu.meter import MACHINES, USABLE, Estimate, estimate
from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, escape, figure, legend, note, table, tag
from mtp_edu.views.memory import SAMPLE, size, unit_of
from mtp_edu.views.panels import Panel, _control

_METHODS = {"naive": ("#c9c9c9", "///"), "memory-efficient": ("#4a4a4a", ""), "chunked": ("#ffffff", "...")}


class LogitsCalculator(Panel):
    """What training a model of some shape takes, naively, head by head and with chunks, and which machine has it.

    From meter.estimate, in closed form. n_layers: of the model, heads included. token_chunk: rows of logits alive at
    once in the third bar. Raises ValueError for a single layer.
    """

    def __init__(self, n_layers: int = 12, token_chunk: int = 512) -> None:
        if n_layers < 2:
            raise ValueError(f"n_layers={n_layers}: head 1 takes a layer and the trunk needs one, so at least 2")
        self.n_layers = n_layers
        self.ways = {"naive": ("naive", None), "memory-efficient": ("memory-efficient", None),
                     f"… in chunks of {token_chunk}": ("memory-efficient", token_chunk)}

        def pick(name: str, text: str, values: Sequence[int], value: int) -> widgets.SelectionSlider:
            options, look = [(f"{number:,}", number) for number in values], {"description_width": "105px"}
            slider = widgets.SelectionSlider(options=options, value=value, description=text, style=look)
            slider.layout.width = "350px"
            return _control(slider, name)

        self.vocab = pick("mtp-vocab", "vocabulary V", (257, 2048, 8192, 32_000, 50_257, 128_256), 32_000)
        self.n = pick("mtp-slider-n", "heads n", range(1, min(9, n_layers)), min(4, n_layers - 1))
        self.tokens = pick("mtp-tokens", "batch × length", [2**i for i in range(8, 18)], 4096)
        self.dim = pick("mtp-dim", "width D", (64, 128, 256, 512, 768, 1024, 2048, 4096), 768)
        formats = [name for name in DTYPES if name != "float64"]
        self.dtype = widgets.Dropdown(options=formats, description="numbers are", style={"description_width": "105px"})
        self.dtype.add_class("mtp-dtype")
        super().__init__([widgets.HBox([self.vocab, self.n]), widgets.HBox([self.tokens, self.dim]), self.dtype])
        for control in (self.vocab, self.n, self.tokens, self.dim, self.dtype):
            control.observe(self.update, names="value")
        self.update()

    def estimates(self) -> dict[str, Estimate]:
        """Method -> estimate for the controls as they stand."""
        dim, batch = self.dim.value, self.tokens.value // 256
        cfg = ModelConfig(vocab_size=self.vocab.value, dim=dim, n_layers=self.n_layers, n_future=self.n.value,
                          n_attention_heads=dim // 64)
        return {name: estimate(cfg, batch, 256, mode, chunk, self.dtype.value)
                for name, (mode, chunk) in self.ways.items()}

    def make(self) -> HtmlFigure:
        looks = {"parameters, gradients, AdamW": ("mtp-grey", "#a3a3a3"),
                 "activations": (style.chip_class(0), "#d6d6d6"), "logits": ("mtp-full", style.INK),
                 "temporary": ("mtp-hatched", "#dcdcdc")}
        found = self.estimates()
        largest = max(one.total for one in found.values())
        rows, lines = [], []
        for name, one in found.items():
            fixed = one.total - one.peak
            counts = dict(zip(looks, (fixed, one.activation_bytes, one.logit_bytes, one.temporary_bytes)))
            fits = {machine: one.total <= USABLE * room for machine, (room, _, _) in MACHINES.items()}
            bar = [tag("div", class_=class_, title=f"{word}: {size(counts[word])}",
                       style=f"{SAMPLE}background-color:{ink};width:{200 * counts[word] / largest:.1f}px")
                   for word, (class_, ink) in looks.items()]
            cells = [escape(name), "".join(bar), size(one.logit_bytes), tag("b", size(one.total)),
                     *(style.RIGHT if good else style.WRONG for good in fits.values())]
            rows.append("".join(tag("td", cell, class_="mtp-left" * (i < 2)) for i, cell in enumerate(cells)))
            where = "; ".join(machine for machine, good in fits.items() if good) or "none of them"
            parts = ", ".join(f"{word} {size(count)}" for word, count in counts.items())
            lines.append(f"{name}: {size(one.total)} in training ({parts}); fits {where}")
        key = legend([tag("div", class_=class_, style=f"{SAMPLE}background-color:{ink}") + f" {word}"
                      for word, (class_, ink) in looks.items()])
        machines = [machine.replace(", ", "<br>") for machine in MACHINES]
        names = "".join(tag("th", name) for name in ["", "", "logits", "in all", *machines])
        laptop = size(USABLE * next(iter(MACHINES.values()))[0])
        small = (f"One head’s logits are {self.tokens.value:,} × {self.vocab.value:,} numbers. The model has "
                 f"{one.parameters:,} parameters in {self.n_layers} layers. Computed, not measured. A machine keeps a "
                 f"tenth of its memory for other things, the laptop more: {laptop} are left.")
        return figure(key + table(rows, names) + note(small), "\n".join([*lines, small]))


def _plain(axes) -> None:
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def memory_bars(content: Mapping) -> Figure:
    """Peak bytes against n, measured (bars) and in closed form (dashes): one panel for each kind of heads.

    content: what `mtp-edu bench memory` stores; "growth" has a row for each kind, n and method. Bytes beyond parameters
    and gradients; the axis starts at zero and is shared. Raises ValueError without rows.
    """
    rows = content["growth"]
    if not rows:
        raise ValueError("the result holds no measurements of growth: run `mtp-edu bench memory`")
    kinds, ns = list(dict.fromkeys(row["kind"] for row in rows)), sorted({row["n"] for row in rows})
    unit, word = unit_of(max(row["peak_bytes"] for row in rows))
    across = min(2, len(kinds))
    down = math.ceil(len(kinds) / across)
    fig = Figure(figsize=(9, 0.6 + 2.4 * down), dpi=100, layout="constrained", facecolor=style.PAPER)
    grid = fig.subplots(down, across, sharey=True, squeeze=False).flatten()
    for axes, kind in zip(grid, kinds):
        for i, (method, (fill, hatch)) in enumerate(_METHODS.items()):
            mine = [row for row in rows if row["kind"] == kind and row["method"] == method]
            places = [ns.index(row["n"]) + 0.27 * (i - 1) for row in mine]
            peaks, closed = ([row[key] / unit for row in mine] for key in ("peak_bytes", "estimate_bytes"))
            name = f"chunks of {content['shape']['token_chunk']:,} rows" if method == "chunked" else method
            axes.bar(places, peaks, 0.25, color=fill, hatch=hatch, edgecolor=style.INK, linewidth=0.8, label=name)
            axes.plot(places, closed, "_", color="#d98200", markersize=17, markeredgewidth=2,
                      label="closed form" if i == len(_METHODS) - 1 else None)
            for place, peak, high, row in zip(places, peaks, closed, mine):
                if row["n"] == ns[-1]:
                    words = f"{peak:.2g}" if peak < 10 else f"{peak:.0f}"
                    axes.annotate(words, (place, max(peak, high)), xytext=(0, 3), textcoords="offset points",
                                  ha="center", fontsize=8.5, color=style.INK)
        axes.set_title(f"{kind} heads", fontsize=10.5, loc="left", color=style.INK)
        axes.set_xticks(range(len(ns)), [f"n = {n}" for n in ns])
        axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
        _plain(axes)
    for axes in grid[len(kinds) :]:
        axes.set_visible(False)
    for axes in grid[::across]:
        axes.set_ylabel(f"peak, {word}")
    grid[0].set_ylim(0, 1.08 * grid[0].get_ylim()[1])
    handles, names = grid[0].get_legend_handles_labels()
    last = names.index("closed form")  # after the bars
    order = [*(i for i in range(len(names)) if i != last), last]
    key = [handles[i] for i in order], [names[i] for i in order]
    grid[0].legend(*key, fontsize=8.5, loc="upper left", frameon=False)
    most = "; ".join(f"{r['kind']}, {r['method']}: {size(r['peak_bytes'])}" for r in rows if r["n"] == ns[-1])
    fig.set_label(f"Peak beyond parameters and gradients at n = {ns[-1]}: {most}")
    return fig


def method_bars(content: Mapping) -> Figure:
    """Peak memory and time of one forward and backward, method by method; every turn is a dot, the bar is their median.

    content: what `mtp-edu bench memory` stores. A method that could not run is named with its reason. The error is the
    gradient's, relative to float64. Raises ValueError if no method ran.
    """
    rows = content["methods"]
    ran = [row for row in rows if "absent" not in row]
    if not ran:
        raise ValueError("the result holds no method that ran: run `mtp-edu bench memory`")
    unit, word = unit_of(max(row["peak_bytes"] for row in ran))
    fig = Figure(figsize=(9.2, 1 + 0.38 * len(rows)), dpi=100, layout="constrained", facecolor=style.PAPER)
    memory, time = fig.subplots(1, 2, sharey=True)
    look, small = {"height": 0.62, "color": "#c9c9c9", "edgecolor": style.INK}, {"va": "center", "fontsize": 8.5}
    words = []
    for y, row in enumerate(rows):
        if "absent" in row:
            reason = textwrap.fill(f"absent: {row['absent']}", 56)
            memory.text(0, y, textwrap.indent(reason, " "), color=style.MUTED, va="center", fontsize=7.5)
            words.append(f"{row['name']}: absent, {row['absent']}")
            continue
        peak, turns, middle = row["peak_bytes"], row["milliseconds"], statistics.median(row["milliseconds"])
        memory.barh(y, peak / unit, **look)
        memory.text(peak / unit, y, f" {size(peak)}", **small)
        time.barh(y, middle, **look)
        time.plot(turns, [y] * len(turns), "o", color=style.INK, markersize=3.5, alpha=0.7)
        time.text(max(turns), y, f"  {middle:,.0f} ms, error {row['error']:.0e}", **small)
        words.append(f"{row['name']}: {size(peak)}, {middle:,.0f} ms, error {row['error']:.0e}")
    memory.set_yticks(range(len(rows)), [row["name"] for row in rows])
    memory.set_title(f"n = {', '.join(str(n) for n in sorted({row['n'] for row in ran}))}", fontsize=10.5, loc="left")
    memory.set_ylim(len(rows) - 0.5, -0.5)
    memory.set_xlim(0, 1.25 * max(row["peak_bytes"] for row in ran) / unit)
    time.set_xlim(0, 1.6 * max(max(row["milliseconds"]) for row in ran))
    for axes, label in ((memory, f"peak, {word}"), (time, "milliseconds for one forward and backward")):
        axes.set_xlabel(label)
        axes.locator_params(axis="x", nbins=4)
        axes.grid(axis="x", color="#e3e3e3", linewidth=0.8)
        _plain(axes)
    fig.set_label("Peak and time of one forward and backward: " + "; ".join(words))
    return fig
