"""What two seeds can show, and what they cannot: the paper's toy experiments have two runs for each setting.

Every way of having run two seeds of one n and two of another out of the runs that there are is a draw, and each draw
leads to a conclusion: which n is better. Reads what `mtp-edu run induction` or `mtp-edu run arithmetic` stores.
"""

import math
import random
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from mtp_edu.experiments.statistics import mean_so_far
from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, escape, figure, tag
from mtp_edu.views.panels import Panel, _control
from mtp_edu.views.run_plots import MEAN, canvas, dots, finish, finished, footnote, million, n_mark, signed, verdict
from mtp_edu.views.show import png, png_size

Draw = tuple[tuple[int, ...], tuple[int, ...]]  # the seeds taken of the first n, and of the second

_MOST = 100_000  # draws that are gone through one by one
_NAMES = {
    "accuracy": "accuracy, second token of a name",
    "oracle": "best test accuracy of any point",
    "in_domain": "right answers in domain",
    "out_of_domain": "right answers out of domain",
    "tokens_per_forward": "tokens per forward",
}


@dataclass(frozen=True)
class Conclusions:
    """What all draws of `seeds` runs of each n lead to: the difference is the second n's mean less the first's."""

    n: tuple[int, int]
    measure: str
    setting: str  # in words: "1M, share 0.2, 4M tokens"
    values: tuple[dict[int, float], dict[int, float]]  # seed -> value, of the first n and of the second
    differences: dict[Draw, float]

    @property
    def whole(self) -> dict[str, float | None]:
        """The difference of all runs with Welch's 95 % interval: mean, low, high."""
        first, second = (list(group.values()) for group in self.values)
        return mean_so_far(second, first)

    @property
    def better(self) -> int:
        """Draws in which the second n has the higher mean."""
        return sum(difference > 0 for difference in self.differences.values())

    @property
    def worse(self) -> int:
        """Draws in which the first n has the higher mean. What is neither better nor worse is even."""
        return sum(difference < 0 for difference in self.differences.values())

    @property
    def flips(self) -> int:
        """Draws in which the other n is better than among all runs together; the rarer ones if those are even."""
        mean = round(self.whole["mean"], 12)
        return self.worse if mean > 0 else self.better if mean < 0 else min(self.better, self.worse)


def conclusions(
    content: Mapping,
    measure: str = "in_domain",
    n: tuple[int, int] = (1, 2),
    seeds: int = 2,
    size: str | None = None,
    share: float | None = None,
    pauses: int = 0,
) -> Conclusions:
    """All draws of `seeds` runs of n[0] and of n[1], and which n each finds better.

    measure: a number that every run stores: "accuracy" and "oracle" (induction), "in_domain" and "out_of_domain"
    (arithmetic), "tokens_per_forward". size, share: None takes the largest that has runs of both n; share belongs to
    induction, pauses to arithmetic. Raises ValueError for a measure that is not stored, and without more runs of each n
    than a draw takes.
    """
    name = "induction" if "shares" in content["sweep"] else "arithmetic"
    wanted = {"share": share} if name == "induction" else {"pauses": pauses}
    rows = finished(content, name, size=size, **wanted)
    there = [key for key in _NAMES if isinstance(rows[0]["runs"][0].get(key), float | int)]
    if measure not in there:
        raise ValueError(f"measure={measure!r} is not a number that the runs store: use one of {', '.join(there)}")
    if n[0] == n[1] or seeds < 1:
        raise ValueError(f"n={n}, seeds={seeds}: two different n, and at least one seed of each")
    kinds = [key for key in ("size", "share", "pauses") if key in rows[0]]
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in kinds), {})[row["n_future"]] = row
    both = [group for group in groups.values() if all(k in group for k in n)]
    if not both:
        raise ValueError(
            f"there are no runs of n = {n[0]} and n = {n[1]} in one setting: run `mtp-edu run {name}` first"
        )
    pair = [both[-1][k] for k in n]  # the largest, as `finished` sorts
    values = tuple(dict(sorted((run["seed"], run[measure]) for run in row["runs"])) for row in pair)
    fewest, ways = min(map(len, values)), math.prod(math.comb(len(group), seeds) for group in values)
    if fewest <= seeds:
        raise ValueError(
            f"{fewest} finished runs leave no choice of {seeds} seeds: run `mtp-edu run {name} --seeds "
            f"{' '.join(map(str, range(max(seeds + 1, fewest + 1))))}`"
        )
    if ways > _MOST:
        raise ValueError(f"seeds={seeds} of these runs can be drawn in {ways:,} ways, more than {_MOST:,}: take fewer")
    means = [{some: fmean(group[seed] for seed in some) for some in combinations(group, seeds)} for group in values]
    # accuracies are shares of few items, so ties happen: rounded, that none is decided by floating point
    differences = {(a, b): round(means[1][b] - means[0][a], 12) for a, b in product(*means)}
    about = {"share": "share {:g}", "pauses": "{} pause tokens"}
    setting = ", ".join(about.get(key, "{}").format(pair[0][key]) for key in kinds if pair[0][key] != 0)
    return Conclusions(tuple(n), measure, f"{setting}, {million(pair[0]['tokens'])} tokens", values, differences)


def drawn_pair(
    content: Mapping, choice: Draw, measure: str = "in_domain", n: tuple[int, int] = (1, 2), **where
) -> Figure:
    """One draw beside all runs: left the runs, right its difference among those of all draws.

    choice: the seeds of the first n and those of the second, equally many. measure, n and `where` (size, share,
    pauses) as in `conclusions`, which raises the same errors. Raises ValueError for a choice that is no draw.
    """
    first, second = (tuple(sorted(seeds)) for seeds in choice)
    found = conclusions(content, measure, n, len(first), **where)
    if (first, second) not in found.differences:
        there = " and ".join(str(list(group)) for group in found.values)
        raise ValueError(f"choice={choice} is no draw: take equally many different seeds of each n, out of {there}")
    return _drawn(found, (first, second))


def _drawn(found: Conclusions, choice: Draw) -> Figure:
    difference, whole = found.differences[choice], found.whole
    fig = canvas(8.4, 3.9)
    left, right = fig.subplots(1, 2, width_ratios=(1, 1.25))
    for x, (n, group, seeds) in enumerate(zip(found.n, found.values, choice)):
        interval, drawn = mean_so_far(list(group.values())), [group[seed] for seed in seeds]
        left.plot([x - 0.2] * 2, [interval["low"], interval["high"]], color=style.colour(n), linewidth=1.4)
        left.plot(x - 0.2, interval["mean"], **MEAN, **n_mark(n))
        dots(left, [x] * len(group), list(group.values()), n)
        left.plot([x] * len(drawn), drawn, markersize=8, **n_mark(n))
        left.plot([x + 0.1, x + 0.34], [fmean(drawn)] * 2, color=style.colour(n), linewidth=3)
    left.set_xticks((0, 1), [f"n = {n}" for n in found.n])
    left.set_xlim(-0.55, 1.55)
    finish(left, f"{found.setting}", "", _NAMES[found.measure])
    _all_draws(right, found, difference)
    count, runs = len(choice[0]), " and ".join(str(len(group)) for group in found.values)
    text = f"the mean of all runs ({runs}) with its 95 % interval; filled, the {count} drawn; thick, their mean."
    footnote(fig, f"Left: hollow, {text}")
    says = _says(found.n, difference)
    drawn = f"seeds {list(choice[0])} of n = {found.n[0]} and {list(choice[1])} of n = {found.n[1]} say {says}"
    fig.set_label(
        f"{_NAMES[found.measure]}, {found.setting}: {drawn}, {signed({'mean': difference}, 3, ends=False)}; all runs "
        f"{signed(whole, 3)}, {verdict(whole)}; {found.flips} of {len(found.differences)} draws say the opposite of all"
    )
    return fig


def _says(n: tuple[int, int], difference: float) -> str:
    """The conclusion of a draw in words."""
    return "a tie" if difference == 0 else f"n = {n[difference > 0]} is better"


def _all_draws(axes, found: Conclusions, difference: float) -> None:
    """The differences of all draws as a histogram, this draw's marked, and Welch's interval of all runs below it."""
    values = np.array(list(found.differences.values()))
    whole = found.whole
    step = max(np.ptp([0, *values, whole["low"], whole["high"]]), 1e-6) / 20
    edges = step * np.arange(np.floor(min(0, *values) / step) - 1, np.ceil(max(0, *values) / step) + 2)  # 0 is an edge
    heights = np.zeros(len(edges) - 1)
    for sign, n in ((values > 0, found.n[1]), (values < 0, found.n[0]), (values == 0, 0)):
        counts = np.histogram(values[sign], edges)[0]
        bars, ink = counts > 0, style.colour(n) if n else style.MUTED
        axes.bar(edges[:-1][bars], counts[bars], step, heights[bars], align="edge", color=style.tint(n), edgecolor=ink)
        heights += counts
    top = heights.max()
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.plot([difference] * 2, [0, 1.1 * top], color=style.INK, linewidth=1, linestyle=":")
    axes.plot(difference, 1.1 * top, "v", color=style.INK, markersize=9)
    small = {"textcoords": "offset points", "ha": "center", "fontsize": 9, "color": style.INK}
    axes.annotate("this draw", (difference, 1.1 * top), xytext=(0, 8), **small)
    y = -0.13 * top
    axes.plot([whole["low"], whole["high"]], [y, y], color=style.INK, linewidth=1.4)
    axes.plot(whole["mean"], y, color=style.INK, marker="D", **(MEAN | {"markersize": 6}))
    axes.annotate("all runs, 95 % interval", (whole["mean"], y), xytext=(0, -17), **small)
    axes.set_ylim(-0.36 * top, 1.35 * top)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 1.1 * top])
    first, second = found.n
    text = f"← n = {first} better  |  n = {second} less n = {first}  |  n = {second} better →"
    finish(axes, f"{found.flips} of {len(values)} draws say the opposite of all runs", text, "draws")


class TwoSeedsPanel(Panel):
    """Draw two seeds of each n again and again, and count which n they find better.

    Every draw comes once before any comes again, so that the counts end as those of `conclusions`.

    content, measure, n, seeds and `where` (size, share, pauses) as in `conclusions`, which raises the same errors.
    seed: of the draws. What is saved with the notebook is the last draw as a picture.
    """

    def __init__(self, content: Mapping, measure: str = "in_domain", n=(1, 2), seeds: int = 2, seed: int = 0, **where):
        self.found = conclusions(content, measure, n, seeds, **where)
        self.counts = {n[1]: 0, n[0]: 0, 0: 0}  # how many draws found this n better; 0: none
        self._random, self._waiting, self._drawn = random.Random(seed), [], None
        words = {1: "one seed", 2: "two seeds"}.get(seeds, f"{seeds} seeds")
        self.button = _control(widgets.Button(description=f"Draw {words}", button_style="primary"), "mtp-draw")
        super().__init__([self.button])
        self.button.on_click(self.update)
        self.update()

    def make(self) -> HtmlFigure:
        """The next draw."""
        if not self._waiting:
            self._waiting = self._random.sample(list(self.found.differences), len(self.found.differences))
        draw = self._waiting.pop()
        difference = self.found.differences[draw]
        self._drawn = _drawn(self.found, draw)
        self.counts[self.found.n[difference > 0] if difference else 0] += 1
        names = {n: f"n = {n} is better" if n else "a tie" for n, count in self.counts.items() if n or count}
        tally = f"{sum(self.counts.values())} drawn so far, of {len(self.found.differences)}: "
        tally += ", ".join(f"{self.counts[n]} say {name}" for n, name in names.items())
        sides = png_size(self._drawn)
        source = "data:image/png;base64," + b64encode(png(self._drawn)).decode("ascii")
        picture = tag("img", src=source, alt=self._drawn.get_label(), width=str(sides["width"]), style="max-width:100%")
        return figure(tag("div", escape(tally), class_="mtp-title") + picture, f"{tally}. {self._drawn.get_label()}")

    def static(self) -> Figure:
        """The last draw, without the button: for a saved notebook."""
        return self._drawn
