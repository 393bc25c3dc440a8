"""A new kind of head is a new class: backward and decoding take it as it is."""

import pytest
import torch
from core.small_models import loud_model
from core.test_backward import assert_equal_gradients, gradients
from torch import nn

import mtp_edu as mtp
from mtp_edu import heads
from mtp_edu.trunk import Block


class LookingHead(nn.Module):
    """A layer that reads its parent through a gate: it has a cache, and no class of ours has this shape."""

    def __init__(self, cfg):
        super().__init__()
        self.block = Block(cfg)
        self.gate = nn.Linear(cfg.dim, cfg.dim, bias=False)
        self.depth = 1
        self.started = False

    def start(self):
        self.started = True

    def forward(self, x, context, caches=None):
        out = x + torch.tanh(self.gate(x)) * self.block(x, context, caches[0] if caches else None)
        return out.transpose(1, 2).contiguous().transpose(1, 2)  # in an order of memory that no head of ours has


@pytest.fixture
def with_looking_heads(monkeypatch):
    monkeypatch.setitem(heads.KINDS, "transformer", LookingHead)


@pytest.mark.parametrize("order", ["parallel", "causal", "anticausal"])
def test_backward_and_decoding_take_a_new_kind_of_head(with_looking_heads, order):
    model = loud_model(n_future=3, head_order=order)
    assert all(isinstance(head, LookingHead) and head.started for head in model.heads)
    tokens = torch.randint(0, 11, (2, 12))
    targets = mtp.future_targets(tokens, 3)
    _, naive = gradients(model, tokens, targets, mode="naive")
    naive = {name: g.clone() for name, g in naive.items()}
    _, own = gradients(model, tokens, targets, token_chunk=7)
    assert_equal_gradients(naive, own)
    assert own["heads.2.gate.weight"].abs().max() > 0
    prompt = tokens[0].tolist()
    plain = mtp.generate(model, prompt, 40, method="autoregressive")
    for k in (2, 3):
        assert mtp.generate(model, prompt, 40, n_future=k).tokens == plain.tokens
