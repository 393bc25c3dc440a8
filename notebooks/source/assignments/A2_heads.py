# %% [markdown]
# # Assignment 2. Trunk and heads
#
# **After this assignment you can** run a multi-token model piece by piece, walk any tree of heads without running a head twice, build every kind of head of the paper's Table S4, and count a model's parameters without making it.
#
# *20 points, about two and a half hours. A laptop is enough, nothing here trains. Read notebook 02 first. Nothing from A1 is needed.*
#
# **How it works.** You write five functions. Under each stands a check: it runs in a few seconds and says what is wrong, in the order shape, values, subtle cases. Run it as often as you like. The score comes from the same checks on cases that you do not see. A question counts in full or not at all.
#
# **What you may use:** torch, Python, and what the question names. The package's own answer refuses to run while a check is at work. **What is taken over** when your notebook is graded: your functions, and the functions, classes, imports and assigned names that they use.
#
# **Letters:** `B` rows, `T` positions, `D` width, `V` vocabulary, `n` future tokens. Head k = 1 is the next token and stands at index k-1 = 0.

# %%
import torch
from torch import nn

import mtp_edu as mtp
from mtp_edu import grading
from mtp_edu.trunk import Stack

# %% [markdown]
# ## The pieces of a model
#
# | piece | what it does |
# | --- | --- |
# | `model.context(tokens)` | what every layer must know about the positions; pass it on |
# | `model.embedding(tokens)` | (B, T) ids to (B, T, D) |
# | `model.trunk(x, context)` | (B, T, D) to (B, T, D): the latent that the heads read |
# | `model.heads[k - 1](x, context)` | head k: (B, T, D) to (B, T, D) |
# | `model.norm(x)` | the final norm, one for all heads |
# | `model.unembedding(k - 1)(x)` | the matrix that head k uses, a module: (B, T, D) to (B, T, V) |
# | `model.cfg.n_future` | n, the number of heads |
#
# Try them here before you begin:

# %%
cfg = mtp.ModelConfig(vocab_size=50, dim=16, n_layers=4, n_attention_heads=2, n_future=3)
model = mtp.MultiTokenModel(cfg)
tokens = torch.randint(50, (2, 6))
print(model.embedding(tokens).shape)

# %% [markdown]
# ## A2.1 All logits
#
# *5 points · difficulty ●●○○○ · about 25 minutes · about 7 lines*
#
# Write what `model(tokens)` does for **parallel** heads: $f_u(f_{h_k}(f_s(x)))$ for every $k$. The trunk runs once. Heads read its latent as it is; the final norm comes after each head, before the unembedding. A model may have one unembedding for all heads or one for each; `model.unembedding` knows.
#
# <details><summary><b>Hint 1</b></summary>
#
# From the inside out: embedding, trunk (outside of any loop), then for each head its forward, the norm, the unembedding.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Inside the loop the head must read the trunk's latent. If you assign to the same name there, the next head reads this head. `torch.stack(..., dim=2)` puts n tensors (B, T, V) into (B, T, n, V).
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A2-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def all_logits(model, tokens):
    """A model with parallel heads, tokens (B, T)  ->  logits (B, T, n, V)."""
    ### BEGIN SOLUTION
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    logits = []
    for k in range(model.cfg.n_future):
        latent = model.heads[k](z, context)
        logits.append(model.unembedding(k)(model.norm(latent)))
    return torch.stack(logits, dim=2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A2-1-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
grading.check("A2.1", all_logits)
### BEGIN HIDDEN TESTS
grading.check("A2.1", all_logits, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A2.1.** Trunk once, then head, norm, unembedding for each k.
#
# *Usual mistakes.* The norm before the heads: loads Meta's checkpoints without an error and predicts nonsense. One name for the trunk's latent and the head's, which makes a chain. The trunk inside the loop: right and n times as slow. `model.unembeddings[0]` for all.

# %% [markdown]
# ## A2.2 Who reads whom
#
# *2 points · difficulty ●○○○○ · about 15 minutes · about 6 lines*
#
# An architecture is a tree: for each head, what it reads. Write it as a tuple of n numbers, $-1$ for the trunk and $i$ for the head at *index* $i$.
#
# * `"parallel"`: every head reads the trunk.
# * `"causal"`: head 1 reads the trunk, head k reads head k-1.
# * `"anticausal"`: head n reads the trunk, head k reads head k+1.
#
# <details><summary><b>Hint 1</b></summary>
#
# Write all three down for n = 4 on paper, with indices 0 to 3.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Causal: the head at index i reads index i-1, and for i = 0 that is -1 by itself. Anticausal: index i reads i+1, except for the last.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A2-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def head_parents(head_order, n):
    """"parallel", "causal" or "anticausal", n >= 1  ->  a tuple of n int."""
    ### BEGIN SOLUTION
    if head_order == "causal":
        return tuple(range(-1, n - 1))
    if head_order == "anticausal":
        return (*range(1, n), -1)
    return (-1,) * n
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A2-2-check", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
grading.check("A2.2", head_parents)
### BEGIN HIDDEN TESTS
grading.check("A2.2", head_parents, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A2.2.** `(-1, 0, 1, 2)`, `(1, 2, 3, -1)`, `(-1, -1, -1, -1)` for n = 4.
#
# *Usual mistakes.* Head numbers in place of indices. The anticausal tuple written as the causal one backwards. Causal and anticausal exchanged. An anticausal chain whose last head reads head n+1.

# %% [markdown]
# ## A2.3 Walk the tree
#
# *5 points · difficulty ●●●●○ · about 35 minutes · about 10 lines*
#
# Given the trunk's latent `z`, return the latents of the heads in `wanted` (indices), in that order. What head $i$ reads stands in `model.heads.parents[i]`: **any** tree may stand there. Run every head that is needed exactly once, and no other. Norm and unembedding are not part of it.
#
# For a causal model and `wanted = [2]`, heads 1, 2 and 3 must run. For an anticausal one with n = 4 and `wanted = [1]`: heads 4, 3 and 2.
#
# <details><summary><b>Hint 1</b></summary>
#
# To compute a head you need what it reads; to compute that, you need what *it* reads. Where does this end? A function that calls itself says it in three lines.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Keep a dict from index to latent that begins as `{-1: z}`. A head that is in it is not computed again.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A2-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def head_latents(model, z, context, wanted):
    """z (B, T, D) the trunk's latent, context, a list of indices  ->  a list of latents (B, T, D), in that order."""
    ### BEGIN SOLUTION
    done = {-1: z}

    def latent(head):
        if head not in done:
            done[head] = model.heads[head](latent(model.heads.parents[head]), context)
        return done[head]

    return [latent(head) for head in wanted]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A2-3-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
grading.check("A2.3", head_latents)
### BEGIN HIDDEN TESTS
grading.check("A2.3", head_latents, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A2.3.** Recursion towards the trunk, with what is done kept in a dict.
#
# *Usual mistakes.* A loop from index 0 up, which meets an anticausal head before what it reads. Recursion without the dict: a chain of n heads runs n(n+1)/2 times. Running all heads and picking some. Returning them in index order. `wanted.pop()`, which empties the caller's list.

# %% [markdown]
# ## A2.4 Every kind of head
#
# *4 points · difficulty ●●●○○ · about 30 minutes · about 14 lines*
#
# Make one head for a config, as an `nn.Module` that is called as `head(x, context)` and maps (B, T, D) to (B, T, D):
#
# * `cfg.head_type == "transformer"`: `cfg.layers_per_head` transformer layers. `Stack(cfg, depth)` from `mtp_edu.trunk` is a module of `depth` of them, and is called with `(x, context)` too.
# * `cfg.head_type == "linear"`: a single D × D matrix, no bias, no non-linearity. The trunk of such a model is complete, so this head starts **at or near the identity**.
#
# You may write a class of your own in the same cell.
#
# <details><summary><b>Hint 1</b></summary>
#
# `nn.Linear` takes one argument, a head two. A class of your own may derive from `nn.Linear` and have another `forward`.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# The identity is `torch.eye(D)`. Weights are changed under `torch.no_grad()`, or with `nn.init.eye_`.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A2-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def make_head(cfg):
    """A ModelConfig  ->  one head, an nn.Module with forward(x, context)."""
    ### BEGIN SOLUTION
    if cfg.head_type == "linear":
        return Matrix(cfg.dim)
    return Stack(cfg, cfg.layers_per_head)


class Matrix(nn.Linear):
    def __init__(self, dim):
        super().__init__(dim, dim, bias=False)
        nn.init.eye_(self.weight)

    def forward(self, x, context):
        return super().forward(x)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A2-4-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A2.4", make_head)
### BEGIN HIDDEN TESTS
grading.check("A2.4", make_head, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A2.4.** A stack of layers, or a matrix that ignores the context.
#
# *Usual mistakes.* `nn.Linear(D, D)`: a bias, one argument, a random start (the loss begins higher, since the trunk's latent is thrown away). An activation "because heads need one". `[layer] * layers_per_head`: the same layer several times. Layers in a plain list, which torch does not see. `ones_` for the identity. A module made once, outside of the function.

# %% [markdown]
# ## A2.5 Parameter matching
#
# *4 points · difficulty ●●●○○ · about 30 minutes · about 12 lines*
#
# How many numbers does a model train? Compute it from the config, without making a tensor: the last check counts the paper's 7B. You may read these fields: `vocab_size`, `dim` (D), `n_layers`, `n_attention_heads`, `n_kv_heads`, `head_dim` (= D / `n_attention_heads`), `ffn_dim`, `n_future` (n), `head_type`, `layers_per_head`, `keep_trunk_depth`, `tie_embeddings`, `replicated_unembedding`.
#
# * A layer has `wq`, `wo` (D × D), `wk`, `wv` (D × `n_kv_heads` · `head_dim`), three matrices D × `ffn_dim`, and two norms of D numbers.
# * `n_layers` counts the trunk's layers and those of the transformer heads **together**: n heads of `layers_per_head` layers are taken out of the trunk. With `keep_trunk_depth`, only head 1's are.
# * Linear heads take nothing out of the trunk. Each is D × D.
# * There is one embedding, one final norm, and one unembedding (V × D); one for each head with `replicated_unembedding`; none of its own with `tie_embeddings`.
#
# <details><summary><b>Hint 1</b></summary>
#
# Parts: embedding, layers (how many in all, trunk and heads?), matrices of linear heads, final norm, unembeddings. Compare each part with `cfg.parameter_table()`, outside of the check.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Layers in all: `n_layers` for transformer heads, whatever n is; that is the point. `n_layers + (n - 1) * layers_per_head` with `keep_trunk_depth`; `n_layers` for linear heads.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A2-5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def parameter_count(cfg):
    """A ModelConfig  ->  int."""
    ### BEGIN SOLUTION
    D, V, n = cfg.dim, cfg.vocab_size, cfg.n_future
    layer = 2 * D * D + 2 * D * cfg.n_kv_heads * cfg.head_dim + 3 * D * cfg.ffn_dim + 2 * D
    layers, matrices = cfg.n_layers, 0
    if cfg.head_type == "linear":
        matrices = n
    elif cfg.keep_trunk_depth:
        layers += (n - 1) * cfg.layers_per_head
    unembeddings = n if cfg.replicated_unembedding else 0 if cfg.tie_embeddings else 1
    return V * D + layers * layer + matrices * D * D + D + unembeddings * V * D
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A2-5-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A2.5", parameter_count)
### BEGIN HIDDEN TESTS
grading.check("A2.5", parameter_count, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A2.5.** With transformer heads the number of layers in all is `n_layers`, so n does not occur.
#
# *Usual mistakes.* Adding the heads' layers to a complete trunk. Taking n-1 layers out of the trunk and counting n heads: the last layer of an ordinary model *is* head 1. Linear heads that replace layers. D × D for keys and values where attention heads share them. Forgotten norms. One added layer for each added head, whatever `layers_per_head` says. A tied unembedding counted twice.

# %% [markdown]
# ## To take with you
#
# * One run of the trunk, n answers. The norm and the unembedding come after the head.
# * A tree says what must run for which head. Decoding pays for exactly that.
# * With transformer heads, n moves layers and adds none. A fair comparison starts there.
#
# To hand in, save the notebook and submit the file. Its name must still hold `A2`.
