"""Models for tests whose attention matters: a test on a model that ignores its context proves nothing."""

import functools

import torch
from hypothesis import strategies as st

import mtp_edu as mtp
from mtp_edu.config import HEAD_ORDERS, HEAD_TYPES


def loud_model(seed: int = 0, **shape) -> mtp.MultiTokenModel:
    """A random float64 model with weights scaled until every token and position changes what it says."""
    shape = {"vocab_size": 11, "dim": 32, "n_layers": 7, "n_attention_heads": 4, "n_kv_heads": 2} | shape
    model = mtp.MultiTokenModel(mtp.ModelConfig(**({"max_seq_len": 96} | shape)), seed=seed).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                parameter *= 4.5 if "embedding" in name else 0.7
    return model


def attentive_model(seed: int = 3, **shape) -> mtp.MultiTokenModel:
    """A random float64 model whose attention is sharp and weighs more than the token itself: each of many tokens of the
    context changes what every head says, texts seldom repeat, and with few ids a draft is right by chance."""
    kind = {"head_type": "transformer", "layers_per_head": 1, "n_future": 4} | shape
    head_layers = kind["n_future"] * kind["layers_per_head"] if kind["head_type"] == "transformer" else 1
    sizes = {"vocab_size": 5, "dim": 32, "n_attention_heads": 8, "n_kv_heads": 4, "n_layers": 1 + head_layers}
    model = mtp.MultiTokenModel(mtp.ModelConfig(**(sizes | kind)), seed=seed).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".attention." in name:
                parameter *= 4.0
            elif ".feed_forward." in name:
                parameter *= 2.0
    return model


def riddle(rows: int, length: int, seed: int) -> torch.Tensor:
    """Sequences whose next token follows from the last two, x'' = x' x' + 3 x + 1 (modulo 11): head 1 can learn that
    table soon, the heads behind it have to iterate it and are right only at times. (rows, length) ids below 12."""
    generator = torch.Generator().manual_seed(seed)
    row = list(torch.randint(0, 11, (2, rows), generator=generator))
    while len(row) < length:
        row.append((row[-1] * row[-1] + 3 * row[-2] + 1) % 11)
    return torch.stack(row, dim=1)


@functools.cache
def trained_model(head_order: str = "parallel", head_type: str = "transformer") -> mtp.MultiTokenModel:
    """A small n=4 model that has learnt the riddle well enough for drafts to be right, wrong, and partly right."""
    cfg = mtp.ModelConfig(
        vocab_size=12,
        dim=32,
        n_layers=6,
        n_attention_heads=4,
        n_kv_heads=2,
        max_seq_len=96,
        n_future=4,
        head_order=head_order,
        head_type=head_type,
    )
    model = mtp.MultiTokenModel(cfg)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.95))
    for step in range(120):
        tokens = riddle(32, 36, seed=step)
        mtp.forward_backward(model, tokens[:, :32], mtp.future_targets(tokens, 4)[:, :32])
        optimizer.step()
        optimizer.zero_grad()
    return model.double()


@st.composite
def model_configs(draw):
    """Small models of every kind."""
    n_future = draw(st.integers(1, 4))
    replicated = draw(st.booleans())
    head_type = draw(st.sampled_from(HEAD_TYPES))
    layers_per_head = draw(st.integers(1, 2)) if head_type == "transformer" else 1
    return mtp.ModelConfig(
        vocab_size=draw(st.integers(5, 40)),
        dim=16,
        n_layers=n_future * layers_per_head + draw(st.integers(1, 3)),
        n_attention_heads=4,
        n_kv_heads=draw(st.sampled_from([1, 2, 4])),
        max_seq_len=16,
        n_future=n_future,
        head_type=head_type,
        head_order=draw(st.sampled_from(HEAD_ORDERS)),
        layers_per_head=layers_per_head,
        replicated_unembedding=replicated,
        tie_embeddings=not replicated and draw(st.booleans()),
        keep_trunk_depth=draw(st.booleans()),
    )
