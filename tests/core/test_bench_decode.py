"""`bench decode` at tiny scale: its rows are what they say, Hugging Face has our weights, its pictures show the result.

The timings themselves are not tested; that their ratios are taken against the right rows is.
"""

import copy
import dataclasses
import json
import statistics

import pytest
import torch
from core.small_models import riddle, trained_model

import mtp_edu as mtp
from mtp_edu import cli, corpus, device, meter
from mtp_edu.bench import bare_steps, decoding, decoding_rows, decoding_tables, paper_decoding, rival_decoders
from mtp_edu.decode import DraftTree
from mtp_edu.views import decoding as pictures
from mtp_edu.views import style

MACHINE = meter.Roofline(bandwidth=1e10, peak=1e11, bytes_per_value=4)
TREE = DraftTree.full((2, 1))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """What the quick run stores, read again."""
    out = tmp_path_factory.mktemp("bench") / "result.json"
    decoding.run(out, quick=True, device_name="cpu", eager_only=True)
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert not list(out.parent.glob("*partial*"))
    return json.loads(out.read_text(encoding="utf-8"))


def by_name(rows, batch=1):
    return {row["name"]: row for row in rows if row["batch"] == batch}


def test_the_quick_run_stores_every_way_with_every_repetition(stored):
    shape = decoding.SHAPES["quick"]
    assert {"command", "date", "commit", "machine", "model", "roofline", "rows", "bare", "claims"} <= set(stored)
    assert stored["complete"] and stored["model"]["name"] == "stories-nano"
    for batch in shape.batches:
        rows = by_name(stored["rows"], batch)
        for name in ("plain", "n_future=2", "n_future=3", "n_future=4", f"tree of {shape.nodes}"):
            row = rows[f"{name}, eager"]
            assert len(row["decode_seconds"]) == len(row["whole_seconds"]) == shape.turns
            assert all(0 < own <= whole for own, whole in zip(row["decode_seconds"], row["whole_seconds"]))
            assert row["exact"]["equal"] == row["exact"]["rows"] == shape.texts  # float32
            # the same texts at every batch: so are the tokens per forward
            assert row["tokens_per_forward"] == by_name(stored["rows"])[f"{name}, eager"]["tokens_per_forward"]
            assert 0 < row["occupied"] <= 1 <= row["tokens_per_forward"] <= (row["n_future"] or 1)
        assert rows["plain, eager"]["speed_up"]["all"] == [1.0] * shape.turns
        assert rows["plain, eager"]["tokens_per_forward"] == rows["plain, eager"]["occupied"] == 1
        assert "left out" in rows["compiled"]["absent"]
    assert stored["bare"][1]["tokens_per_forward_from"] == "stories-nano"
    assert stored["draft_length"]["tokens_per_forward"][0] == 1


def test_the_ratios_are_what_the_repetitions_say(stored):
    cfg = mtp.ModelConfig.from_dict(stored["model"]["config"])
    prompt, new = stored["prompt_tokens"], stored["new_tokens"]
    for batch in (1, 2):
        rows = by_name(stored["rows"], batch)
        plain, row = rows["plain, eager"], rows["n_future=4, eager"]
        ratios = [a / b for a, b in zip(plain["decode_seconds"], row["decode_seconds"])]
        assert row["speed_up"] == {"median": statistics.median(ratios), "all": ratios}
        bound = meter.bound(cfg, row["tokens_per_forward"], 4, batch, prompt + new // 2, 4)
        assert row["bound"] == pytest.approx(bound) and row["of_bound"] == row["speed_up"]["median"] / bound
        written = row["texts"] * (new - 1)
        assert row["tokens_per_second"]["decoding"] * statistics.median(row["decode_seconds"]) == pytest.approx(written)
        # tokens come from forwards, each of which serves the rows that still write
        assert row["tokens_per_forward"] * row["forwards"] * batch * row["occupied"] == pytest.approx(written)


def test_what_cannot_run_is_a_row_that_says_so(stored):
    why = by_name(stored["rows"], 2)["Hugging Face, prompt lookup of 10"]["absent"]
    assert why == rival_decoders.MISSING or why.endswith("batch 1 only")
    rows = by_name(stored["rows"])
    if "absent" not in rows["Hugging Face, eager"]:
        assert rows["Hugging Face, eager"]["exact"]["equal"] == 2
        for drafts in (3, 10):
            assert rows[f"Hugging Face, prompt lookup of {drafts}"]["tokens_per_forward"] >= 1
        assert stored["logit_difference"] < rival_decoders.TOLERANCE


def test_the_tables_hold_ours_beside_the_papers(stored):
    lines = pictures.speed_table(stored).splitlines()
    assert lines[-3].startswith("| 4 | ") and lines[-3].endswith("| 2.74 | 3.12 | 2.67 | 3.09 | 3.05 | 3.50 |")
    ours = by_name(stored["rows"])["n_future=4, eager"]
    assert f"| {ours['speed_up']['median']:.2f} | {ours['tokens_per_forward']:.2f} |" in lines[-3]
    bytes_each = stored["bytes_per_token"] * ours["tokens_per_forward"]
    row = next(line for line in pictures.bytes_table(stored).splitlines() if line.startswith("| 4 |"))
    assert f"| {bytes_each:.2f} | 3.67 | 3.84 |" in row
    text = decoding_tables.table([row for row in stored["rows"] if row["batch"] == 1])
    assert "left out (--eager)" in text and "equal" in text
    assert "tokens per forward of stories-nano" in decoding_tables.bare_table(stored["bare"])


def test_paper_numbers_agree_with_one_another():
    """Fig S10 is the code model of Table S2, and ends at its batch size."""
    assert paper_decoding.FIGURE_S10_BATCHES[-1] == 42
    for k, curve in paper_decoding.FIGURE_S10.items():
        assert len(curve) == len(paper_decoding.FIGURE_S10_BATCHES)
        assert curve[-1] == pytest.approx(paper_decoding.TABLE_S2["code"][k][0], abs=0.01)


# ---- Hugging Face


@pytest.mark.parametrize(
    "shape", [{}, {"n_kv_heads": 2}, {"layers_per_head": 2}, {"tie_embeddings": True}, {"rope_theta": 300.0}], ids=str
)
def test_hugging_face_has_our_weights(shape):
    pytest.importorskip("transformers")
    cfg = {"vocab_size": 50, "dim": 32, "n_layers": 8, "n_attention_heads": 4, "n_future": 3, "max_seq_len": 64}
    model = mtp.MultiTokenModel(mtp.ModelConfig(**(cfg | shape)))
    tokens = torch.randint(0, 50, (2, 40))
    assert rival_decoders.difference(model, tokens) < 1e-5
    made = rival_decoders.llama(model)
    with torch.no_grad():
        made.model.layers[1].self_attn.k_proj.weight[0] += 0.1  # shared, so ours has it too
    assert rival_decoders.difference(model, tokens) < 1e-5


def test_another_models_logits_are_refused(monkeypatch):
    pytest.importorskip("transformers")
    model = copy.deepcopy(trained_model()).float()
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.trunk[0].attention.wq.weight[:2] += 0.05
    made = rival_decoders.llama(other)
    monkeypatch.setattr(rival_decoders, "llama", lambda _: made)
    with pytest.raises(RuntimeError, match="not the same model"):
        rival_decoders.difference(model, riddle(1, 30, 0))


@pytest.mark.parametrize("shape", [{"head_type": "linear"}, {"head_order": "causal"}, {"head_order": "anticausal"}])
def test_heads_that_make_no_llama_are_refused(shape):
    model = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=20, dim=16, n_layers=4, n_future=2, **shape))
    with pytest.raises(ValueError, match="only parallel transformer heads"):
        rival_decoders.llama(model)
    rows = rival_decoders.contenders(model, [torch.zeros(1, 4, dtype=torch.long)], 4, None, [3])
    assert len(rows) == 3 and all("parallel" in reason for reason in rows.values())


def test_a_missing_peer_is_a_row_that_says_so(monkeypatch):
    import builtins

    original = builtins.__import__

    def without(name, *arguments, **options):
        if name == "transformers":
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    model = copy.deepcopy(trained_model()).float()
    rows = rival_decoders.contenders(model, [torch.zeros(1, 4, dtype=torch.long)], 4, None, [3])
    assert set(rows.values()) == {rival_decoders.MISSING}


# ---- rows


@pytest.fixture(scope="module")
def riddles():
    return riddle(4, 12, seed=9).tolist()


def small_rows(prompts, compiled=(), **changes):
    model = copy.deepcopy(trained_model()).float()
    options = {"model": model, "tree": TREE, "prompts": prompts, "new": 20, "batch": 2, "turns": 2, "machine": MACHINE}
    return decoding_rows.batch_rows(**(options | changes), compiled=compiled, why_not="not asked for")


@pytest.mark.slow
def test_compiled_ways_are_compared_with_compiled_plain_decoding(riddles):
    rows = by_name(small_rows(riddles, compiled=(1, 4)), 2)
    plain, row = rows["plain, compiled"], rows["n_future=4, compiled"]
    assert plain["speed_up"]["all"] == [1.0, 1.0] and plain["compile_seconds"] > 0
    ratios = [a / b for a, b in zip(plain["decode_seconds"], row["decode_seconds"])]
    assert row["speed_up"]["all"] == ratios
    times = {name: statistics.median(rows[f"plain, {name}"]["decode_seconds"]) for name in ("eager", "compiled")}
    fastest = f"plain, {min(times, key=times.get)}"
    ratios = [a / b for a, b in zip(rows[fastest]["decode_seconds"], row["decode_seconds"])]
    assert row["speed_up_over_fastest"] == {"median": statistics.median(ratios), "all": ratios, "fastest": fastest}
    assert "n_future=2, compiled" not in rows and "tree of 5, compiled" not in rows
    assert row["exact"]["equal"] == 4 or row["exact"]["near_ties"]
    assert max(plain["whole_seconds"]) < plain["compile_seconds"]  # compiling is in neither time


def test_a_wrong_text_is_no_near_tie(riddles):
    model = copy.deepcopy(trained_model()).float()
    texts = [mtp.generate(model, prompt, 20, method="autoregressive").tokens for prompt in riddles]
    assert decoding_rows.exact(model, riddles, texts, texts, 4) == {"rows": 4, "equal": 4}
    wrong = [[*texts[0][:7], (texts[0][7] + 1) % 11, *texts[0][8:]], *texts[1:]]
    found = decoding_rows.exact(model, riddles, wrong, texts, 4)
    assert (found["equal"], found["near_ties"]) == (3, False) and found["largest_gap"] > 64
    claims = decoding_tables.claims(minimal([way(1, exact=found), way(4)]), "cpu")
    assert claims[0]["value"] == 0.5 and not claims[0]["met"]


@pytest.mark.parametrize(("gain", "met"), [(2.6, False), (2.75, True), (3.1, True), (3.2, None)])
def test_a_speed_up_beyond_its_bound_decides_nothing(gain, met):
    content = minimal([way(1, compiled=True), way(4, compiled=True, gain=gain)])  # the bound is 3
    content["claims"] = decoding_tables.claims(content, "cpu")
    (claim,) = (row for row in content["claims"] if "by its bound" in row["claim"])
    assert claim["value"] == pytest.approx(gain / 3) and claim["met"] is met
    assert ("the bound decides nothing" in decoding_tables.claim_lines(content)) == (met is None)


# ---- the run as a whole


def test_a_stopped_run_leaves_what_is_finished(tmp_path, monkeypatch, capsys):
    measured = []

    def stopped(*arguments, **_):
        if measured:
            raise KeyboardInterrupt
        measured.append(arguments)
        return [way(1), way(4)]

    monkeypatch.setattr(decoding, "batch_rows", stopped)
    out = tmp_path / "result.json"
    out.write_text("an earlier result", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        decoding.run(out, quick=True, device_name="cpu", eager_only=True)
    assert out.read_text(encoding="utf-8") == "an earlier result"
    partial = json.loads((tmp_path / "result_partial.json").read_text(encoding="utf-8"))
    assert not partial["complete"] and len(partial["rows"]) == 2
    assert "result_partial.json" in capsys.readouterr().out


def test_models_and_texts_that_nothing_can_be_measured_on_are_refused(tmp_path):
    def run(name, documents=None):
        decoding.run(tmp_path / "out.json", True, "cpu", True, str(name), documents)

    shape = {"vocab_size": 257, "dim": 16, "n_layers": 6, "n_attention_heads": 2}
    mtp.save(mtp.MultiTokenModel(mtp.ModelConfig(**shape)), tmp_path / "silent")
    with pytest.raises(ValueError, match="without a tokenizer"):
        run(tmp_path / "silent")
    single = mtp.MultiTokenModel(mtp.ModelConfig(**shape, n_future=1))
    mtp.save(single, tmp_path / "single", tokenizer=mtp.ByteTokenizer())
    with pytest.raises(ValueError, match="single head"):
        run(tmp_path / "single")
    documents = [corpus.Document(str(i), "Once upon a time there was a rather long text. " * 3) for i in range(3)]
    with pytest.raises(ValueError, match="use more text"):
        run("stories-nano", documents)


def test_the_command_passes_its_options_on(monkeypatch):
    seen = []
    monkeypatch.setattr(decoding, "run", lambda *arguments: seen.append(arguments))
    assert cli.main("bench decode --quick --eager --checkpoint stories-nano --device cpu --out x.json".split()) == 0
    ((out, *others),) = seen
    assert out.name == "x.json" and others == [True, "cpu", True, "stories-nano", None]


# ---- pictures


def way(k, batch=1, compiled=False, nodes=None, gain=None, **changes):
    """A row as batch_rows makes them."""
    gain = gain or 0.6 * k + 0.4
    row = {"name": f"{'plain' if k == 1 else f'n_future={k}'}, {'compiled' if compiled else 'eager'}", "batch": batch}
    row |= {"format": "float32", "method": "x", "n_future": k, "nodes": nodes, "compiled": compiled, "occupied": 0.9}
    row |= {"step_seconds": 0.002 * k, "bound": 3.0, "of_bound": gain / 3, "tokens_per_forward": float(k)}
    row |= {"speed_up": {"median": gain, "all": [gain - 0.1, gain + 0.1]}, "exact": {"rows": 1, "equal": 1}}
    return (
        row
        | {"tokens_per_second": {"decoding": 100.0, "whole": 90.0}, "decode_seconds": [0.1], "compile_seconds": None}
        | {"speed_up_over_fastest": row["speed_up"] | {"fastest": "plain, eager"}}
        | changes
    )


def test_bare_models_use_as_many_heads_as_the_model_that_was_measured():
    bare = dataclasses.replace(bare_steps.BARE["quick"][0], rival=False)
    rows = bare_steps.bare_steps(bare, "float32", 2, 1.7, "two heads", device.choose("cpu"), "not asked for")
    assert [(row["n_future"], row.get("tokens_per_forward")) for row in rows] == [(1, None), (2, 1.7)]


def minimal(rows, bare=()):
    cfg = mtp.ModelConfig(vocab_size=50, dim=32, n_layers=8, n_future=4)
    return {
        "model": {"name": "toy", "parameters": cfg.parameters(), "config": cfg.to_dict()}, "format": "float32",
        "prompt_tokens": 8, "new_tokens": 24, "shape": {"bare": []}, "bare": list(bare), "rows": list(rows),
        "roofline": {"float32": {"bandwidth": 1e9, "peak": 1e10, "bytes_per_value": 4, "ridge": 20.0}},
        "paper": paper_decoding.numbers(),
    }  # fmt: skip


def test_batch_curves_show_ours_and_the_papers():
    rows = [way(k, batch, compiled) for k in (1, 2, 4) for batch in (1, 8) for compiled in (False, True)]
    figure = pictures.batch_curves(minimal([*rows, way(4, nodes=9), {"name": "compiled", "batch": 2, "absent": "no"}]))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["toy, eager", "toy, compiled", "the paper: 7B, code (Fig S10)"]
    for axes in figure.axes[:2]:
        lines = {line.get_label(): line for line in axes.lines}
        for k in (2, 4):
            line = lines[f"{style.mark(k)} k = {k}"]
            assert list(line.get_xdata()) == [1, 8] and list(line.get_ydata()) == [0.6 * k + 0.4] * 2
            assert line.get_color() == style.colour(k) and line.get_marker() == style.HEAD_MARKERS[k - 1]
        assert not [label for label in lines if "k = 1" in label]
    assert "tree of 9" in {line.get_label() for line in figure.axes[0].lines}
    paper = {line.get_label(): line for line in figure.axes[2].lines}
    assert list(paper[f"{style.mark(4)} k = 4"].get_ydata()) == list(paper_decoding.FIGURE_S10[4])
    assert "compiled, ④ k = 4: 2.80 at 1, 2.80 at 8" in figure.get_label()
    with pytest.raises(ValueError, match="no measurement"):
        pictures.batch_curves(minimal([]))


def test_the_roofline_chart_places_steps_by_their_tokens_in_flight(stored):
    bare = [{"model": "big", "format": "float32", "kind": "eager", "batch": 8, "n_future": 4}]
    bare[0]["step_seconds"] = [0.1, 0.3, 0.2]
    content = minimal([way(1), way(4, 8), way(4, nodes=9)], bare)
    content["shape"]["bare"] = [{"name": "big", "context": 64, "shape": {"vocab_size": 50, "dim": 64, "n_layers": 6}}]
    figure = pictures.roofline_chart(content)
    first, second = ({line.get_label(): line for line in axes.lines} for axes in figure.axes)
    assert list(first[f"{style.mark(4)} k = 4, eager"].get_xdata()) == [32]
    assert list(first["tree of 9, eager"].get_xdata()) == [9] and list(first["plain, eager"].get_ydata()) == [2.0]
    assert list(second[f"{style.mark(4)} k = 4, eager"].get_ydata()) == [200.0]
    roof = first["least time, plain"]
    machine, cfg = meter.Roofline(1e9, 1e10, 4), mtp.ModelConfig.from_dict(content["model"]["config"])
    assert roof.get_ydata()[0] == pytest.approx(1000 * machine.seconds(meter.step_cost(cfg, 1, 1, 20, 4)))
    assert {text.get_text() for text in figure.axes[0].texts} == {"ridge: 20"}
    assert len(pictures.roofline_chart(stored).axes) == 2
    with pytest.raises(ValueError, match="no measurement"):
        pictures.roofline_chart(minimal([]))


def test_the_draft_length_chart_marks_the_best(stored):
    found = meter.DraftLength([1.0, 1.5, 1.8], [[0.01] * 3, [0.012] * 3, [0.03] * 3], [1.0, 1.1, 1.2], 1, 64, True, 9.0)
    figure = pictures.draft_length_chart(found)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    assert heights == [[1.0, 1.5, 1.8], pytest.approx([1, 1.2, 3]), pytest.approx([1, 1.25, 0.6])]
    names = [label.get_text() for label in figure.axes[2].get_xticklabels()]
    assert [("best" in name) for name in names] == [False, True, False]
    assert figure.get_label() == found.sentence()
    assert len(pictures.draft_length_chart(stored["draft_length"]).axes) == 3
