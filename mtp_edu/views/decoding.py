"""Figures and tables of `mtp-edu bench decode`: speed-up against batch, steps and the roofline, how long to draft.

A way of decoding has the colour and the mark of the last head it uses; k is that number of heads, n_future.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.figure import Figure

from mtp_edu.config import ModelConfig
from mtp_edu.meter import DraftLength, Roofline, step_cost
from mtp_edu.views import style

KINDS = ("eager", "compiled")
_BOUND = {"marker": "_", "markersize": 17, "markeredgewidth": 2, "linestyle": "", "zorder": 3}


def _look(row: Mapping) -> dict:
    """Colour, mark and line of a way of decoding; a tree is no head's, and is drawn in ink."""
    if row["nodes"]:
        return {"color": style.INK, "marker": "X", "linestyle": "-", "label": f"tree of {row['nodes']}"}
    k = row["n_future"]
    name = "plain" if k == 1 else f"{style.mark(k)} k = {k}"
    i = (k - 1) % len(style.HEAD_MARKERS)
    return {"color": style.colour(k), "marker": style.HEAD_MARKERS[i], "linestyle": style.HEAD_LINESTYLES[i],
            "label": name}


def _ours(content: Mapping, kind: str) -> list[Mapping]:
    """Our rows of a kind that ran, in the number format that every batch size has."""
    return [row for row in content["rows"]
            if "method" in row and row["compiled"] == (kind == "compiled") and row["format"] == content["format"]]


def _curves(rows: Sequence[Mapping]) -> Iterator[tuple[dict, list[Mapping]]]:
    """Rows of one way after the other, by batch."""
    ways = dict.fromkeys((row["n_future"], row["nodes"]) for row in rows)
    for way in ways:
        own = sorted((row for row in rows if (row["n_future"], row["nodes"]) == way), key=lambda row: row["batch"])
        yield _look(own[0]), own


def _plain_axes(axes, title: str) -> None:
    axes.set_title(title, fontsize=10.5, loc="left", color=style.INK)
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _powers_of_two(axes, most: float) -> None:
    """The axis of batches or tokens in flight."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(0.85, 1.15 * most)
    ticks = [2**i for i in range(12) if 2**i <= most]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])


def batch_curves(content: Mapping) -> Figure:
    """Tokens per second over plain decoding at the same batch size, ours beside the paper's Fig S10.

    content: what `mtp-edu bench decode` stores. Lines join medians, dots are all turns, dashes the most that the bytes
    allow. A row of a batch that has ended waits for the others; crosses say what the same steps give where none waits.
    Raises ValueError without rows.
    """
    panels = [(kind, [row for row in _ours(content, kind) if row["n_future"] > 1]) for kind in KINDS]
    panels = [(kind, rows) for kind, rows in panels if rows]
    if not panels:
        raise ValueError("the result holds no measurement: run `mtp-edu bench decode`")
    fig = Figure(figsize=(3.6 + 3 * len(panels), 4), dpi=100, layout="constrained", facecolor=style.PAPER)
    axes, words = fig.subplots(1, len(panels) + 1, sharey=True), []
    for one, (kind, rows) in zip(axes, panels):
        _plain_axes(one, f"{content['model']['name']}, {kind}")
        for look, own in _curves(rows):
            batches, ink = [row["batch"] for row in own], look["color"]
            gains = [row["speed_up"]["median"] for row in own]
            one.plot(batches, gains, **look, markersize=6)
            one.plot(batches, [row["bound"] for row in own], color=ink, alpha=0.75, **_BOUND)
            waiting = [(row["batch"], row["speed_up"]["median"] / row["occupied"]) for row in own if row["batch"] > 1]
            one.plot(*zip(*waiting), "+", color=ink, markersize=8) if waiting else None
            turns = [(row["batch"], gain) for row in own for gain in row["speed_up"]["all"]]
            one.plot(*zip(*turns), ".", color=ink, alpha=0.4)
            words.append(f"{kind}, {look['label']}: " + ", ".join(f"{x:.2f} at {b}" for b, x in zip(batches, gains)))
        one.plot([], [], color=style.MUTED, label="most that the bytes allow", **_BOUND)
        if max(row["batch"] for row in rows) > 1:
            one.plot([], [], "+", color=style.MUTED, label="if no row had to wait")
    _plain_axes(axes[-1], "the paper: 7B, code (Fig S10)")
    paper = content["paper"]["figure_s10"]
    for k, gains in paper["throughput"].items():
        axes[-1].plot(paper["batches"], gains, **_look({"nodes": None, "n_future": int(k)}), markersize=5)
    for one in axes:
        one.axhline(1, color=style.MUTED, linewidth=1)
        _powers_of_two(one, 42)
        one.set_xlabel("batch")
    axes[0].set_ylabel("tokens per second over plain decoding")
    axes[0].set_ylim(0, max(4.4, axes[0].get_ylim()[1]))
    axes[0].legend(fontsize=8, loc="upper left", frameon=False, ncols=2)
    fig.set_label("Tokens per second over plain decoding at the same batch: " + "; ".join(words))
    return fig


def roofline_chart(content: Mapping) -> Figure:
    """Time of a step against the tokens in flight, batch times block, over the least that the machine allows.

    content: what `mtp-edu bench decode` stores; the trained model and those of random weights. Left of the ridge a step
    reads its weights and more tokens cost nothing; right of it every token costs its own time. The line is that of
    plain steps (meter.step_cost). Raises ValueError without rows.
    """
    name, length = content["model"]["name"], content["prompt_tokens"] + content["new_tokens"] // 2
    shapes = {name: (ModelConfig.from_dict(content["model"]["config"]), length)}
    for bare in content["shape"]["bare"]:
        cfg = ModelConfig(n_future=4, max_seq_len=bare["context"], **bare["shape"])
        shapes[bare["name"]] = cfg, bare["context"]
    models = {(name, content["format"]): {kind: _ours(content, kind) for kind in KINDS}}
    for row in content["bare"]:
        if row.get("kind") in KINDS and "absent" not in row:
            kinds = models.setdefault((row["model"], row["format"]), {kind: [] for kind in KINDS})
            middle = statistics.median(row["step_seconds"])
            kinds[row["kind"]].append(row | {"nodes": None, "step_seconds": middle})
    models = {key: kinds for key, kinds in models.items() if any(kinds.values())}
    if not models:
        raise ValueError("the result holds no measurement: run `mtp-edu bench decode`")
    columns, lines = min(2, len(models)), math.ceil(len(models) / 2)
    fig = Figure(figsize=(0.6 + 3.9 * columns, 4 * lines), dpi=100, layout="constrained", facecolor=style.PAPER)
    words, panels = [], [fig.add_subplot(lines, columns, i + 1) for i in range(len(models))]
    for axes, ((name, form), kinds) in zip(panels, models.items()):
        (cfg, context), found = shapes[name], content["roofline"][form]
        machine = Roofline(found["bandwidth"], found["peak"], found["bytes_per_value"])
        most = max(_in_flight(row) for rows in kinds.values() for row in rows)
        tokens = [2 ** (i / 4) for i in range(4 * math.ceil(math.log2(max(most, machine.ridge))) + 1)]
        costs = [step_cost(cfg, 1, max(1, round(count)), context, machine.bytes_per_value) for count in tokens]
        roof = [1000 * machine.seconds(cost) for cost in costs]
        axes.plot([cost.tokens for cost in costs], roof, color="#d98200", linewidth=2, label="least time, plain")
        for kind, rows in kinds.items():
            for look, own in _curves(rows):
                fill = style.PAPER if kind == "eager" else look["color"]
                times = [1000 * row["step_seconds"] for row in own]
                words.append(f"{name}, {kind}, {look['label']}: " + ", ".join(f"{time:.3g}" for time in times))
                look |= {"label": f"{look['label']}, {kind}", "markerfacecolor": fill, "linewidth": 1}
                axes.plot([_in_flight(row) for row in own], times, **look)
        axes.axvline(machine.ridge, color=style.MUTED, linestyle=":", linewidth=1)
        place = {"xycoords": ("data", "axes fraction"), "xytext": (3, 0), "textcoords": "offset points"}
        axes.annotate(f"ridge: {machine.ridge:.0f}", (machine.ridge, 0.02), fontsize=8.5, color=style.MUTED, **place)
        _powers_of_two(axes, max(most, 1.5 * machine.ridge))
        axes.set(yscale="log", xlabel="tokens in flight")
        axes.set_ylim(top=8 * axes.get_ylim()[1])  # room for the names
        _plain_axes(axes, f"{name}, {form}")
        axes.legend(fontsize=7.5, frameon=False, ncols=2, loc="upper left")
    for axes in panels[::2]:
        axes.set_ylabel("milliseconds for a step")
    fig.set_label("Milliseconds for a step: " + "; ".join(words))
    return fig


def _in_flight(row: Mapping) -> int:
    return row["batch"] * (row["nodes"] or row["n_future"])


def draft_length_chart(found: DraftLength | Mapping) -> Figure:
    """What decides how many heads to use: tokens per forward, the cost of a step, and what both come to.

    found: of meter.draft_length, or as `mtp-edu bench decode` stores it. Bars are the fastest turns, dots all turns,
    both over the fastest plain one; dashes are the roofline's.
    """
    found = found if isinstance(found, DraftLength) else DraftLength(**found)
    fig = Figure(figsize=(9, 3.4), dpi=100, layout="constrained", facecolor=style.PAPER)
    ks = range(1, len(found.tokens_per_forward) + 1)
    plain, floor, forward = found.fastest[0], found.floor_seconds[0], found.tokens_per_forward
    costs = [sorted(own / plain for own in seconds) for seconds in found.step_seconds]  # the fastest turn first
    least = [seconds / floor for seconds in found.floor_seconds]
    gains = [[forward[k - 1] / cost for cost in costs[k - 1]] for k in ks]
    parts = [
        ("tokens per forward", [[value] for value in forward], None),
        ("time of a step over a plain one", costs, least),
        ("tokens per second over plain", gains, [own / cost for own, cost in zip(forward, least)]),
    ]
    for axes, (title, values, roofline) in zip(fig.subplots(1, 3), parts):
        for k, own in zip(ks, values):
            axes.bar(k, own[0], 0.62, color=style.tint(k), edgecolor=style.colour(k), linewidth=1.5)
            axes.plot([k] * len(own), own, ".", color=style.colour(k), alpha=0.6) if len(own) > 1 else None
            axes.annotate(f"{own[0]:.2f}", (k, 0), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=9.5,
                          color=style.INK)
        if roofline:
            axes.plot(ks, roofline, color="#d98200", label="roofline", **_BOUND)
            axes.legend(fontsize=8.5, loc="upper left", frameon=False)
        axes.set_ylim(0, 1.3 * max(max(map(max, values)), *(roofline or [0])))
        names = [f"{style.mark(k)} k = {k}" for k in ks]
        if "second" in title:
            names[found.best - 1] += "\nbest"
        axes.set_xticks(list(ks), names)
        _plain_axes(axes, title)
    fig.set_label(found.sentence())
    return fig


def _by_heads(content: Mapping, kind: str) -> dict[int, Mapping]:
    """Our rows at batch 1 by the heads that they use, trees left out."""
    return {row["n_future"]: row for row in _ours(content, kind) if row["batch"] == 1 and not row["nodes"]}


def _pairs(head: str, columns: Mapping[str, Mapping[int, Sequence[float]]], note: str) -> str:
    """A Markdown table with two columns, speed-up and `head`, for each name; a row for each number of heads."""
    lines = ["| heads used | " + " | ".join(f"{name}: speed-up | {head}" for name in columns) + " |"]
    lines.append("| --- " * (1 + 2 * len(columns)) + "|")
    for k in sorted({k for rows in columns.values() for k in rows}):
        cells = [f"{rows[k][i]:.2f}" if k in rows else "" for rows in columns.values() for i in (0, 1)]
        lines.append(f"| {k} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", note])


def _numbered(rows: Mapping[str, Sequence[float]]) -> dict[int, Sequence[float]]:
    return {int(k): pair for k, pair in rows.items()}


def speed_table(content: Mapping) -> str:
    """Speed-up over plain decoding and tokens per forward at batch 1, beside the paper's Table S2, in Markdown.

    content: what `mtp-edu bench decode` stores.
    """
    columns = {}
    for kind in KINDS:
        if rows := _by_heads(content, kind):
            pairs = {k: (row["speed_up"]["median"], row["tokens_per_forward"]) for k, row in rows.items()}
            columns[f"{content['model']['name']}, {kind}"] = pairs
    columns |= {f"paper, {text}": _numbered(rows) for text, rows in content["paper"]["table_s2"].items()}
    ours = f"batch 1, {content['format']}, {content['new_tokens']} tokens"
    note = f"Ours: {ours}. Paper: 7B, n = 4, batch 42, 512 tokens."
    return _pairs("tok/fwd", columns, note)


def bytes_table(content: Mapping) -> str:
    """Speed-up and bytes of text per forward at batch 1, beside the paper's Table S3 of byte models, in Markdown."""
    rows, each = _by_heads(content, "compiled") or _by_heads(content, "eager"), content["bytes_per_token"]
    pairs = {k: (row["speed_up"]["median"], each * row["tokens_per_forward"]) for k, row in rows.items()}
    columns = {content["model"]["name"]: pairs}
    columns |= {f"paper, n = {n}": _numbered(rows) for n, rows in content["paper"]["table_s3"].items()}
    return _pairs("bytes/fwd", columns, f"Ours: batch 1, {each:.2f} bytes per token. Paper: 7B on bytes, batch 16.")
