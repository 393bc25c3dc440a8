"""Hugging Face `generate` on our weights: the trunk and head 1 are a Llama, whose text must be that of plain decoding.

Plain; with a static cache and a compiled step (on CUDA as they compile by default, with CUDA graphs; on the CPU not
frozen, since their frozen step reads beyond its cache); and with prompt lookup, which drafts what has followed the same
tokens before (batch 1 only: it refuses more), as many as our heads do and as many as is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtp_edu import device
from mtp_edu.model import MultiTokenModel

MISSING = "transformers is not installed: pip install 'mtp-edu[bench]'"
TOLERANCE = 1e-4  # between logits in float32, relative to the largest: their rotary table is rounded otherwise
_OUTER = {"embedding": "model.embed_tokens", "norm": "model.norm", "unembeddings.0": "lm_head"}
_INNER = {
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


def llama(model: MultiTokenModel) -> torch.nn.Module:
    """LlamaForCausalLM with the weights of the trunk and head 1 (shared, not copied), on the model's device.

    Raises ValueError for heads that are no transformer layers or that read one another, ImportError without
    transformers.
    """
    cfg = model.cfg
    if cfg.head_type != "transformer" or cfg.head_order != "parallel":
        raise ValueError(f"{cfg.head_order} {cfg.head_type} heads: only parallel transformer heads make a Llama")
    from transformers import LlamaConfig, LlamaForCausalLM

    blocks = [f"trunk.{i}" for i in range(cfg.n_trunk_layers)] + [f"heads.0.{i}" for i in range(cfg.layers_per_head)]
    names = dict(_OUTER)
    for i, block in enumerate(blocks):
        names |= {f"{block}.{own}": f"model.layers.{i}.{theirs}" for own, theirs in _INNER.items()}
    config = LlamaConfig(
        vocab_size=cfg.vocab_size,
        hidden_size=cfg.dim,
        intermediate_size=cfg.ffn_dim,
        num_hidden_layers=len(blocks),
        num_attention_heads=cfg.n_attention_heads,
        num_key_value_heads=cfg.n_kv_heads,
        max_position_embeddings=cfg.max_seq_len,
        rms_norm_eps=cfg.norm_eps,
        rope_theta=cfg.rope_theta,
        tie_word_embeddings=cfg.tie_embeddings,
        bos_token_id=None,
        eos_token_id=None,  # nothing ends a text early
        pad_token_id=None,
    )
    with model.norm.weight.device:
        made = LlamaForCausalLM(config).eval()
    own = model.state_dict()
    made.load_state_dict({f"{theirs}.weight": own[f"{name}.weight"] for name, theirs in names.items()}, assign=True)
    return made


@torch.no_grad()
def difference(model: MultiTokenModel, tokens: Tensor) -> float:
    """Largest difference between our and their logits on tokens (B, T), relative to the largest logit.

    Raises RuntimeError if it is above TOLERANCE: then they are not the same model, and no comparison is fair.
    """
    ours = model(tokens, n_future=1)[:, :, 0]
    off = float((llama(model)(tokens).logits - ours).abs().max() / ours.abs().max())
    if off > TOLERANCE:
        raise RuntimeError(f"Hugging Face's logits are off by {off:.1e} of the largest: not the same model")
    return off


@dataclass
class HuggingFace:
    """Their `generate` over batches of prompts (B, P), called as a contender: `new` greedy tokens for each."""

    model: torch.nn.Module
    prompts: list[Tensor]
    new: int
    compiled: bool = False
    lookup: int | None = None  # drafts of prompt lookup
    texts: list[list[int]] = field(default_factory=list)  # of the last call, without the prompts
    forwards: int = 0  # of the last call that counted them

    def generate(self, prompt: Tensor, new: int) -> Tensor:
        options = {}
        if self.compiled:
            options = {"cache_implementation": "static", "compile_config": _compile_config(prompt.device)}
        if self.lookup:
            options = {"prompt_lookup_num_tokens": self.lookup}
        mask, length = torch.ones_like(prompt), {"max_new_tokens": new, "pad_token_id": 0}
        return self.model.generate(prompt, attention_mask=mask, do_sample=False, **length, **options)

    def __call__(self) -> None:
        written = [self.generate(prompt, self.new)[:, prompt.shape[1] :].tolist() for prompt in self.prompts]
        self.texts = [row for rows in written for row in rows]

    @property
    def shorter(self) -> int:
        """Tokens of a call that is taken off a whole one, so that decoding alone is left.

        One, which leaves out the prompt; with CUDA graphs half of them, because a call has a cache of its own there and
        may record a graph for it.
        """
        return self.new // 2 if self.compiled and self.prompts[0].is_cuda else 1

    def short_call(self) -> None:
        for prompt in self.prompts:
            self.generate(prompt, self.shorter)

    def decode_seconds(self, whole: float, short: float) -> float:
        """Of all tokens after the first, from the seconds of a whole call and of a shorter one."""
        return (whole - short) * (self.new - 1) / (self.new - self.shorter)

    def count(self) -> None:
        """One call that counts its forwards, the prompts' left out."""
        self.forwards = -len(self.prompts)

        def one_more(*_) -> None:
            self.forwards += 1

        hook = self.model.register_forward_pre_hook(one_more)
        try:
            self()
        finally:
            hook.remove()


def contenders(
    model: MultiTokenModel, prompts: list[Tensor], new: int, compiled: str | None, lookups: Sequence[int] = ()
) -> dict[str, HuggingFace | str]:
    """By name: what to call, or why it is absent.

    compiled: None, or why nothing is compiled. lookups: how many tokens prompt lookup drafts, one contender for each.
    """
    eager, static = "Hugging Face, eager", "Hugging Face, compiled"
    drafting = {f"Hugging Face, prompt lookup of {drafts}": drafts for drafts in lookups}
    try:
        made = llama(model)
    except (ImportError, ValueError) as problem:
        why = MISSING if isinstance(problem, ImportError) else str(problem)
        return dict.fromkeys((eager, static, *drafting), why)
    found: dict[str, HuggingFace | str] = {eager: HuggingFace(made, prompts, new)}
    found[static] = compiled or HuggingFace(llama(model), prompts, new, compiled=True)
    one_row = all(len(prompt) == 1 for prompt in prompts)
    for name, drafts in drafting.items():
        found[name] = HuggingFace(made, prompts, new, lookup=drafts) if one_row else "it takes batch 1 only"
    return found


def _compile_config(where: torch.device) -> object:
    from transformers import CompileConfig

    config = CompileConfig(dynamic=False, mode="reduce-overhead" if where.type == "cuda" else "default")
    if device.compiler_problem(where) is None and where.type == "cpu":
        config._compile_all_devices = True  # by default they compile on accelerators only
    return config
