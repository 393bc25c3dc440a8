"""The pictures of trunk and heads: their numbers are the model's own, and every head is in them."""

import json
import re
from types import SimpleNamespace

import pytest
from core.figure_reader import Reader

import mtp_edu as mtp
from mtp_edu import views
from mtp_edu.experiments import head_kinds
from mtp_edu.views import style
from mtp_edu.views.architecture import kind

CHANGES = {
    "n = 1": {"n_future": 1},
    "parallel": {},
    "causal": {"head_order": "causal"},
    "anticausal": {"head_order": "anticausal"},
    "linear": {"head_type": "linear"},
    "parallel, layers added": {"keep_trunk_depth": True},
}


def config(**changes):
    return mtp.ModelConfig(**({"vocab_size": 40, "dim": 16, "n_layers": 6, "n_future": 4} | changes))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


class Page(Reader):
    """A figure by the attributes of its boxes."""

    def classes(self, *names):
        return [attrs for _, attrs in self.with_class(*names)]


@pytest.mark.parametrize("name", CHANGES)
def test_the_picture_counts_what_the_model_holds(name):
    model = mtp.MultiTokenModel(config(**CHANGES[name]))
    figure = views.architecture(model)
    page, n = Page(figure), model.cfg.n_future
    text = page.text.replace("\xa0", " ")
    assert kind(model.cfg) == name and f"{count(model):,} parameters in all" in figure.text
    for module in (model.embedding, model.norm, model.unembeddings):
        assert f"{count(module):,}" in text
    assert f"{n} × {count(model.heads[0]):,}" in text
    assert f"{len(model.trunk)} × {count(model.trunk[0]):,}" in text
    assert len(re.findall(r"layer \d", text)) == len(model.trunk)
    assert f"trunk: {len(model.trunk)} layer" in figure.text and f"{count(model.trunk):,} parameters" in figure.text
    for k in range(1, n + 1):
        boxes = page.classes("mtp-box", f"mtp-h{k}")
        assert len(boxes) == 1 and f"{style.mark(k)} head {k}" in text and f"{style.mark(k)} t+{k}" in text
        what = "1 matrix" if name == "linear" else "1 layer"
        parent = model.cfg.head_parents[k - 1]
        reads = "the trunk" if parent < 0 else f"head {parent + 1}"
        line = f"head {k}: {what}, {count(model.heads[k - 1]):,} parameters, reads {reads}"
        assert boxes[0]["title"] == line and line in figure.text.splitlines()
    assert not page.classes("mtp-box", f"mtp-h{n + 1}")


def test_the_picture_follows_the_modules_not_the_config():
    model = mtp.MultiTokenModel(config())
    before = views.architecture(model)
    del model.trunk[1]
    after = views.architecture(model)
    assert "trunk: 2 layers" in before.text and "trunk: 1 layer," in after.text
    assert f"{count(model):,} parameters in all" in after.text and before.html != after.html


def test_unembeddings_replicated_or_tied():
    model = mtp.MultiTokenModel(config(replicated_unembedding=True))
    figure = views.architecture(model)
    assert f"4 × {40 * 16}" in Page(figure).text and len(Page(figure).classes("mtp-box", "mtp-h3")) == 2
    assert "unembeddings: 4 of 640 parameters, one for each head" in figure.text
    tied = views.architecture(mtp.MultiTokenModel(config(tie_embeddings=True)))
    assert "the embedding’s matrix" in Page(tied).text and "unembedding: the embedding’s matrix, shared" in tied.text


def columns(figure):
    """Per row of the tree, top first: what stands in each head's column."""
    rows, row = [], []
    for tag, attrs in Page(figure).elements:
        if tag == "tr":
            rows.append(row := [])
        elif tag == "td":
            row.append("")
        elif row and attrs.get("class", "").startswith(("mtp-box", "mtp-wire")):
            row[-1] = attrs["class"].removeprefix("mtp-").replace("mtp-", "")
    return rows


def test_trees_are_drawn_as_they_are():
    causal = columns(views.head_trees([config(n_future=3, head_order="causal")]))
    assert causal == [
        ["wire up"] * 3,
        ["wire up", "wire up", "box h3"],
        ["wire up", "box h2", "wire elbow"],
        ["box h1", "wire elbow", ""],
        ["wire up", "", ""],
        ["box h0"],
    ]
    anticausal = columns(views.head_trees([config(n_future=3, head_order="anticausal")]))
    mirror = {"box h1": "box h3", "box h3": "box h1", "wire elbow": "wire elbow back"}
    assert [row[::-1] for row in anticausal[:-1]] == [[mirror.get(cell, cell) for cell in row] for row in causal[:-1]]
    parallel = columns(views.head_trees([config(n_future=3)]))
    assert parallel == [["wire up"] * 3, ["box h1", "box h2", "box h3"], ["wire up"] * 3, ["box h0"]]


def test_trees_say_what_is_read_and_what_runs():
    figure = views.head_trees([config(**changes) for changes in CHANGES.values()])
    lines = dict(line.split(": ", 1) for line in figure.text.splitlines())
    assert list(lines) == list(CHANGES)
    assert lines["causal"].startswith("head 1 reads the trunk, head 2 reads head 1, head 3 reads head 2")
    assert lines["anticausal"].startswith("head 1 reads head 2") and "head 4 reads the trunk" in lines["anticausal"]
    runs = [line.rsplit("runs ", 1)[1] for line in lines.values()]
    assert runs == ["1 of 1", "1 of 4", "1 of 4", "4 of 4", "1 of 4", "1 of 4"]
    assert len(Page(figure).classes("mtp-box")) == 1 + 5 * 4 + 6


@pytest.mark.parametrize("shares", [True, False])
def test_bars_are_as_long_as_the_parameters_are_many(shares):
    configs = {name: config(**changes) for name, changes in CHANGES.items()}
    figure = views.parameter_bars(configs, shares)
    widths = [float(attrs["style"].rsplit("width:", 1)[1][:-1]) for attrs in Page(figure).classes("mtp-piece")]
    largest = max(cfg.parameters() for cfg in configs.values())
    for (name, cfg), line in zip(configs.items(), figure.text.splitlines()):
        model = mtp.MultiTokenModel(cfg)
        pieces = [widths.pop(0) for _ in range(cfg.n_future + 3)]
        parts = [model.embedding, model.trunk, *model.heads, model.unembeddings]
        whole = cfg.parameters() if shares else largest
        assert pieces == pytest.approx([100 * count(part) / whole for part in parts], abs=0.006)
        assert line.startswith(f"{name}: {count(model):,} parameters") and f"heads {count(model.heads):,} (" in line
    assert not widths


def test_configs_need_names_of_their_own():
    with pytest.raises(ValueError, match="2 configs have 1 names"):
        views.head_trees([config(), config(dim=32)])
    with pytest.raises(ValueError, match="at least one"):
        views.parameter_bars({})
    assert len(views.parameter_bars({"small": config(), "wide": config(dim=32)}).text.splitlines()) == 2


def test_the_panel_moves_layers_and_keeps_the_count():
    panel = views.ArchitecturePanel(n_layers=5, dim=16, vocab_size=40)
    parameters = {}
    for n in range(1, 5):
        panel.n.value = n
        assert f"trunk: {5 - n} layer" in panel.static().text and panel.output.value == panel.static().bare
        parameters[n] = re.search(r"([\d,]+) parameters: as many as with n = 1", panel.static().text)[1]
    assert len(set(parameters.values())) == 1
    panel.keep.value = True
    added = 3 * count(mtp.MultiTokenModel(config(n_layers=5)).heads[0])
    assert "trunk: 4 layers" in panel.static().text and f"{added:,} more than with n = 1" in panel.static().text
    panel.keep.value, panel.kind.value = False, "anticausal"
    assert "head 1: 1 layer" in panel.static().text and "reads head 2" in panel.static().text
    panel.kind.value = "linear"
    assert "trunk: 5 layers" in panel.static().text and f"{4 * 16 * 16:,} more than" in panel.static().text


def test_the_panel_says_what_is_impossible():
    panel = views.ArchitecturePanel(n_layers=3, dim=16, vocab_size=40)
    panel.n.value = 3
    assert "leaves no trunk layer" in panel.static().text and "mtp-error" in panel.output.value
    panel.n.value = 2
    assert "trunk: 1 layer" in panel.static().text


def result(losses):
    """What head_kinds stores, as far as the chart reads it, from {name: losses of head 1}."""
    runs = {name: [{"losses": [loss], "tokens_per_forward": 1 + loss} for loss in of] for name, of in losses.items()}
    rows = [head_kinds_row(name, own) for name, own in runs.items()]
    return {"seeds": list(range(len(next(iter(runs.values()))))), "architectures": rows}


def head_kinds_row(name, runs):
    mean = sum(run["losses"][0] for run in runs) / len(runs)
    interval = {"mean": mean, "low": mean - 0.5, "high": mean + 0.5}
    paper = {"MBPP": head_kinds.ARCHITECTURES[name][1][0], "HumanEval": head_kinds.ARCHITECTURES[name][1][1]}
    own = {"name": name, "runs": runs, "losses": [interval], "tokens_per_forward": interval, "paper_table_s4": paper}
    return json.loads(json.dumps(own))


def test_the_chart_shows_every_seed_the_interval_and_the_paper():
    figure = views.head_kinds_chart(result({"n = 1": [1.0, 1.2, 1.1], "parallel": [1.5, 1.3, 1.4]}))
    ours, forwards, paper = figure.axes
    assert [text.get_text() for text in ours.get_yticklabels()] == ["n = 1", "parallel"]
    drawn = [(line.get_marker(), list(line.get_xdata()), list(line.get_ydata())) for line in ours.lines]
    dots = [(x, y) for marker, x, y in drawn if marker == "o"]
    assert dots == [([1.0, 1.2, 1.1], [1, 1, 1]), ([1.5, 1.3, 1.4], [0, 0, 0])]
    spans = [x for marker, x, y in drawn if marker == "None" and len(set(y)) == 1]
    assert spans == [pytest.approx([0.6, 1.6]), pytest.approx([0.9, 1.9])]
    assert [list(line.get_xdata()) for line in forwards.lines if line.get_marker() == "o"][1] == [2.5, 2.3, 2.4]
    assert [list(line.get_xdata()) for line in paper.lines] == [[30.0], [22.8], [33.8], [24.0]]
    assert "mean of 3 seeds: n = 1 1.100, parallel 1.400" in figure.get_label()
    with pytest.raises(ValueError, match="no architectures"):
        views.head_kinds_chart({"architectures": []})


def test_pictures_escape_names_and_load_nothing():
    figures = [views.head_trees({"<b>": config()}), views.parameter_bars({"<b>": config()}),
               views.architecture(mtp.MultiTokenModel(config()))]  # fmt: skip
    for figure in figures:
        assert "<b>" not in figure.html and not re.search(r"https?:|url\(|\ssrc=|<script", figure.html)
        assert repr(figure) == figure.text and SimpleNamespace(text=figure.text).text
