"""How an ability forms in training: curves with the present point marked, and where attention heads look at it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mtp_edu.experiments.induction import formed
from mtp_edu.experiments.statistics import mean_so_far
from mtp_edu.views import style
from mtp_edu.views.attention import _UNSEEN, _WEIGHT
from mtp_edu.views.run_plots import MEAN, across, canvas, finish, footnote, key, n_line, n_mark

MOST_CURVES = 6


def forming(
    points: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    patterns: Mapping[str, Sequence],
    words: Sequence[str],
    at: int,
    against: str = "optimizer steps",
) -> Figure:
    """One point of a training run: above, where some attention heads look; below, the curves up to here and on.

    points: where the run was measured, ascending. curves: name -> a number from 0 to 1 at every point, 1 to 6 of them;
    what comes after the present point is pale. patterns: title -> (points, T, T), the attention of a head on one and
    the same text, as attention_heads.attention_patterns gives it; at most three. words: the T tokens as strings.
    at: which point, from 0. Raises ValueError for sizes that do not fit each other, and a point that does not exist.
    """
    _check(points, curves, patterns, words, at)
    fig = canvas(8.4, 2.6 + 0.2 + 8.0 / max(2, len(patterns)))
    above, below = fig.subfigures(2, 1, height_ratios=(8.0 / max(2, len(patterns)), 2.8))
    for subfigure in (above, below):
        subfigure.set_facecolor(style.PAPER)
    size = min(9.0, 200 / len(words))
    grid = above.subplots(1, len(patterns), squeeze=False)[0]
    for axes, (title, weights) in zip(grid, patterns.items()):
        drawn = _pattern(axes, np.asarray(weights[at], dtype=float), words, size)
        axes.set_title(title, fontsize=10.5, loc="left", color=style.INK)
    bar = fig.colorbar(drawn, cax=grid[-1].inset_axes((0.55, 0.93, 0.4, 0.025)), orientation="horizontal", ticks=(0, 1))
    bar.set_label("attention weight", fontsize=8.5, labelpad=-6)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_visible(False)
    axes, says = below.subplots(), []
    for k, (name, values) in enumerate(curves.items(), start=1):
        look = {"color": style.colour(k), "linestyle": style.HEAD_LINESTYLES[k - 1]}
        axes.plot(points, values, linewidth=1.2, alpha=0.35, **look)
        axes.plot(points[: at + 1], values[: at + 1], linewidth=2, label=name, **look)
        mark = {"marker": style.HEAD_MARKERS[k - 1], "markersize": 7, "clip_on": False, "zorder": 4}
        axes.plot(points[at], values[at], color=style.colour(k), **mark)
        says.append(f"{name} {values[at]:.2f}")
    axes.axvline(points[at], color=style.INK, linewidth=1, linestyle=":")
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlim(points[0], max(points[-1], points[0] + 1))
    finish(axes, f"after {points[at]:,} of {points[-1]:,} {against}", against, "")
    axes.legend(fontsize=9, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    fig.set_label(f"After {points[at]:,} {against}: {', '.join(says)}")
    return fig


def _pattern(axes, weights: np.ndarray, words: Sequence[str], size: float):
    """One head's pattern as a picture, what comes later grey."""
    later = np.triu(np.ones_like(weights, dtype=bool), 1)
    axes.set_facecolor(_UNSEEN)
    drawn = axes.imshow(np.ma.masked_array(weights, later), cmap=_WEIGHT, vmin=0, vmax=1)
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks(range(len(words)), words, fontsize=size, family="DejaVu Sans Mono")
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("token looked at", fontsize=9)
    axes.set_ylabel("token that looks", fontsize=9)
    return drawn


def _check(points, curves, patterns, words, at) -> None:
    if not 0 <= at < len(points):
        raise ValueError(f"at={at} is no point: use 0 to {len(points) - 1}")
    if not 1 <= len(curves) <= MOST_CURVES or not 1 <= len(patterns) <= 3:
        raise ValueError(f"{len(curves)} curves, {len(patterns)} patterns: give 1 to {MOST_CURVES} and 1 to 3")
    for name, values in curves.items():
        if len(values) != len(points):
            raise ValueError(f"{name!r} has {len(values)} values for {len(points)} points: give one for each")
    wanted = (len(points), len(words), len(words))
    for name, weights in patterns.items():
        if np.shape(weights) != wanted:
            raise ValueError(f"{name!r} has shape {np.shape(weights)}: give (points, T, T), here {wanted}")


def runs_apart(
    points: Sequence[int], runs: Mapping[int, Sequence[Sequence[float]]], at: float, against: str = "optimizer steps"
) -> Figure:
    """Runs of several n: left, every accuracy as a line; right, the accuracy at the end, mean and 95 % interval.

    points: where the runs were measured, ascending, the same for all. runs: n -> one curve of numbers from 0 to 1 for
    each run. A mark stands where a run first passes `at`; what to compare is the end, since the mean over the runs
    that got there leaves out the others. Raises ValueError without a run, and for a curve of another length.
    """
    if not runs or any(not of_n or any(len(curve) != len(points) for curve in of_n) for of_n in runs.values()):
        raise ValueError(
            f"runs={runs!r}: give at least one run of each n, with one number for each point: {len(points)}"
        )
    fig = canvas(8.4, 3.6)
    left, right = fig.subplots(1, 2, width_ratios=(1.7, 1))
    left.axhline(at, color=style.MUTED, linestyle=":", linewidth=1)
    names, says = [], []
    for y, (n, of_n) in enumerate(runs.items()):
        when = [reached for reached in (formed(list(zip(points, curve)), at) for curve in of_n) if reached is not None]
        for curve in of_n:
            left.plot(points, curve, linewidth=1.3, alpha=0.85, **n_line(n))
        left.plot(when, [at] * len(when), zorder=4, **MEAN, **n_mark(n))
        ends = [curve[-1] for curve in of_n]
        interval = mean_so_far(ends)
        across(right, y, interval, ends, n)
        names.append(f"n = {n}")
        says.append(f"n = {n}: {len(when)} of {len(of_n)} runs passed {at:g}, mean at the end {interval['mean']:.2f}")
    left.set_ylim(-0.03, 1.05)
    right.set_yticks(range(len(runs)), names)
    right.set_ylim(len(runs) - 0.4, -0.6)
    finish(left, f"every run a line; a mark where it passes {at:g}", against, "accuracy")
    finish(right, f"after {points[-1]:,} {against}", "accuracy", "", grid="x")
    key(left, list(runs), loc="upper left")
    footnote(fig, "Right: the mean of all runs with its 95 % interval, and every run as a dot.")
    fig.set_label(f"Accuracy of every run over {points[-1]:,} {against}; {'; '.join(says)}")
    return fig
