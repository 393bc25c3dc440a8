"""Where a byte model is surprised: byte by byte along a text, and by a byte's place within its word piece.

Surprise is -log2 p(true byte), in bits. Head k = 1 predicts the next byte.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from mtp_edu.views import style
from mtp_edu.views.html import visible


def surprise_bars(text: bytes, bits: Sequence[float], starts: Sequence[int]) -> Figure:
    """Head 1's surprise at every byte of a short text, with lines where a word piece begins.

    bits: one number per byte of the text. starts: places of the bytes that begin a piece. The first byte of a piece
    is dark, the others are light. Raises ValueError unless there is a number for each byte.
    """
    if not text or len(bits) != len(text):
        raise ValueError(f"{len(bits)} numbers for {len(text)} bytes: give one for each byte of a text, one at least")
    first = set(starts)
    fig = Figure(figsize=(9, 2.5), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes = fig.add_subplot()
    for look, places in (("first byte of a piece", first), ("the bytes inside", set(range(len(text))) - first)):
        inks = {"color": style.colour(1)} if places is first else {"color": style.tint(1), "hatch": "////"}
        shown = sorted(places & set(range(len(text))))
        axes.bar(shown, [bits[i] for i in shown], 0.85, edgecolor=style.colour(1), linewidth=0.8, label=look, **inks)
    for place in first:
        axes.axvline(place - 0.5, color=style.MUTED, linewidth=0.7, linestyle=":")
    names = [visible(bytes([byte]).decode("latin-1")) if byte < 128 else f"{byte:02x}" for byte in text]
    axes.set_xticks(range(len(text)), names, family="monospace", fontsize=8.5)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.7, len(text) - 0.3)
    axes.set_ylabel("bits")
    axes.legend(fontsize=8.5, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)  # above the bars
    axes.spines[["top", "right"]].set_visible(False)
    parts = {True: [], False: []}
    for i, own in enumerate(bits):
        parts[i in first].append(own)
    means = [sum(own) / len(own) if own else float("nan") for own in (parts[True], parts[False])]
    fig.set_label(f"{len(text)} bytes: {means[0]:.2f} bits at the first byte of a piece, {means[1]:.2f} inside")
    return fig


def surprise_by_place(curves: Mapping[int, Sequence[float]]) -> Figure:
    """Mean surprise of some heads by the place of the predicted byte within its word piece, 1 for the first.

    curves: head -> bits at places 1, 2, .... Raises ValueError without curves.
    """
    if not curves:
        raise ValueError("there is nothing to draw: pass {head: bits at places 1, 2, ...}")
    fig = Figure(figsize=(7, 3.2), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes, words = fig.add_subplot(), []
    for head, bits in curves.items():
        look = (head - 1) % len(style.HEAD_MARKERS)
        axes.plot(range(1, len(bits) + 1), bits, color=style.colour(head), marker=style.HEAD_MARKERS[look],
                  linestyle=style.HEAD_LINESTYLES[look], label=f"{style.mark(head)} head {head}")
        words.append(f"head {head}: " + ", ".join(f"{own:.2f}" for own in bits))
    axes.set_xticks(range(1, 1 + max(map(len, curves.values()))))
    axes.set_xlabel("place of the predicted byte in its piece")
    axes.set_ylabel("bits per byte")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9, frameon=False)
    fig.set_label("bits by place in the piece; " + "; ".join(words))
    return fig
