"""Sizes in closed form against the real model, and every impossible value refused by name."""

import json

import pytest
import torch
from core.small_models import model_configs
from hypothesis import given
from torch.utils.flop_counter import FlopCounterMode

import mtp_edu as mtp
from mtp_edu.config import HEAD_ORDERS, PRESETS


@given(model_configs())
def test_parameters_in_closed_form_are_the_models(cfg):
    model = mtp.MultiTokenModel(cfg)
    assert cfg.parameters() == sum(p.numel() for p in model.parameters())
    assert cfg.n_trunk_layers == len(model.trunk)


def test_number_of_heads_does_not_change_the_number_of_parameters():
    sizes = {mtp.ModelConfig.preset("10M", vocab_size=257, n_future=n).parameters() for n in range(1, 6)}
    assert len(sizes) == 1


@pytest.mark.parametrize("head_order", HEAD_ORDERS)
def test_flops_in_closed_form_are_what_torch_counts(head_order):
    cfg = mtp.ModelConfig(vocab_size=97, dim=32, n_layers=6, n_attention_heads=4, n_future=3, head_order=head_order)
    tokens = torch.randint(0, 97, (2, 24))
    counter = FlopCounterMode(display=False)
    with counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        mtp.forward_backward(mtp.MultiTokenModel(cfg), tokens, mtp.future_targets(tokens, 3), mode="naive")
    # torch counts the whole T by T square, we count the causal half (scores and values, forward and backward).
    causal_half = 3 * 2 * 24 * cfg.dim * cfg.n_layers
    assert counter.get_total_flops() == tokens.numel() * (cfg.flops_per_token(24) + causal_half)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "nano"])
def test_preset_sizes_are_their_names(name):
    table = mtp.ModelConfig.preset(name, vocab_size=257, n_future=1).parameter_table()
    scale = {"M": 1e6, "B": 1e9}[name[-1]]
    assert table["trunk"] + table["heads"] == pytest.approx(float(name[:-1]) * scale, rel=0.07)


def test_configs_survive_json():
    cfg = mtp.ModelConfig(vocab_size=99, n_layers=8, n_future=3)
    assert mtp.ModelConfig.from_dict(json.loads(json.dumps(cfg.to_dict()))) == cfg
    run = mtp.TrainConfig(steps=7, head_weights=(1.0, 0.5), head_schedule="decay")
    assert mtp.TrainConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n_future": 6}, "n_future=6"),
        ({"n_future": 6}, "at most 5"),
        ({"n_future": 0}, "n_future=0"),
        ({"vocab_size": 0}, "vocab_size=0"),
        ({"dim": 30}, "dim=30"),
        ({"dim": 12, "n_attention_heads": 4}, "even"),
        ({"n_kv_heads": 3}, "n_kv_heads=3"),
        ({"head_type": "mlp"}, "'mlp'"),
        ({"head_order": "random"}, "'random'"),
        ({"head_type": "linear", "layers_per_head": 2}, "layers_per_head=2"),
        ({"tie_embeddings": True, "replicated_unembedding": True}, "exclude"),
        ({"norm_eps": 0.0}, "norm_eps"),
        ({"embedding_std": 0.0}, "embedding_std=0.0"),
        ({"max_seq_len": 2.5}, "max_seq_len=2.5"),
    ],
)
def test_impossible_models_are_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        mtp.ModelConfig(**({"vocab_size": 10, "n_layers": 6, "dim": 32} | change))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 0}, "steps=0"),
        ({"batch_size": 6, "micro_batch_size": 4}, "micro_batch_size=4"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"warmup_steps": 2000}, "warmup_steps=2000"),
        ({"mode": "fast"}, "'fast'"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"decay_ratio": 2.0}, "decay_ratio=2.0"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
        ({"seed": 1.7}, "seed=1.7 must be a whole number"),
        ({"token_chunk": 0}, "token_chunk=0 must be a whole number of at least 1"),
        ({"validate_every": 2.5}, "validate_every=2.5 must be a whole number"),
        ({"learning_rate": float("inf")}, "learning_rate=inf must be positive, and finite"),
        ({"weight_decay": float("nan")}, "weight_decay=nan must be finite"),
        ({"head_schedule": "sideways"}, "head_schedule='sideways'"),
        ({"head_weights": (1.0, -0.5)}, r"head_weights=\(1.0, -0.5\)"),
        ({"head_weights": (1.0, float("nan"))}, "head_weights"),
        ({"head_weights": (float("inf"), 1.0)}, "head_weights"),
        ({"head_weights": (0.0, 0.0)}, "not all 0"),
        ({"head_weights": ()}, "not all 0"),
        ({"head_weights": (0.0, 1.0), "head_schedule": "reverse"}, "rests on head 1"),
    ],
)
def test_impossible_runs_are_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        mtp.TrainConfig(**change)


def test_unknown_preset_and_unknown_field_are_named():
    with pytest.raises(ValueError, match="'2M'"):
        mtp.ModelConfig.preset("2M", vocab_size=10)
    with pytest.raises(ValueError, match="n_heads"):
        mtp.ModelConfig.from_dict({"vocab_size": 10, "n_heads": 4})


@pytest.mark.parametrize(("order", "run"), [("parallel", 2), ("causal", 4), ("anticausal", 4)])
def test_flops_of_chosen_heads_count_what_they_read(order, run):
    cfg = mtp.ModelConfig(vocab_size=100, dim=32, n_layers=6, n_future=4, head_order=order)
    assert cfg.flops_per_token(16, [0, 1]) == cfg.flops_per_token(16, 2)
    one_layer = cfg.flops_per_token(16, [0, 3]) - 3 * 2 * 2 * 100 * 32
    assert one_layer * 6 == (cfg.n_trunk_layers + run) * (cfg.flops_per_token(16, 4) - 3 * 2 * 4 * 100 * 32)
