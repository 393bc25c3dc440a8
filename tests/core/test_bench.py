"""The comparison with Hugging Face at tiny scale: the rows are there, the two models agree, the result is stored."""

import json
import re

import pytest
import torch

import mtp_edu as mtp
from mtp_edu.bench import memory, training


def test_bench_train_stores_every_repetition(tmp_path, capsys):
    out = tmp_path / "result.json"
    training.run(out, quick=True, eager_only=True)
    stored = json.loads(out.read_text(encoding="utf-8"))
    assert {"command", "date", "commit", "machine", "rows", "shape"} <= set(stored)
    rows = {row["name"]: row for row in stored["rows"]}
    for name in ("mtp_edu n=1 eager", "mtp_edu n=2 eager"):
        assert len(rows[name]["seconds_per_step"]) == training.SHAPES["quick"].turns
        assert all(seconds > 0 for seconds in rows[name]["seconds_per_step"])
    assert rows["mtp_edu n=1 compiled"]["absent"] == "left out (--eager)"
    assert "Hugging Face" in capsys.readouterr().out
    assert 1 < stored["flops_ratio_n2_over_n1"] < 2


def test_the_hugging_face_model_computes_the_same_loss():
    pytest.importorskip("transformers")
    cfg = training.SHAPES["quick"].config(1)
    ours = mtp.MultiTokenModel(cfg).double()
    theirs = training.hugging_face_llama(cfg).double()
    names = {"embedding": "model.embed_tokens", "norm": "model.norm", "unembeddings.0": "lm_head"}
    parts = {
        "attention.wq": "self_attn.q_proj",
        "attention.wk": "self_attn.k_proj",
        "attention.wv": "self_attn.v_proj",
        "attention.wo": "self_attn.o_proj",
        "feed_forward.w1": "mlp.gate_proj",
        "feed_forward.w2": "mlp.down_proj",
        "feed_forward.w3": "mlp.up_proj",
        "attention_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
    }
    blocks = [f"trunk.{i}" for i in range(cfg.n_trunk_layers)] + ["heads.0.0"]
    for i, block in enumerate(blocks):
        names |= {f"{block}.{a}": f"model.layers.{i}.{b}" for a, b in parts.items()}
    weights = {f"{names[k.removesuffix('.weight')]}.weight": v for k, v in ours.state_dict().items()}
    theirs.load_state_dict(weights)
    tokens = torch.randint(0, cfg.vocab_size, (2, 20))
    targets = mtp.future_targets(tokens, 1)
    loss = mtp.forward_backward(ours, tokens, targets)[0]
    their_loss = theirs(input_ids=tokens, labels=tokens, shift_labels=targets[..., 0].contiguous()).loss
    assert float(loss) == pytest.approx(float(their_loss), rel=1e-6)  # their rotary table is float32


def test_bench_memory_measures_every_method_on_the_same_gradients(tmp_path, capsys):
    out = tmp_path / "result.json"
    memory.run(out, quick=True, device_name="cpu")
    stored = json.loads(out.read_text(encoding="utf-8"))
    assert {"command", "date", "commit", "machine", "shape", "growth", "methods", "time", "claims"} <= set(stored)
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    shape = memory.SHAPES["quick"][0]
    wanted = {(kind, n, way) for kind in memory.KINDS for n in shape.ns for way in memory._ways(shape)}
    assert {(row["kind"], row["n"], row["method"]) for row in stored["growth"]} == wanted
    for row in stored["growth"]:
        assert row["estimate_bytes"] == pytest.approx(row["peak_bytes"], rel=0.05), row
    rows = {row["name"]: row for row in stored["methods"]}
    peaks = [rows[name]["peak_bytes"] for name in ("naive", "memory-efficient", "memory-efficient, 8 rows")]
    assert peaks == sorted(set(peaks), reverse=True)
    for name, row in rows.items():
        if "absent" not in row:
            assert 0 < row["error"] < 1e-5, name  # float32 against float64
            assert len(row["milliseconds"]) == shape.turns
    for name in ("Liger", "Cut-Cross-Entropy"):
        assert rows[f"{name}, same walk"]["absent"] and rows[f"{name}, heads jointly"]["absent"]
    if hasattr(torch.nn, "LinearCrossEntropyOptions"):
        joint, walk = (rows[f"linear_cross_entropy, {way}"]["peak_bytes"] for way in ("heads jointly", "same walk"))
        assert joint > walk > rows["memory-efficient, 8 rows"]["peak_bytes"]  # it keeps (V, D) matrices of its own
    assert [row["n"] for row in stored["time"]] == [1, 2]
    assert all(row["peak_bytes"] <= 1.02 * row["n1_peak_bytes"] for row in stored["matched"])
    assert "absent: its kernels need CUDA" in capsys.readouterr().out


def test_a_wrong_loss_would_show_as_an_error():
    """What compares the peers notices a loss that forgets the targets that are not there."""
    shape, where = memory.SHAPES["quick"][0], mtp.device.choose("cpu")
    case = memory._Case(shape.config(2), shape, where)
    case.targets[0, 4:, 1] = -100
    exact = memory._exact_gradients(case, shape)

    def careless(x, weight, targets):
        return torch.nn.functional.cross_entropy(x @ weight.T, targets.clamp(min=0), reduction="sum")

    def careful(x, weight, targets):
        return torch.nn.functional.cross_entropy(x @ weight.T, targets, reduction="sum", ignore_index=-100)

    for jointly in (False, True):
        assert memory._distance(case.gradients(case.peer(careful, jointly)), exact) < 1e-5
        assert memory._distance(case.gradients(case.peer(careless, jointly)), exact) > 1e-3


def test_a_missing_peer_is_a_row_that_says_so(monkeypatch):
    import builtins

    original = builtins.__import__

    def without(name, *arguments, **options):
        if name == "transformers":
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    where = mtp.device.choose("cpu")
    assert re.search("not installed: pip install", training._hugging_face(training.SHAPES["quick"], where, [], False))
