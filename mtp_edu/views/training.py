"""Training runs beside each other, and the inside of one: plots of train.TrainEvent objects for lesson 4."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from mtp_edu.views import style
from mtp_edu.views.losses import spread

_AGAINST = {"step": "optimizer steps", "tokens": "tokens seen", "seconds": "seconds of training"}


def run_curves(runs: Mapping[str, Sequence], against: Sequence[str] = ("tokens", "seconds")) -> Figure:
    """Head 1's loss on held-out text of several runs, once against each of `against` (fields of an event).

    runs: name -> train.TrainEvent objects with some `validation`. A run has the colour of head n for its n, and a mark
    and a line style of its own. Raises ValueError for a run without a held-out loss and for an unknown field.
    """
    unknown = [field for field in against if field not in _AGAINST]
    if unknown or not against:
        raise ValueError(f"against={tuple(against)}: use some of {', '.join(_AGAINST)}")
    checks = {name: [event for event in events if event.validation is not None] for name, events in runs.items()}
    blind = [name for name, some in checks.items() if not some]
    if blind or not checks:
        raise ValueError(f"no held-out losses of {', '.join(blind) or 'any run'}: train with validation windows")
    fig = Figure(figsize=(4.6 * len(against) + 1.6, 3.7), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes = fig.subplots(1, len(against), sharey=True, squeeze=False)[0]
    for i, (name, some) in enumerate(checks.items()):
        ink = style.colour(len(some[0].losses))
        look = {"color": ink, "marker": style.HEAD_MARKERS[i % 8], "linestyle": style.HEAD_LINESTYLES[i % 8]}
        for one, field in zip(axes, against):
            places = [getattr(event, field) for event in some]
            losses = [event.validation[0] for event in some]
            one.plot(places, losses, linewidth=1.8, markersize=6, markerfacecolor=style.PAPER, label=name, **look)
    for one, field in zip(axes, against):
        one.set_xlabel(_AGAINST[field])
        one.set_xlim(left=0)
        one.xaxis.set_major_formatter(EngFormatter())
        one.grid(axis="y", color="#e3e3e3", linewidth=0.8)
        one.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("head 1, held-out text, nats per token")
    _end_labels(axes[-1], {name: some[-1].validation[0] for name, some in checks.items()})
    words = [
        f"{name} {some[-1].validation[0]:.3f} after {some[-1].tokens:,} tokens, {some[-1].seconds:.0f} s"
        for name, some in checks.items()
    ]
    fig.set_label(f"Head 1's held-out loss, nats per token: {'; '.join(words)}")
    return fig


def _end_labels(axes, ends: Mapping[str, float]) -> None:
    """Each run's name and last loss right of the axes, moved apart; its mark says which one it is."""
    low, high = axes.get_ylim()
    placed = spread(list(ends.values()), 0.085 * (high - low))
    # Labels that had to move below the axes come back in together.
    lift = max(0.0, low - min(placed))
    for line, (name, loss), place in zip(axes.lines, ends.items(), placed):
        y = (place + lift - low) / (high - low)
        plain = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([1.04], [y], line.get_marker(), color=line.get_color(), markerfacecolor=style.PAPER, **plain)
        axes.text(1.075, y, f"{name}: {loss:.3f}", transform=axes.transAxes, va="center", color=line.get_color())


def run_inside(events: Sequence) -> Figure:
    """What else an event tells, over the steps: learning rate, gradient norm before clipping, tokens per second.

    events: train.TrainEvent. Raises ValueError without events.
    """
    if not events:
        raise ValueError("there are no training events to draw: run at least one step")
    fig = Figure(figsize=(10, 2.7), dpi=100, layout="constrained", facecolor=style.PAPER)
    steps = [event.step for event in events]
    shown = {
        "learning rate": [event.learning_rate for event in events],
        "gradient norm, before clipping": [event.gradient_norm for event in events],
        "tokens per second": [event.tokens_per_second for event in events],
    }
    for axes, (name, values) in zip(fig.subplots(1, len(shown)), shown.items()):
        axes.plot(steps, values, color=style.INK, linewidth=1.2)
        axes.set_title(name, fontsize=10.5, loc="left", color=style.INK)
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    ends = [f"{name} {values[0]:.3g} -> {values[-1]:.3g}, at most {max(values):.3g}" for name, values in shown.items()]
    fig.set_label(f"{len(events)} steps: {'; '.join(ends)}")
    return fig
