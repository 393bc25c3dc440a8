"""Acceptance as plots: how often each head's drafts are right, by their names, and what that adds up to.

Head k = 1 is the next token; heads 2..n draft. `alone`, `cumulative` and `conditional` are probe.Judged's.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mtp_edu.views import style


def acceptance_chart(acceptance) -> Figure:
    """How often the drafts of heads 2..n are right, by all three names, judged by head 1 and by the text itself.

    acceptance: probe.Acceptance. A head's bars have its colour, and a name its filling: alone pale, cumulative full,
    conditional hatched. Raises ValueError for a model without drafts.
    """
    heads = range(2, len(acceptance.accuracy) + 1)
    if not heads:
        raise ValueError("n_future = 1: the model drafts nothing, so there is nothing to accept")
    fig = Figure(figsize=(9, 3.4), dpi=100, layout="constrained", facecolor=style.PAPER)
    looks = {"alone": {"alpha": 0.3}, "cumulative": {}, "conditional": {"fill": False, "hatch": "////"}}
    words = []
    sides = {"judged by head 1": acceptance.main, "judged by the text": acceptance.text}
    for axes, (side, judged) in zip(fig.subplots(1, 2, sharey=True), sides.items()):
        for i, (name, look) in enumerate(looks.items()):
            shares = getattr(judged, name)
            for head, share in zip(heads, shares):
                ink = style.colour(head)
                place = head + 0.27 * (i - 1)
                axes.bar(place, share, 0.24, facecolor=ink, edgecolor=ink, linewidth=1, **look)
                axes.annotate(
                    f"{share:.2f}",
                    (place, share),
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8.5,
                    color=style.INK,
                )
            words.append(f"{side}, {name}: " + ", ".join(f"head {k} {x:.3f}" for k, x in zip(heads, shares)))
        axes.set_title(side, fontsize=10.5, loc="left", color=style.INK)
        axes.set_xticks(list(heads), [f"{style.mark(head)} head {head}" for head in heads])
        axes.set_ylim(0, 1.12)
        axes.set_xlim(1.45, heads[-1] + 0.55)
        _plain(axes, "y")
        if side == "judged by head 1":
            axes.set_ylabel("share of drafts that are right")
            key = [
                Patch(facecolor=style.MUTED, edgecolor=style.MUTED, label=name, **look) for name, look in looks.items()
            ]
            axes.legend(handles=key, fontsize=8.5, loc="upper center", ncols=3, frameon=False)
    fig.set_label("; ".join(words))
    return fig


def forward_bars(rows: Mapping[str, Sequence[float]], most: int | None = None) -> Figure:
    """Tokens per forward taken apart: 1 from head 1, and from each head the share of forwards that keep its draft.

    rows: name -> cumulative acceptance of heads 2, 3, .... most: where the axis ends, by default the largest possible.
    Raises ValueError without rows.
    """
    if not rows:
        raise ValueError("there is nothing to compare: pass {name: cumulative acceptance of heads 2, 3, ...}")
    most = most or 1 + max(map(len, rows.values()))
    fig = Figure(figsize=(9, 0.9 + 0.42 * len(rows)), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes, words = fig.add_subplot(), []
    for y, (name, cumulative) in enumerate(rows.items()):
        left = 0.0
        for head, share in enumerate((1.0, *cumulative), start=1):
            ink = style.colour(head)
            axes.barh(y, share, 0.62, left=left, color=style.tint(head), edgecolor=ink, linewidth=1.2)
            if share > 0.025 * most:
                text = style.mark(head) if head == 1 else f"{style.mark(head)} {share:.2f}"
                fits = share > 0.085 * most or head == 1
                axes.text(
                    left + share / 2,
                    y,
                    text if fits else style.mark(head),
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=style.INK,
                )
            left += share
        axes.text(left, y, f"  {left:.2f}", va="center", fontsize=11, color=style.INK)
        words.append(f"{name}: {left:.2f} tokens per forward")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.06 * most)
    axes.set_xlabel("tokens per forward")
    axes.axvline(1, color=style.MUTED, linestyle=":", linewidth=1)
    _plain(axes, "x")
    fig.set_label("; ".join(words))
    return fig


def _plain(axes, grid: str) -> None:
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color="#e3e3e3", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
