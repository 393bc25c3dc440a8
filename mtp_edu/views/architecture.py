"""The model as a picture: trunk and heads drawn from its own modules, the head trees, where the parameters are.

HTML without scripts: tables of boxes and lines, read upwards. A notebook that is not trusted drops the style sheet, and
the lines with it; the boxes' titles still name what each head reads.
Letters: `D` width, `V` vocabulary, `n` future tokens; head k = 1 is the next token.
"""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure
from torch import nn

from mtp_edu.config import ModelConfig
from mtp_edu.heads import TRUNK, LinearHead
from mtp_edu.model import MultiTokenModel
from mtp_edu.views import style
from mtp_edu.views.html import HtmlFigure, escape, figure, head_name, note, table, tag
from mtp_edu.views.panels import Panel, _control, _slider


def kind(cfg: ModelConfig) -> str:
    """An architecture in words: 'n = 1', 'causal', 'linear', 'parallel, layers added'."""
    if cfg.n_future == 1:
        return "n = 1"
    words = [] if cfg.head_type == "transformer" else [cfg.head_type]
    words += [cfg.head_order] if not words or cfg.head_order != "parallel" else []
    added = cfg.keep_trunk_depth and cfg.head_type == "transformer"
    return ", ".join(words + ["layers added"] * added)


def _named(configs: Mapping[str, ModelConfig] | Sequence[ModelConfig]) -> dict[str, ModelConfig]:
    """Configs under the names given, or under their kinds; two of a kind need names."""
    named = dict(configs) if isinstance(configs, Mapping) else {kind(cfg): cfg for cfg in configs}
    if not named or len(named) != len(configs):
        raise ValueError(f"{len(configs)} configs have {len(named)} names: pass {{name: config, ...}}, at least one")
    return named


def _reads(parent: int) -> str:
    return "the trunk" if parent == TRUNK else f"head {parent + 1}"


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _box(content: str, head: int = 0, title: str = "") -> str:
    look = style.chip_style(head) + ";text-align:center"
    return tag("div", content, class_=f"mtp-box {style.chip_class(head)}", style=look, title=title)


def _line(kind: str) -> str:
    """A line through a cell: 'up', or from the box to its left ('elbow') or right ('elbow mtp-back') and then up."""
    return tag("div", class_=f"mtp-wire mtp-{kind}") if kind else ""


def _wires(columns: Sequence[bool]) -> list[str]:
    """A low row: a line upwards in the columns that have one."""
    return [tag("td", _line("up" if there else "")) for there in columns]


def _tree_rows(parents: Sequence[int], box: Callable[[int], str]) -> list[list[str]]:
    """Rows of cells, top first: every head in its own column, one row above what it reads."""
    depth: list[int] = []
    for head in range(len(parents)):
        steps, at = 0, head
        while at != TRUNK:
            steps, at = steps + 1, parents[at]
        depth.append(steps)
    rows = [_wires([True] * len(parents))]
    for level in range(max(depth), 0, -1):
        cells = []
        for head, parent in enumerate(parents):
            if depth[head] == level:
                cells.append(box(head))
            elif depth[head] == level + 1:
                cells.append(_line("elbow" if parent < head else "elbow mtp-back"))
            else:
                cells.append(_line("up" if depth[head] < level else ""))
        rows.append([tag("td", cell) for cell in cells])
    return [*rows, _wires([steps == 1 for steps in depth])]


def architecture(model: MultiTokenModel) -> HtmlFigure:
    """The model drawn from its modules, with the parameters that each of them holds (the paper's Fig 1 and section 2).

    Read it upwards, from the embedding to the predictions of heads 1..n. A shared unembedding is one wide box that all
    heads use in turn; replicated ones (Table S13) stand above their own heads.
    """
    cfg, n = model.cfg, len(model.heads)
    heads, layers = [_count(head) for head in model.heads], [_count(layer) for layer in model.trunk]
    what = ["1 matrix" if isinstance(head, LinearHead) else _plural(len(head), "layer") for head in model.heads]
    parts = [f"head {i + 1}: {what[i]}, {heads[i]:,} parameters, reads {_reads(model.heads.parents[i])}"
             for i in range(n)]
    one, copies, embedding = _count(model.unembeddings[0]), len(model.unembeddings), _count(model.embedding)
    rows = []

    def row(name: str, cells: list[str], count: str = "") -> None:
        rows.append(tag("th", name, class_="mtp-left") + "".join(cells) + tag("td", count, class_="mtp-left mtp-mute"))

    def wide(name: str, content: str, count: str = "") -> None:
        row(name, [tag("td", content, colspan=str(n))], count)

    row("predicts", [tag("td", f"{head_name(k, short=True)} t+{k}") for k in range(1, n + 1)])
    if copies > 1:
        row("unembeddings", [tag("td", _box("own", k)) for k in range(1, n + 1)], f"{copies} × {one:,}")
        last = f"unembeddings: {copies} of {one:,} parameters, one for each head"
    else:
        count = "the embedding’s matrix" if cfg.tie_embeddings else f"{one:,}"
        shared = ", shared by all heads" if n > 1 else ""
        wide("unembedding", _box(f"{cfg.dim} × {cfg.vocab_size:,}{shared}"), count)
        last = f"unembedding: {count}{' parameters' * (not cfg.tie_embeddings)}{shared}"
    wide("final norm", _box(f"{cfg.dim} gains{', shared' if n > 1 else ''}"), f"{_count(model.norm):,}")
    tree = _tree_rows(
        model.heads.parents, lambda i: _box(f"{style.mark(i + 1)}&nbsp;head&nbsp;{i + 1}", i + 1, parts[i])
    )
    for place, cells in enumerate(tree):
        row(*("heads", cells, f"{n} × {heads[0]:,} ({what[0]})") if place == len(tree) // 2 else ("", cells))
    for number in range(len(layers), 0, -1):
        box = _box(f"layer {number}")
        wide(*("trunk", box, f"{len(layers)} × {layers[0]:,}") if number == (len(layers) + 1) // 2 else ("", box))
    wide("", _line("up"))
    wide("embedding", _box(f"{cfg.vocab_size:,} × {cfg.dim}"), f"{embedding:,}")
    small = f"{kind(cfg)}: {_count(model):,} parameters in all, {sum(layers):,} in the trunk"
    small += f", {sum(heads):,} in the heads"
    words = [f"embedding: {embedding:,} parameters",
             f"trunk: {_plural(len(layers), 'layer')}, {sum(layers):,} parameters",
             *parts, f"final norm: {_count(model.norm):,} parameters", last, small]
    return figure(table(rows, class_="mtp-arch") + note(f"Read upwards. {escape(small)}."), "\n".join(words))


def head_trees(configs: Mapping[str, ModelConfig] | Sequence[ModelConfig]) -> HtmlFigure:
    """The head trees side by side: what each head reads, and how many heads must run for head 1 alone (Table S4).

    configs: a sequence, or a mapping from names. Drawn from cfg.head_parents and cfg.heads_run. Raises ValueError for
    no config, or for several of the same kind without names.
    """
    trees, lines = [], []
    for name, cfg in _named(configs).items():
        n, parents = cfg.n_future, cfg.head_parents
        boxes = {i: _box(style.mark(i + 1), i + 1, f"head {i + 1} reads {_reads(parents[i])}") for i in range(n)}
        rows = ["".join(cells) for cells in _tree_rows(parents, boxes.__getitem__)]
        rows.append(tag("td", _box(f"trunk, {_plural(cfg.n_trunk_layers, 'layer')}"), colspan=str(n)))
        seen = [f"{head_name(i + 1, short=True)} reads {_reads(parents[i])}" for i in range(n)]
        cost = f"head 1 alone: runs {len(cfg.heads_run([0]))} of {n}"
        title = tag("div", escape(name), class_="mtp-title")
        trees.append(tag("div", title, table(rows, class_="mtp-arch"), note("<br>".join([*seen, cost])),
                         class_="mtp-tree", style="display:inline-block;vertical-align:bottom;margin-right:12px"))
        reading = ", ".join(f"head {i + 1} reads {_reads(parents[i])}" for i in range(n))
        lines.append(f"{name}: {reading}; {cost}")
    return figure("".join(trees), "\n".join(lines))


def parameter_bars(configs: Mapping[str, ModelConfig] | Sequence[ModelConfig], shares: bool = True) -> HtmlFigure:
    """Where the parameters are, as one bar for each config, cut into embedding, trunk, heads and unembedding.

    configs: as for head_trees; numbers from cfg.parameter_table(). shares: every bar is its model's 100 %; otherwise
    all bars share one scale, and a longer bar is a larger model. The final norm's D numbers are too few to be seen.
    """
    named = _named(configs)
    largest = max(cfg.parameters() for cfg in named.values())
    rows, lines = [], []
    for name, cfg in named.items():
        parts, total = cfg.parameter_table(), cfg.parameters()
        scale = 100 / (total if shares else largest)
        pieces = []
        for part, count in parts.items():
            each = cfg.n_future if part == "heads" else 1
            for k in range(1, each + 1):
                width = count / each * scale
                words = f"{part}&nbsp;{count / total:.0%}" if width > 22 else ""
                words = style.mark(k) if part == "heads" and width > 2 else words
                head = k if part == "heads" else 0
                title = f"{part}: {count:,} parameters, {count / total:.1%}"
                look = f"{style.chip_style(head)};display:inline-block;vertical-align:top;width:{width:.2f}%"
                classes = f"mtp-piece {style.chip_class(head)}{' mtp-deep' * (part == 'trunk')}"
                if count and part != "final norm":
                    pieces.append(tag("div", words, class_=classes, style=look, title=title))
        bar = tag("div", *pieces, class_="mtp-stack", style="width:460px;white-space:nowrap")
        rows.append(tag("th", escape(name), class_="mtp-left") + tag("td", bar, class_="mtp-left")
                    + tag("td", f"{total:,}", style="text-align:right"))
        cut = ", ".join(f"{part} {count:,} ({count / total:.1%})" for part, count in parts.items())
        lines.append(f"{name}: {total:,} parameters: {cut}")
    names = ["", "embedding · trunk · heads · unembedding", "parameters"]
    picture = table(rows, "".join(tag("th", name) for name in names), class_="mtp-bars")
    scale = "each bar is its own model’s 100 %" if shares else "all bars have the same scale"
    return figure(picture + note(scale), "\n".join(lines))


class ArchitecturePanel(Panel):
    """Choose n and the kind of heads, and see the model redrawn: n-1 layers move from the trunk into the heads.

    n_layers, dim, vocab_size: of the model that is drawn (it is made, not trained). Choices that leave no trunk layer
    are refused in the panel with ModelConfig's own message.
    """

    KINDS = ("parallel", "causal", "anticausal", "linear")

    def __init__(self, n_layers: int = 6, dim: int = 64, vocab_size: int = 257, n: int = 1) -> None:
        self.shape = {"n_layers": n_layers, "dim": dim, "vocab_size": vocab_size}
        self.n = _slider("mtp-slider-n", "heads n", n, 1, n_layers)
        self.kind = _control(widgets.Dropdown(options=self.KINDS, description="heads are"), "mtp-kind")
        self.keep = widgets.Checkbox(value=False, description="keep the trunk's depth", indent=False)
        self.keep.add_class("mtp-keep")
        super().__init__([widgets.HBox([self.n, self.kind, self.keep])])
        for control in (self.n, self.kind, self.keep):
            control.observe(self.update, names="value")
        self.update()

    def config(self) -> ModelConfig:
        """The config for the controls as they stand."""
        linear = self.kind.value == "linear"
        kinds = {"head_type": "linear"} if linear else {"head_order": self.kind.value}
        return ModelConfig(**self.shape, n_future=self.n.value, keep_trunk_depth=self.keep.value, **kinds)

    def make(self) -> HtmlFigure:
        cfg = self.config()
        drawn, one = architecture(MultiTokenModel(cfg)), ModelConfig(**self.shape, n_future=1)
        more = cfg.parameters() - one.parameters()
        words = f"{cfg.parameters():,} parameters: {f'{more:,} more than' if more else 'as many as'} with n = 1"
        return HtmlFigure(drawn.html + figure(note(words), words).html, f"{drawn.text}\n{words}")


def head_kinds_chart(content: Mapping) -> Figure:
    """The experiment of experiments.head_kinds beside the paper's Table S4: every seed a dot, mean and 95 % interval.

    content: what head_kinds.run stores (data/results/head_kinds_cpu.json). Left: held-out loss of head 1, nats per
    token. Middle: tokens per forward along held-out text, drafts judged by head 1. Right: the paper's pass@1 in per
    cent on MBPP and HumanEval, at 7B. Raises ValueError without architectures.
    """
    rows = content["architectures"]
    if not rows:
        raise ValueError("the result holds no architectures: run head_kinds.run() first")
    fig = Figure(figsize=(9.6, 3.9), dpi=100, layout="constrained", facecolor=style.PAPER)
    ours, forwards, paper = fig.subplots(1, 3, sharey=True, width_ratios=(1.3, 1, 1))
    places = range(len(rows) - 1, -1, -1)  # the first one on top
    for y, row in zip(places, rows):
        drawn = ((ours, row["losses"][0], [one["losses"][0] for one in row["runs"]]),
                 (forwards, row["tokens_per_forward"], [one["tokens_per_forward"] for one in row["runs"]]))
        for axes, interval, values in drawn:
            axes.plot([interval["low"], interval["high"]], [y, y], color=style.INK, linewidth=1.2)
            axes.plot(interval["mean"], y, "|", color=style.INK, markersize=15, markeredgewidth=2)
            ink = style.colour(1) if axes is ours else style.MUTED
            axes.plot(values, [y] * len(values), "o", color=ink, alpha=0.65, markersize=5)
        for test, mark, fill in (("MBPP", "s", style.INK), ("HumanEval", "D", style.PAPER)):
            paper.plot(row["paper_table_s4"][test][0], y, mark, color=style.INK, markerfacecolor=fill, label=test)
    seeds = len(content["seeds"])
    ours.axvline(rows[0]["losses"][0]["mean"], color=style.MUTED, linestyle=":", linewidth=1)
    ours.set_yticks(list(places), [row["name"] for row in rows])
    titles = (f"ours: head 1, {seeds} seeds", "ours: drafts", "the paper: 7B, no spread given")
    labels = ("held-out loss, nats per token\n(less is better)", "tokens per forward\n(more is better)",
              "pass@1, per cent\n(more is better)")
    for axes, title, label in zip((ours, forwards, paper), titles, labels):
        axes.set_title(title, fontsize=10.5, loc="left", color=style.INK)
        axes.set_xlabel(label)
        axes.grid(axis="x", color="#e3e3e3", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = paper.get_legend_handles_labels()
    fig.legend(handles[:2], names[:2], fontsize=9, loc="outside lower right", ncols=2, frameon=False)
    means = ", ".join(f"{row['name']} {row['losses'][0]['mean']:.3f}" for row in rows)
    fig.set_label(f"Held-out loss of head 1, nats per token, mean of {seeds} seeds: {means}")
    return fig
