"""The experiment of experiments.scaling as plots: n > 1 by size, by tokens and FLOPs, by epochs, by weights.

All read what scaling.run stores (data/results/scaling_cpu.json), finished or not: a setting without runs is left out,
one with a single run has no interval. n future tokens have the colour, plot marker and line style of head n.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.figure import Figure

from mtp_edu.views import style
from mtp_edu.views.losses import spread
from mtp_edu.views.run_plots import (
    MEAN,
    ZERO,
    across,
    canvas,
    finish,
    key,
    million,
    n_look,
    n_values,
    seed_count,
    series,
)

_LESS, _MORE = "(less is better)", "(more is better)"


def _rows(content: Mapping, part: str) -> list[dict]:
    """The part's rows that have runs, small sizes first. Raises ValueError if there is none."""
    rows = [row for row in content["rows"] if part in row["parts"] and row["runs"]]
    if not rows:
        raise ValueError(f"the result holds no finished run of the part {part!r}: run `mtp-edu run scaling` first")
    return sorted(rows, key=lambda row: (row["parameters_without_embeddings"], row["n_future"]))


def _base(rows: Sequence[dict], row: dict) -> dict | None:
    """The row's n = 1."""
    same = [one for one in rows if one["n_future"] == 1 and all(one[key] == row[key] for key in ("size", "epochs"))]
    return same[0] if same else None


def _head_1(row: dict) -> list[float]:
    return [one["losses"][0] for one in row["runs"]]


def by_size(content: Mapping) -> Figure:
    """Head 1's held-out loss less that of n = 1, and tokens per forward, against size; the paper's Table S7 beside it.

    Dots are seeds, less the mean of n = 1 (so the dots of n = 1 show how far seeds scatter); bars are 95 % intervals
    (Welch's for the difference). Right: MBPP pass@1 less that of n = 1, without spread, as the paper's table has none.
    Raises ValueError without a finished run of the part `size`.
    """
    rows = _rows(content, "size")
    fig = canvas(11.5, 4)
    ours, forwards, paper = fig.subplots(1, 3, width_ratios=(1.25, 1, 1))
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    numbers, words = n_values(rows), []
    for i, n in enumerate(numbers):
        of_n = [row for row in rows if row["n_future"] == n]
        places = [sizes.index(row["size"]) + 0.13 * (i - (len(numbers) - 1) / 2) for row in of_n]
        both = [(place, row, _base(rows, row)) for place, row in zip(places, of_n) if _base(rows, row)]
        differences = [row["head_1_minus_n1"] or ZERO for _, row, _ in both]
        dots = [[loss - fmean(_head_1(base)) for loss in _head_1(row)] for _, row, base in both]
        series(ours, [place for place, _, _ in both], differences, dots, n)
        dots = [[one["tokens_per_forward"] for one in row["runs"]] for row in of_n]
        series(forwards, places, [row["tokens_per_forward"] for row in of_n], dots, n)
        if n > 1:
            words += [f"{row['size']}, n = {n}: {row['head_1_minus_n1']['mean']:+.3f}" for _, row, _ in both]
    for axes in (ours, forwards):
        axes.set_xticks(range(len(sizes)), sizes)
        axes.set_xlim(-0.5, len(sizes) - 0.5)
    ours.axhline(0, color=style.MUTED, linestyle=":", linewidth=1)
    key(ours, numbers, loc="best")
    sweep, text = content["sweep"], "parameters, without embeddings"
    finish(
        ours,
        f"{sweep['tokens'] / 1e6:.3g}M tokens of {sweep['data']}, {seed_count(rows, content)}",
        text,
        f"head 1's loss − that of n = 1, nats\n{_LESS}",
    )
    finish(forwards, "drafts of the same models", text, f"tokens per forward, held-out text\n{_MORE}")
    _paper(paper, content["paper_table_s7"])
    fig.set_label("Head 1's held-out loss less that of n = 1, nats per token: " + "; ".join(words or ["n = 1 alone"]))
    return fig


def _paper(axes, rows: Sequence[dict]) -> None:
    """Table S7's differences to n = 1 in MBPP pass@1."""
    base = {row["size"]: row["MBPP"][0] for row in rows if row["n_future"] == 1}
    for n in (2, 4):
        gains = [row["MBPP"][0] - base[row["size"]] for row in rows if row["n_future"] == n]
        axes.plot(range(len(base)), gains, **MEAN, **n_look(n))
    axes.set_xticks(range(len(base)), list(base))
    axes.axhline(0, color=style.MUTED, linestyle=":", linewidth=1)
    finish(axes, "the paper, Table S7, code", "parameters", f"MBPP pass@1 − that of n = 1, points\n{_MORE}")


def by_cost(content: Mapping) -> Figure:
    """Held-out loss of head 1 against tokens seen and against FLOPs spent in training: the mean over seeds.

    The learning rate of a run falls with a cosine to its end, so a point on the way is higher than a run of that
    length would end. Raises ValueError without a finished run of the part `size`.
    """
    rows = _rows(content, "size")
    fig = canvas(10.5, 4.4)
    panels = fig.subplots(1, 2, sharey=True)
    words, ends = [], {"tokens": {}, "flops": {}}
    look = {"textcoords": "offset points", "fontsize": 9.5, "color": style.INK}
    for row in rows:
        points = list(zip(*(one["points"] for one in row["runs"]), strict=True))  # one tuple of seeds per validation
        losses = [fmean(point["losses"][0] for point in of_point) for of_point in points]
        n = row["n_future"]
        for axes, cost in zip(panels, ("tokens", "flops")):
            places = [of_point[0][cost] for of_point in points]
            axes.plot(places, losses, linewidth=1.3, markersize=4, **n_look(n))
            if n == 1:
                ends[cost][row["size"]] = places[-1], losses[-1]
            elif n > 2:  # far from the other lines of its size: a name where it begins
                aside = {"xytext": (-7, 0), "ha": "right"} if cost == "tokens" else {"xytext": (7, 0)}
                axes.annotate(row["size"], (places[0], losses[0]), va="center", **aside, **look)
        words.append(f"{row['size']}, n = {n}: {losses[-1]:.3f}")
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(low - 0.05 * (high - low), high)  # room for the lowest name
    for axes, name in zip(panels, ("tokens seen", "FLOPs spent")):
        axes.set_xscale("log")
        finish(axes, f"against {name}", name, f"head 1's held-out loss, nats per token\n{_LESS}")
    first, last = (rows[0]["runs"][0]["points"][end]["tokens"] for end in (0, -1))
    doubled = [first * 2**i for i in range(int(math.log2(last / first)) + 1)]
    panels[0].set_xticks(doubled, [million(tokens) for tokens in doubled])
    panels[0].minorticks_off()
    left, right = panels[0].get_xlim()
    panels[0].set_xlim(left / (right / left) ** 0.08, right * (right / left) ** 0.12)
    heights = spread([loss for _, loss in ends["tokens"].values()], 0.055 * (high - low))
    for (size, (place, _)), height in zip(ends["tokens"].items(), heights, strict=True):
        panels[0].annotate(size, (place, height), xytext=(7, 0), va="center", **look)
    page = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.5, "alpha": 0.7}
    for size, end in ends["flops"].items():  # every line falls to the right, so below its end there is room to the left
        panels[1].annotate(size, end, xytext=(-4, -5), ha="right", va="top", bbox=page, **look)
    panels[1].set_ylabel("")
    panels[0].set_title(f"{content['sweep']['data']}, mean of {seed_count(rows, content)}", fontsize=10.5, loc="left")
    key(panels[1], n_values(rows), loc="upper right")
    fig.set_label("Held-out loss of head 1 at the end, nats per token: " + "; ".join(words))
    return fig


def by_epochs(content: Mapping) -> Figure:
    """Head 1's held-out loss after 1, 4 and 16 passes over a text at the same number of tokens, and the difference.

    Fewer different tokens as the passes grow. Right: the loss on the way through the most passes, a line per seed,
    because a run that learns its text by heart was best before its end. Raises ValueError without a finished run of
    the part `epochs`.
    """
    rows = _rows(content, "epochs")
    fig = canvas(11.5, 3.9)
    losses, less, way = fig.subplots(1, 3)
    passes = sorted({row["epochs"] for row in rows})
    words = []
    for i, n in enumerate(n_values(rows)):
        of_n = sorted((row for row in rows if row["n_future"] == n), key=lambda row: row["epochs"])
        places = [passes.index(row["epochs"]) + 0.12 * (i - 0.5) for row in of_n]
        series(losses, places, [row["losses"][0] for row in of_n], [_head_1(row) for row in of_n], n)
        both = [(passes.index(row["epochs"]), row, _base(rows, row)) for row in of_n if row["head_1_minus_n1"]]
        if both:
            dots = [[loss - fmean(_head_1(base)) for loss in _head_1(row)] for _, row, base in both]
            series(less, [place for place, _, _ in both], [row["head_1_minus_n1"] for _, row, _ in both], dots, n)
            words += [f"epochs {row['epochs']:.0f}: {row['head_1_minus_n1']['mean']:+.3f}" for _, row, _ in both]
    for axes in (losses, less):
        axes.set_xticks(range(len(passes)), [f"{count:.0f}" for count in passes])
        axes.set_xlim(-0.5, len(passes) - 0.5)
    less.axhline(0, color=style.MUTED, linestyle=":", linewidth=1)
    for row in rows:
        for one in row["runs"] if row["epochs"] == passes[-1] else ():
            done = [point["tokens"] / row["tokens"] * row["epochs"] for point in one["points"]]
            of_head_1 = [point["losses"][0] for point in one["points"]]
            way.plot(done, of_head_1, linewidth=1.1, markersize=4, alpha=0.75, **n_look(row["n_future"]))
    way.set_xticks([passes[-1] * i / 4 for i in range(1, 5)])
    tokens = rows[0]["tokens"] / 1e6
    title = f"{rows[0]['size']}, {tokens:.3g}M tokens seen, {seed_count(rows, content)}"
    text = "passes over the text (fewer different tokens →)"
    finish(losses, title, text, f"head 1's held-out loss, nats per token\n{_LESS}")
    finish(less, "n = 4 against n = 1 on the same text", text, f"head 1's loss − that of n = 1, nats\n{_LESS}")
    finish(way, f"on the way through {passes[-1]:.0f} passes", "passes done", f"head 1's held-out loss, nats\n{_LESS}")
    key(losses, n_values(rows), loc="best")
    fig.set_label(f"{title}; head 1's loss of n = 4 less that of n = 1: " + ("; ".join(words) or "not finished"))
    return fig


def by_weights(content: Mapping) -> Figure:
    """Curricula and weights of four heads: head 1's loss less that of n = 1, and tokens per forward, a row each.

    Raises ValueError without a finished run of the part `curricula`.
    """
    rows = _rows(content, "curricula")
    fig = canvas(9.6, 3.6)
    ours, forwards = fig.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
    names, words = [], []
    for y, row in enumerate(rows):
        n, base = row["n_future"], _base(rows, row)
        names.append(f"n = {n}, {row['weights']}" if n > 1 else "n = 1")
        drawn = [(forwards, row["tokens_per_forward"], [one["tokens_per_forward"] for one in row["runs"]])]
        if base:
            dots = [loss - fmean(_head_1(base)) for loss in _head_1(row)]
            drawn.append((ours, row["head_1_minus_n1"] or ZERO, dots))
            words.append(f"{names[-1]} {(row['head_1_minus_n1'] or ZERO)['mean']:+.3f}")
        for axes, interval, values in drawn:
            across(axes, y, interval, values, n)
    ours.set_yticks(range(len(names)), names)
    ours.set_ylim(len(names) - 0.5, -0.5)
    ours.axvline(0, color=style.MUTED, linestyle=":", linewidth=1)
    finish(
        ours,
        f"{rows[0]['size']}, {seed_count(rows, content)}",
        f"head 1's loss − that of n = 1, nats\n{_LESS}",
        "",
        "x",
    )
    finish(forwards, "drafts of the same models", f"tokens per forward, held-out text\n{_MORE}", "", "x")
    fig.set_label("Head 1's held-out loss less that of n = 1, nats per token: " + "; ".join(words))
    return fig
