"""Loss curves per head: a matplotlib figure to keep, and a light SVG string for live updates.

Both read train.TrainEvent objects: losses[k-1] is head k's mean loss of a step, in nats per token, NaN
where the head was off (TrainConfig.weights_at): a curve has a gap there, and its label is the last loss measured.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import fmean

from matplotlib.figure import Figure

from mtp_edu.views import style
from mtp_edu.views.html import escape, tag


def _smooth(values: Sequence[float], reach: int) -> list[float]:
    """Mean over `reach` steps to either side, fewer near the ends: smoother, and not late.

    From running sums, because a long run is drawn again and again while it trains.
    """
    off = [math.isnan(value) for value in values]
    sums = list(accumulate((0.0 if skip else value for value, skip in zip(values, off)), initial=0.0))
    counts = list(accumulate((not skip for skip in off), initial=0))
    ends = [(max(0, i - reach), min(len(values), i + reach + 1)) for i in range(len(values))]
    return [
        math.nan if skip else (sums[stop] - sums[start]) / (counts[stop] - counts[start])
        for skip, (start, stop) in zip(off, ends)
    ]


def _measured(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _held_out(event, n: int) -> list[float]:
    """The held-out loss of n heads, NaN where the held-out windows had no targets for a head."""
    return [*event.validation, *[math.nan] * n][:n]


def _label(k: int, run: Sequence[float]) -> str:
    return f"{style.mark(k)} head {k}: " + (f"{_measured(run)[-1]:.2f}" if _measured(run) else "off")


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Move values apart until neighbours differ by `gap`, keeping their order and centre: where end labels go."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    placed = [values[i] for i in order]
    for _ in range(50):
        for i in range(len(placed) - 1):
            short = gap - (placed[i + 1] - placed[i])
            if short > 1e-9 * gap:
                placed[i] -= short / 2
                placed[i + 1] += short / 2
    result = [0.0] * len(values)
    for i, value in zip(order, placed):
        result[i] = value
    return result


def loss_sentence(events: Sequence) -> str:
    """What a run did: 'loss 5.9 -> 1.0 in 200 steps (head 1 5.9 -> 0.7, head 2 5.9 -> 1.3)'."""
    last, runs = events[-1], [_measured(run) for run in zip(*(event.losses for event in events))]
    heads = [f"head {k} " + (f"{run[0]:.2f} -> {run[-1]:.2f}" if run else "off") for k, run in enumerate(runs, start=1)]
    # Means of different heads do not compare, so a run that switched some on or off is told by the first that was on.
    ends = list(zip(events[0].losses, last.losses))
    on = [k for k, pair in enumerate(ends, start=1) if not math.isnan(sum(pair))]
    told = on if len(on) == len(ends) else on[:1]
    text = f"{last.step} steps" if events[0].step == 1 else f"steps {events[0].step} to {last.step}"
    if told:
        name = "loss" if len(told) == len(ends) else "next-token loss" if told == [1] else f"head {told[0]}'s loss"
        start, end = (fmean(ends[k - 1][side] for k in told) for side in (0, 1))
        text = f"{name} {start:.2f} -> {end:.2f} in {text}"
    if len(heads) > 1:
        text += f" ({', '.join(heads)})"
    return text + (f"; interrupted, {last.steps} were planned" if last.interrupted else "")


def loss_curves(events: Sequence, title: str | None = None) -> Figure:
    """Loss per head over the steps, in nats per token; held-out losses as hollow markers.

    events: train.TrainEvent. Raises ValueError without events.
    """
    if not events:
        raise ValueError("there are no training events to draw: run at least one step")
    n = len(events[0].losses)
    steps = [event.step for event in events]
    checks = [event for event in events if event.validation is not None]
    fig = Figure(figsize=(7, 3.9), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes = fig.add_subplot()
    ends, runs = [], []
    for k in range(1, n + 1):
        values = [event.losses[k - 1] for event in events]
        smooth = _smooth(values, len(values) // 50)
        runs.append(smooth)
        look = {"color": style.colour(k), "linestyle": style.HEAD_LINESTYLES[(k - 1) % 8]}
        axes.plot(steps, values, color=style.colour(k), alpha=0.18, linewidth=1)
        axes.plot(steps, smooth, linewidth=2, **look)
        axes.plot([event.step for event in checks], [_held_out(event, n)[k - 1] for event in checks], linestyle="none",
                  marker=style.HEAD_MARKERS[(k - 1) % 8], markersize=6, markerfacecolor=style.PAPER,
                  markeredgecolor=style.colour(k), markeredgewidth=1.6, clip_on=False, zorder=3)  # whole at the edge
        ends.append((_measured(smooth) or [math.nan])[-1])
    low, high = axes.get_ylim()
    ends = [low if math.isnan(end) else end for end in ends]
    for k, label in enumerate(spread(ends, 0.075 * (high - low)), start=1):
        axes.text(1.015, (label - low) / (high - low), _label(k, runs[k - 1]),
                  transform=axes.transAxes, va="center", fontsize=10, color=style.colour(k))
    axes.set_xlabel("step")
    axes.set_ylabel("loss, nats per token")
    axes.set_xlim(left=min(0, steps[0]), right=max(steps[-1], 1))
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    parts = [title or "Loss per head"] + (["hollow marks: held-out text"] if checks else [])
    axes.set_title(", ".join(parts), fontsize=11, loc="left", color=style.INK)
    fig.set_label(f"{title or 'Loss per head'}: {loss_sentence(events)}")
    return fig


def loss_svg(events: Sequence, width: int = 680, height: int = 260) -> str:
    """The same curves as a small SVG string, made in milliseconds: for updates while a model trains.

    Hollow circles: held-out losses.
    """
    thin, reach = max(1, len(events) // 160), len(events) // 50
    runs = [_smooth([event.losses[k] for event in events], reach) for k in range(len(events[0].losses))]
    shown = [*range(0, len(events) - 1, thin), len(events) - 1]
    seen = [_measured(run) for run in runs]
    checks = [event for event in events if event.validation is not None]
    checks = checks[:: -max(1, len(checks) // 25)]
    held_out = [value for event in checks for value in _measured(_held_out(event, len(runs)))]
    values = [value for run in seen for value in run] + held_out or [0.0]
    low, high = min(values), max(values)
    low, high = (low - 0.05 * (high - low), high) if high > low else (low - 0.5, high + 0.5)
    right, bottom, last = width - 120, height - 26, max(events[-1].step, 1)

    def place(step: float, loss: float) -> tuple[float, float]:
        return 40 + (right - 40) * step / last, 8 + (bottom - 8) * (high - loss) / (high - low)

    ink = f"var(--jp-content-font-color2,{style.MUTED})"
    parts = []
    for fraction in (0, 0.5, 1):
        y = 8 + (bottom - 8) * fraction
        parts.append(f'<line x1="40" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="rgba(128,128,128,.35)"/>'
                     f'<text x="34" y="{y + 4:.1f}" text-anchor="end" fill="{ink}">{high - (high - low) * fraction:.1f}'
                     "</text>")
    parts.append(f'<text x="{right}" y="{height - 6}" text-anchor="end" fill="{ink}">step {last}</text>')
    ends = [place(last, (run or [low])[-1])[1] for run in seen]
    for k, (run, label) in enumerate(zip(runs, spread(ends, 16)), start=1):
        drawn = [place(events[i].step, run[i]) for i in shown if not math.isnan(run[i])]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        dash = ("", "7 3", "8 3 2 3", "2 3")[(k - 1) % 4]
        line = tag("polyline", points=points, fill="none", stroke="currentColor", stroke_width="1.8",
                   stroke_dasharray=dash)
        name = tag("text", _label(k, run), x=str(right + 6), y=f"{label + 4:.1f}",
                   fill="currentColor")
        there = [(event.step, loss) for event in checks if not math.isnan(loss := _held_out(event, len(runs))[k - 1])]
        rings = "".join(f"M{x - 3:.1f},{y:.1f}a3,3 0 1 0 6,0a3,3 0 1 0 -6,0" for x, y in (place(*one) for one in there))
        marks = tag("path", d=rings, fill="none", stroke="currentColor", stroke_width="1.4") if rings else ""
        # currentColor is the head's ink from the style sheet, which knows the dark theme
        parts.append(tag("g", line, marks, name, class_=style.ink_class(k), style=f"color:{style.colour(k)}"))
    box = f'<svg viewBox="0 0 {width} {height}" width="100%" style="max-width:{width}px" font-size="12" role="img" '
    return f'{box}aria-label="{escape(loss_sentence(events))}">{"".join(parts)}</svg>'
