"""The induction experiment as plots (paper, section 4.1, Fig 7 and Fig S14): who learns to repeat a name, and when.

All read what `mtp-edu run induction` stores. Accuracy is that on the second token of a name of two, from its second
mention on. `share` is that of the training stories whose names are two tokens.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mtp_edu.views import style
from mtp_edu.views.paper import SIZES, draw_paper, paper_runs, times_more
from mtp_edu.views.run_plots import (
    MEAN,
    ZERO,
    canvas,
    distinct,
    finish,
    finished,
    footnote,
    key,
    million,
    n_line,
    n_look,
    n_mark,
    n_values,
    partner,
    seed_count,
    series,
    signed,
    verdict,
)

_ACCURACY = "accuracy, second token of a name"


def by_size(content: Mapping, share: float | None = None, books: bool = False) -> Figure:
    """Accuracy against parameters without embeddings: ours over the paper's Fig 7, with `books` over Fig S14 beside it.

    share: of the stories with names of two tokens; None takes the largest. Ours are filled marks with 95 % intervals
    and every run as a dot; the paper's a pale line through the mean of its runs, which are hollow. Raises ValueError
    without a finished run of that share.
    """
    rows = finished(content, "induction", share=share)
    share = max(distinct(rows, "share"))
    rows = [row for row in rows if row["share"] == share]
    fig = canvas(8.4, 4.6)
    panels = fig.subplots(1, 1 + books, sharey=True, squeeze=False)[0]
    for axes, name, text in zip(panels, ("Fig 7", "Fig S14"), ("stories", "books and stories")):
        curves = paper_runs(name)
        draw_paper(axes, SIZES, curves)
        for i, n in enumerate(n_values(rows)):
            of_n = [row for row in rows if row["n_future"] == n]
            aside = 1.1 ** (2 * i - len(n_values(rows)) + 1)  # so that intervals do not cover each other
            _ours(axes, [row["parameters_without_embeddings"] * aside for row in of_n], of_n, n)
        axes.set_xscale("log")
        axes.set_xticks(SIZES, ["1M", "3M", "10M", "30M", "100M", "300M", "1B"])
        axes.set_xlim(0.5 * min(SIZES[0], rows[0]["parameters_without_embeddings"]), 1.6 * SIZES[-1])
        axes.minorticks_off()
        runs = "one run" if len(curves[1]) == 1 else "two runs"
        finish(axes, f"the paper, {name}: {text}, {runs}", "parameters, without embeddings", "")
    panels[0].set_ylabel(_ACCURACY)
    panels[0].set_ylim(0, 1.03)
    tokens = content["sweep"]["tokens"]
    ours = f"ours: share {share:g}, {million(tokens)} tokens, {seed_count(rows, content)}"
    more = [
        Line2D([], [], color=style.MUTED, marker="o", markersize=8, linewidth=2.2, label="ours, 95 % interval, runs"),
        Line2D(
            [],
            [],
            color=style.MUTED,
            alpha=0.6,
            label="the paper: mean, and its runs",
            **(MEAN | {"markersize": 5, "marker": "o"}),
        ),
    ]
    key(fig, n_values(rows), more, loc="outside upper left", ncols=4)
    less = times_more(tokens)
    footnote(fig, f"{ours[0].upper()}{ours[1:]}. {less}")
    words = [f"{row['size']}, n = {row['n_future']}: {_mean(row['accuracy'])}" for row in rows]
    fig.set_label(f"Induction accuracy, {ours}: {'; '.join(words)}. {less}")
    return fig


def _ours(axes, places: Sequence[float], rows: Sequence[dict], n: int) -> None:
    """Filled marks with their intervals over the paper's lines, every run as a dot beside its mark."""
    for place, row in zip(places, rows, strict=True):
        low, high = row["accuracy"]["low"], row["accuracy"]["high"]
        if low is not None:
            axes.plot([place] * 2, [low, high], color=style.colour(n), linewidth=2.2, zorder=4)
        values = [run["accuracy"] for run in row["runs"]]
        axes.plot([place * (1.13 if n > 1 else 1 / 1.13)] * len(values), values, ".", color=style.colour(n), zorder=4)
    means = [row["accuracy"]["mean"] for row in rows]
    axes.plot(places, means, markersize=8, linewidth=2.2, markeredgecolor=style.PAPER, zorder=5, **n_look(n))


def _mean(interval: Mapping) -> str:
    """'0.42 [0.31, 0.53]'"""
    ends = "" if interval["low"] is None else f" [{interval['low']:.2f}, {interval['high']:.2f}]"
    return f"{interval['mean']:.2f}{ends}"


def _panels(rows: Sequence[dict], height: float) -> tuple[Figure, list[tuple]]:
    """A panel for each size and share that has runs, at most three abreast, on one scale: [(axes, its rows)]."""
    found = list(dict.fromkeys((row["size"], row["share"]) for row in rows))
    across = min(3, len(distinct(rows, "share")))
    down = math.ceil(len(found) / across)
    fig = canvas(8.4, 0.7 + height * down)
    grid = fig.subplots(down, across, sharey=True, squeeze=False)
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    groups = [[row for row in rows if (row["size"], row["share"]) == one] for one in found]
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy")
    return fig, list(zip(grid.flat, groups))


def over_tokens(content: Mapping) -> Figure:
    """Accuracy on validation stories against tokens seen: every run a line, a panel for each share.

    A mark stands where a run first passes sweep["formed_at"]. Raises ValueError without a finished run.
    """
    rows = finished(content, "induction")
    fig, panels = _panels(rows, 2.9)
    height, words = content["sweep"]["formed_at"], []
    for axes, group in panels:
        axes.axhline(height, color=style.MUTED, linestyle=":", linewidth=1)
        names = []
        for row in group:
            n = row["n_future"]
            for run in row["runs"]:
                points = run["points"]
                seen, right = ([point[field] for point in points] for field in ("tokens", "validation"))
                axes.plot([tokens / 1e6 for tokens in seen], right, linewidth=1.2, alpha=0.85, **n_line(n))
                if run["formed"] is not None:
                    reached = np.interp(run["formed"], seen, right)
                    axes.plot(run["formed"] / 1e6, reached, zorder=4, **MEAN, **n_mark(n))
            when = f"at {million(row['formed']['mean'])}" if row["formed_runs"] else "not"
            names.append(f"n = {n}: {when} ({row['formed_runs']} of {len(row['runs'])})")
            words.append(f"{row['size']}, share {row['share']:g}, n = {n} formed {when}, {row['formed_runs']} runs")
        handles = [Line2D([], [], label=name, **MEAN, **n_look(row["n_future"])) for name, row in zip(names, group)]
        axes.legend(handles=handles, fontsize=8.5, frameon=False, loc="upper left", borderaxespad=0.1)
        finish(axes, f"{group[0]['size']}, share {group[0]['share']:g}", "tokens seen, millions", axes.get_ylabel())
    top = max(point["validation"] for row in rows for run in row["runs"] for point in run["points"])
    panels[0][0].set_ylim(0, max(1.45 * height, 1.28 * top))
    footnote(fig, f"Validation stories; a mark where a run first passes {height:g}; in brackets how many runs did.")
    fig.set_label(f"Tokens seen when the validation accuracy passes {height:g}, on average: {'; '.join(words)}")
    return fig


def by_share(content: Mapping) -> Figure:
    """Accuracy against the share of stories with names of two tokens, and beside it the difference to n = 1.

    Test accuracy at the point of training that validation stories chose. Right: n > 1 less n = 1 with Welch's 95 %
    interval; where 0 lies inside, the runs show no difference. A row of panels for each size. Raises ValueError without
    finished runs of two shares.
    """
    rows = finished(content, "induction")
    if len(shares := distinct(rows, "share")) < 2:
        raise ValueError(f"all finished runs have share {shares[0]:g}: run `mtp-edu run induction` with others, too")
    sizes, numbers, words = distinct(rows, "size"), n_values(rows), []
    fig = canvas(8.4, 0.6 + 3.1 * len(sizes))
    for size, (left, right) in zip(sizes, fig.subplots(len(sizes), 2, squeeze=False)):
        of_size = [row for row in rows if row["size"] == size]
        shares = sorted(distinct(of_size, "share"))
        for i, n in enumerate(numbers):
            of_n = [row for row in of_size if row["n_future"] == n]
            places = [shares.index(row["share"]) + 0.14 * (i - (len(numbers) - 1) / 2) for row in of_n]
            runs = [[run["accuracy"] for run in row["runs"]] for row in of_n]
            series(left, places, [row["accuracy"] for row in of_n], runs, n)
            both = [(place, row, partner(of_size, row)) for place, row in zip(places, of_n) if partner(of_size, row)]
            bases = [fmean(run["accuracy"] for run in base["runs"]) for *_, base in both]
            less = [[run["accuracy"] - base for run in row["runs"]] for (_, row, _), base in zip(both, bases)]
            series(right, [place for place, *_ in both], [row["minus_n1"] or ZERO for _, row, _ in both], less, n)
            if n > 1:
                words += [f"{size}, share {row['share']:g}, n = {n}: {_told(row)}" for _, row, _ in both]
        for axes in (left, right):
            axes.set_xticks(range(len(shares)), [f"{share:g}" for share in shares])
            axes.set_xlim(-0.5, len(shares) - 0.5)
        right.axhline(0, color=style.INK, linewidth=1)
        text = "share of stories with names of two tokens"
        finish(left, f"{size}, {million(of_size[0]['tokens'])} tokens, {seed_count(of_size, content)}", text, _ACCURACY)
        finish(right, f"{size}, less the mean of n = 1", text, "accuracy − that of n = 1")
        left.set_ylim(-0.03, 1.05)
        _verdicts(right, [[row for row in of_size if row["share"] == share] for share in shares])
    key(fig, numbers, loc="outside upper left", ncols=8)
    small = "Dots are runs, bars 95 % intervals (left: cut at 0 and 1; right: Welch's)."
    footnote(fig, f"{small} With 0 inside, these runs show no difference.")
    fig.set_label("Induction accuracy less that of n = 1: " + ("; ".join(words) or "n = 1 alone"))
    return fig


def _told(row: Mapping) -> str:
    return f"{signed(row['minus_n1'], 2)}, {verdict(row['minus_n1'])}"


def _verdicts(axes, groups: Sequence[Sequence[dict]]) -> None:
    """Above each share what its differences say: whether 0 lies inside their intervals."""
    low, high = axes.get_ylim()
    lines = max(2 * sum(row["minus_n1"] is not None for row in rows) for rows in groups)
    axes.set_ylim(low, high + (0.02 + 0.07 * lines) * (high - low))
    for place, rows in enumerate(groups):
        less = [row["minus_n1"] for row in rows if row["minus_n1"]]
        texts = [f"{signed(one, 2, ends=False)}\n{verdict(one)}" for one in less]
        axes.text(
            place, 0.985, "\n".join(texts), transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8.5
        )


def ablation(content: Mapping) -> Figure:
    """What the found induction heads are for: accuracy intact, without them, and without as many random other heads.

    One column for each run, a panel for each size and share; every draw of random heads is a dot. Raises ValueError
    without a finished run.
    """
    rows = finished(content, "induction")
    fig, panels = _panels(rows, 3.1)
    words = []
    for axes, group in panels:
        runs = [(row["n_future"], run) for row in group for run in row["runs"]]
        places, at = [], 0.0
        for i, (n, run) in enumerate(runs):
            at += 1 + 0.6 * (i > 0 and runs[i - 1][0] != n)  # a gap between one n and the next
            places.append(at)
            found = run["ablation"]
            axes.plot([at, at], [found["found"], found["intact"]], color=style.colour(n), linewidth=1.2, alpha=0.5)
            axes.plot(
                [at + 0.22] * len(found["random"]), found["random"], ".", color=style.MUTED, alpha=0.6, markersize=5
            )
            axes.plot(at, found["intact"], **MEAN, **n_mark(n))
            axes.plot(at, found["found"], color=style.colour(n), marker="x", markersize=7, markeredgewidth=2)
        axes.set_xticks(places, [f"{run['seed']}\n{len(run['ablation']['heads'])}" for _, run in runs])
        axes.set_xlim(places[0] - 0.6, places[-1] + 0.8)
        for row in group:
            mean = {key: fmean(run["ablation"][key] for run in row["runs"]) for key in ("intact", "found")}
            mean["random"] = fmean(fmean(run["ablation"]["random"]) for run in row["runs"])
            text = ", ".join(f"{name} {value:.2f}" for name, value in mean.items())
            words.append(f"{row['size']}, share {row['share']:g}, n = {row['n_future']}: {text}")
        finish(
            axes, f"{group[0]['size']}, share {group[0]['share']:g}", "seed; below it, heads ablated", axes.get_ylabel()
        )
    fig.axes[0].set_ylim(0, 1.03)
    rest = [
        Line2D(
            [],
            [],
            color=style.INK,
            marker="x",
            markersize=7,
            markeredgewidth=2,
            linestyle="none",
            label="without the found heads",
        ),
        Line2D(
            [], [], color=style.MUTED, marker=".", linestyle="none", label="without as many random others, each draw"
        ),
    ]
    marks = [Line2D([], [], label=f"n = {n}, intact", **MEAN, **n_mark(n)) for n in n_values(rows)]
    fig.legend(handles=[*marks, *rest], loc="outside upper left", ncols=4, fontsize=9, frameon=False)
    fig.set_label(f"Induction accuracy, mean of runs: {'; '.join(words)}")
    return fig
