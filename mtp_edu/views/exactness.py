"""Exact or not: draws beside exact probabilities, a panel to try rules of acceptance, and near ties of two tokens."""

import math
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure

from mtp_edu import continuations
from mtp_edu.continuations import Comparison, Text
from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, escape, figure, legend, note, table, tag
from mtp_edu.views.memory import SAMPLE
from mtp_edu.views.panels import Panel, _control

MOST = 81  # texts that are drawn; all are compared
ALARM = 4.75  # sigmas of level 1e-6
_HEIGHT, _HALF, _ERROR = 110, 42, 4  # pixels: the bars, a deviation to one side, one standard error of it
_FAR = 3  # standard errors that chance alone seldom makes
# the class, and what is left without the style sheet: greys that show on any page
_EXACT, _DRAWN = ("mtp-grey", "background-color:#bdbdbd"), ("mtp-full", "background-color:#6e6e6e")
_NEAR = ("", "background-color:#9a9a9a")
_DASH = "#d98200"  # what is expected by chance or by formula, as in the charts of memory


def _verdict(found: Comparison) -> str:
    return "NOT the distribution of plain sampling" if found.differs else "no difference seen"


def _deviation(errors: float) -> str:
    """A bar up or down from the middle, as long as the deviation in standard errors, cut where there is no room."""
    length, far = round(min(_HALF, _ERROR * abs(errors))), abs(errors) > _FAR
    class_, look = _DRAWN if far else _NEAR
    bar = tag("div", class_=class_, style=f"width:7px;height:{length}px;{look}")
    up, down = (bar, "") if errors > 0 else ("", bar)
    space = tag("div", style=f"height:{_HALF - length if up else _HALF}px")
    line = "border-bottom:1px solid rgba(128,128,128,.8)"
    return tag("div", space, up, style=f"height:{_HALF + 1}px;{line}") + tag("div", down, style=f"height:{_HALF}px")


def continuation_bars(found: Mapping[Text, int], chances: Mapping[Text, float], name: str = "") -> HtmlFigure:
    """How often each text was drawn beside how often it should have been, and the deviations in standard errors.

    found: texts -> how often, from continuations.drawn. chances: from continuations.exact. The likeliest texts come
    first. The verdict is the chi-square test's. Raises ValueError for too few draws.
    """
    result, draws = continuations.compare(found, chances), sum(found.values())
    shown = sorted(chances, key=chances.get, reverse=True)[:MOST]
    top = max(max(draws * chances[text], found.get(text, 0)) for text in shown)
    bars, deviations, errors = [], [], {}
    for text in shown:
        expected, seen = draws * chances[text], found.get(text, 0)
        errors[text] = (seen - expected) / math.sqrt(expected) if expected else math.inf if seen else 0.0
        name_of = " ".join(map(str, text))
        words = f"text {name_of}: drawn {seen:,}, expected {expected:,.1f}, {errors[text]:+.1f} standard errors"
        pair = []
        for count, (class_, look) in ((expected, _EXACT), (seen, _DRAWN)):
            size = f"display:inline-block;vertical-align:bottom;width:3px;height:{_HEIGHT * count / top:.1f}px"
            pair.append(tag("span", class_=class_, style=f"{size};{look}"))
        look = f"vertical-align:bottom;padding:0;line-height:0;height:{_HEIGHT}px"
        bars.append(tag("td", *pair, title=words, style=look))
        deviations.append(tag("td", _deviation(errors[text]), title=words, style="padding:4px 0 0"))
    words = ("exact", "drawn", f"below: deviation, in this grey up to {_FAR} standard errors (cut at 10)")
    key = [
        tag("div", class_=class_, style=SAMPLE + look) + f" {word}"
        for (class_, look), word in zip((_EXACT, _DRAWN, _NEAR), words)
    ]
    worst = max(shown, key=lambda text: abs(errors[text]))
    largest = f"Largest deviation: text {' '.join(map(str, worst))}, {errors[worst]:+.1f} standard errors."
    title = f"{name}: {_verdict(result)}" if name else _verdict(result)
    part = f" The {MOST} likeliest of {len(chances)} texts are drawn." if len(chances) > MOST else ""
    picture = table(["".join(bars), "".join(deviations)], class_="mtp-memory")
    small = f"{result!r}. {largest}{part}"
    body = tag("div", escape(title), class_="mtp-title") + legend(key) + picture + note(escape(small))
    return figure(body, f"{title}\n{small}")


class RulePanel(Panel):
    """Choose an acceptance rule, draw texts with it, and see whether they are distributed as plain sampling's.

    rules: name -> "lossless", "typical" or a function as `decode.accept_lossless`. Every press draws anew.
    """

    def __init__(
        self, model, prompt: Sequence[int], rules: Mapping[str, str | Callable], count: int = 4, draws: int = 10_000
    ):
        self.model, self.prompt, self.rules, self.count, self.pressed = model, prompt, rules, count, 0
        self.chances = continuations.exact(model, prompt, count)
        wide = {"description_width": "initial"}
        self.rule = _control(widgets.Dropdown(options=list(rules), description="rule", style=wide), "mtp-rule")
        sizes = sorted({1000, 3000, 10_000, 30_000, 100_000, draws})
        self.draws = widgets.SelectionSlider(
            options=[(f"{size:,}", size) for size in sizes], value=draws, description="draws", style=wide
        )
        _control(self.draws, "mtp-draws")
        self.button = _control(widgets.Button(description="Draw", button_style="primary"), "mtp-draw")
        super().__init__([widgets.HBox([self.rule, self.draws, self.button])])
        self.button.on_click(self.run)
        self.update()

    def run(self, *_) -> None:
        """Draw with the controls as they stand."""
        self.button.disabled = True
        self._put(figure(note("drawing …"), "drawing"))
        try:
            self.update()
        finally:
            self.button.disabled = False

    def make(self) -> HtmlFigure:
        name, draws, self.pressed = self.rule.value, self.draws.value, self.pressed + 1
        seed = 1_000_000 * self.pressed
        found = continuations.drawn(self.model, self.prompt, self.count, draws, seed, acceptance=self.rules[name])
        return continuation_bars(found, self.chances, name)


def _plain(axes) -> None:
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def sigma_bars(results: Mapping[str, Comparison]) -> Figure:
    """How surely the test tells each rule from plain sampling, and how far apart they are.

    The dash beside a bar of total variation is what chance alone would show. Raises ValueError without results.
    """
    if not results:
        raise ValueError("there is nothing to show: compare at least one rule")
    names, found = list(results), list(results.values())
    fig = Figure(figsize=(9, 0.9 + 0.36 * len(names)), dpi=100, layout="constrained", facecolor=style.PAPER)
    left, right = fig.subplots(1, 2, sharey=True)
    largest = max(max(one.sigmas for one in found), 2 * ALARM)
    for y, one in enumerate(found):
        look = {"height": 0.62, "edgecolor": style.INK, "hatch": "" if one.differs else "///"}
        look["color"] = "#8c8c8c" if one.differs else style.PAPER
        left.barh(y, max(one.sigmas, 0), **look)
        left.text(max(one.sigmas, ALARM), y, f" {one.sigmas:.1f}", va="center", fontsize=8.5, color=style.INK)
        right.barh(y, one.total_variation, **look)
        right.plot(one.by_chance, y, "|", color=_DASH, markersize=15, markeredgewidth=2.5)
        end = max(one.total_variation, one.by_chance)
        right.text(end, y, f"  {one.total_variation:.3f}", va="center", fontsize=8.5, color=style.INK)
    left.axvline(ALARM, color=style.INK, linestyle="--", linewidth=1.2)
    left.text(ALARM, -0.62, f" alarm: {ALARM}", fontsize=8.5, va="bottom", color=style.INK)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.5, -0.9)
    left.set_xlim(0, 1.15 * largest)
    right.set_xlim(0, 1.2 * max(one.total_variation for one in found))
    left.set_xlabel("sigmas")
    right.set_xlabel("total variation; dash: by chance alone")
    for axes in (left, right):
        axes.grid(axis="x", color="#e3e3e3", linewidth=0.8)
        _plain(axes)
    words = "; ".join(f"{name}: {one.sigmas:.1f} sigmas, {_verdict(one)}" for name, one in results.items())
    fig.set_label(words)
    return fig


def near_tie(logits: Mapping[str, tuple[float, float]], tokens: tuple[str, str], ulp: float) -> Figure:
    """Two tokens' logits, computed in several ways, on the ruler of the numbers that the precision has.

    logits: way -> (first token's, second token's). tokens: their texts. ulp: distance of neighbouring numbers there.
    """
    values = [value for pair in logits.values() for value in pair]
    low, high = math.floor(min(values) / ulp) - 1, math.ceil(max(values) / ulp) + 1
    if high - low > 60:
        raise ValueError(f"{high - low} numbers lie between the logits: this is no near tie")
    fig = Figure(figsize=(8, 1.1 + 0.5 * len(logits)), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes, words = fig.add_subplot(), []
    for i in range(low, high + 1):
        axes.axvline(i * ulp, color="#d2d2d2", linewidth=1, zorder=0)
    names = [f"'{token}'" for token in tokens]
    for y, (way, (one, other)) in enumerate(logits.items()):
        axes.plot(one, y, "o", color=style.INK, markersize=8, label=names[0] if y == 0 else None)
        axes.plot(
            other,
            y,
            "s",
            markerfacecolor="none",
            markeredgecolor=_DASH,
            markersize=14,
            markeredgewidth=2,
            label=names[1] if y == 0 else None,
        )
        said = "a tie" if one == other else f"{names[one < other]} by {abs(one - other) / ulp:.2g} ulp"
        axes.text(1.01, y, said, transform=axes.get_yaxis_transform(), va="center", fontsize=9.5, color=style.INK)
        words.append(f"{way}: {names[0]} {one:.5f}, {names[1]} {other:.5f}, {said}")
    axes.set_yticks(range(len(logits)), list(logits))
    axes.set_ylim(len(logits) - 0.4, -0.6)
    axes.set_xlim((low - 0.3) * ulp, (high + 0.3) * ulp)
    axes.set_xlabel("logit; each line is a number of this precision")
    axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=10)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    fig.set_label("; ".join(words))
    return fig


def gap_curve(gaps: Sequence[float], density: float, noise: Mapping[str, float]) -> Figure:
    """How often the two largest logits lie closer than some distance, and how often rounding turns them round.

    gaps: distance of the two largest logits, place by place. density: share of them per unit of distance, near 0.
    noise: precision -> by how much that distance differs, on average, between two ways to compute it. Near 0 gaps are
    evenly spread, so a noise N turns round a share density * N / 2. Raises ValueError without gaps.
    """
    ordered = sorted(map(float, gaps))
    if not ordered or not noise:
        raise ValueError("there is nothing to draw: give at least one gap and the noise of one precision")
    fig = Figure(figsize=(8, 3.9), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes, words = fig.add_subplot(), []
    places = sorted({round(len(ordered) ** (i / 200)) - 1 for i in range(201)})
    shares = [(i + 1) / len(ordered) for i in places]
    axes.plot([ordered[i] for i in places], shares, color=style.INK, linewidth=2, label="measured")
    least = min(*noise.values(), ordered[0]) / 10
    axes.plot([least, ordered[0]], [density * least, density * ordered[0]], "--", color=style.MUTED, label="carried on")
    for (name, size), marker in zip(noise.items(), style.HEAD_MARKERS):
        share = density * size / 2
        axes.plot(size, share, marker, color=_DASH, markersize=9, markeredgecolor=style.INK)
        axes.annotate(
            f"{name}\n1 token in {_rounded(1 / share, '$10^{{{}}}$')}",
            (size, share),
            xytext=(10, -4),
            textcoords="offset points",
            va="top",
            fontsize=9.5,
            color=style.INK,
        )
        words.append(f"{name}: 1 token in {_rounded(1 / share)}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(density * least / 100, 3)
    axes.set_xlabel("distance of the two largest logits")
    axes.set_ylabel("share of tokens that lie closer")
    axes.legend(loc="upper left", frameon=False)
    _plain(axes)
    fig.set_label(f"Two tokens change places by rounding: {'; '.join(words)}. From {len(ordered):,} places of text.")
    return fig


def _rounded(number: float, power_of_ten: str = "10^{}") -> str:
    """A number to two digits, 430 or 900,000; from a thousand million on, its power of ten."""
    digits = math.floor(math.log10(number)) + 1
    return f"{round(number, 2 - digits):,.0f}" if digits < 10 else power_of_ten.format(round(math.log10(number)))
