# %% [markdown]
# # Assignment 3. The memory-efficient backward
#
# **After this assignment you can** write the paper's backward, which holds the logits of one head where the naive one holds those of all, for any tree of heads and in chunks of tokens, and show that the gradient is the same and the memory is not.
#
# *20 points, about two hours. A laptop is enough. Read notebook 03 first. Nothing from A1 or A2 is needed: the model is the package's own.*
#
# **How it works.** You write four functions. Under each stands a check. First it compares losses and gradients in float64; then it counts bytes: `meter.limit` stops your function as soon as the tensors that are alive hold more than is allowed. The count is the same on every machine. The score comes from the same checks on cases that you do not see. A question counts in full or not at all.
#
# **What you may use:** torch, Python, and the model's pieces in the table below. The package's own answer refuses to run while a check is at work. **What is taken over** when your notebook is graded: your functions, and the functions, classes, imports and assigned names that they use.
#
# **Letters:** `B` rows, `T` positions, `D` width, `V` vocabulary, `n` future tokens, `R` = B · T. Code counts heads from 0: the head at index `i` is what the lessons call head i + 1, and a function's `k` is an index, too.

# %%
import torch
from torch.nn import functional as F

import mtp_edu as mtp
from mtp_edu import grading, meter

# %% [markdown]
# ## The pieces
#
# | piece | what it does |
# | --- | --- |
# | `model.context(tokens)` | what every layer must know about the positions; pass it on |
# | `model.trunk(model.embedding(tokens), context)` | (B, T) ids to the trunk's latent (B, T, D) |
# | `model.heads[i](x, context)` | the head at index i: (B, T, D) to (B, T, D) |
# | `model.heads.parents[i]` | what the head at index i reads: -1 is the trunk, j the head at index j |
# | `model.unembed(x, i)` | final norm and unembedding of the head at index i: (..., D) to (..., V) |
#
# A function that computes the loss of one head from its latent will serve you in the first three questions. It is given, so that you can think about the backward:

# %%
def head_loss(model, latent, k, targets):
    """Mean loss of the head at index k over its own targets, 0 without any; latent (B, T, D), targets (B, T, n)."""
    logits = model.unembed(latent, k).flatten(0, 1)  # (R, V)
    own = targets[..., k].flatten()  # (R,)
    return F.cross_entropy(logits, own, reduction="sum") / (own != -100).sum().clamp(min=1)


# %% [markdown]
# ## A3.1 The naive way
#
# *4 points · difficulty ●●○○○ · about 20 minutes · about 8 lines*
#
# A *step* runs the model, adds the gradient of the **sum of the heads' mean losses** to every parameter's `.grad`, and returns the n losses, detached. `.grad` may hold something from earlier micro-batches: add to it. (The optimizer is not part of the step.)
#
# The naive step: all heads forward, add up the losses, one backward. It must work for any tree of heads; `model.heads(z, context, range(n))` returns the list of all latents.
#
# <details><summary><b>Hint 1</b></summary>
#
# `backward()` of one number adds to `.grad` of all that it was computed from. What is that number?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `torch.stack` the n losses. Go back from their `.sum()`, return the stack `.detach()`ed: who keeps a loss with its history keeps all logits.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A3-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def naive_step(model, tokens, targets):
    """tokens (B, T), targets (B, T, n)  ->  the heads' mean losses (n,), detached; adds to .grad."""
    ### BEGIN SOLUTION
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    latents = model.heads(z, context, range(targets.shape[-1]))
    losses = torch.stack([head_loss(model, latent, k, targets) for k, latent in enumerate(latents)])
    losses.sum().backward()
    return losses.detach()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A3-1-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A3.1", naive_step)
### BEGIN HIDDEN TESTS
grading.check("A3.1", naive_step, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A3.1.** Everything forward, one backward.
#
# *Usual mistakes.* `losses.mean()`: every gradient is n times too small. `model.zero_grad()` inside the step: micro-batches no longer add up. Returning losses with their history.

# %% [markdown]
# **How much does it hold?** Look before you go on. (The cell works once A3.1 does.)
#
# > **Predict:** one head's logits are 96 × 2,000 numbers of 4 bytes, 0.77 MB. How does the peak grow with n?

# %%
def peaks(step, sizes=(1, 2, 4, 8)):
    """Megabytes of tensors alive at the peak of a step, for some n."""
    for n in sizes:
        cfg = mtp.ModelConfig(vocab_size=2000, dim=16, n_layers=9, n_attention_heads=2, n_future=n)
        model, tokens = mtp.MultiTokenModel(cfg), torch.randint(2000, (4, 24))
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        with meter.limit(float("inf")) as used:
            step(model, tokens, mtp.future_targets(tokens, n))
        print(f"n = {n}: {used.peak / 1e6:.1f} MB")


peaks(naive_step)

# %% [markdown]
# ## A3.2 One head at a time
#
# *6 points · difficulty ●●●○○ · about 25 minutes · about 11 lines*
#
# The same step, for **parallel** heads, with the logits of one head alive at a time (the paper's Fig 2). Losses and gradients must be the same. The check allows the logits of about six heads (a softmax and its gradient need room too) and runs a model with eight. No part of the model may run forward or back more than once. Section 4 of the notebook has these lines; write them from what you remember of the idea, and look when you are stuck.
#
# <details><summary><b>Hint 1</b></summary>
#
# Gradients add up in `.grad`. So each head can go back at once, before the next begins, if its backward ends at the trunk's output: let the heads read a *detached* copy of it that requires a gradient. What has gathered in the copy's `.grad` after the last head?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `leaf = z.detach().requires_grad_()`. In the loop: forward from `leaf`, loss, `backward()`. After it, once: `z.backward(leaf.grad)`.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A3-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def efficient_step(model, tokens, targets):
    """tokens (B, T), targets (B, T, n)  ->  the heads' mean losses (n,), detached; adds to .grad."""
    ### BEGIN SOLUTION
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    leaf = z.detach().requires_grad_()
    losses = []
    for k in range(targets.shape[-1]):
        loss = head_loss(model, model.heads[k](leaf, context), k, targets)
        loss.backward()
        losses.append(loss.detach())
    z.backward(leaf.grad)
    return torch.stack(losses)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A3-2-check", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
grading.check("A3.2", efficient_step)
### BEGIN HIDDEN TESTS
grading.check("A3.2", efficient_step, hidden=True)
### END HIDDEN TESTS

# %%
peaks(efficient_step)

# %% [markdown] tags=["staff"]
# **Worked solution of A3.2.** The detached copy is where n backwards end and one begins.
#
# *Usual mistakes.* Without the last line heads learn and the trunk does not; nothing fails. A fresh copy in every turn of the loop: only the last head's gradient reaches the trunk. No copy at all and `retain_graph=True`: the right gradient, n backwards through the trunk. No `requires_grad_()`: the copy gathers nothing. A list of logits, or of losses with their history under `retain_graph`: the right gradient, the naive memory. Activation checkpointing: little memory, every head twice.

# %% [markdown]
# ## A3.3 Any tree
#
# *6 points · difficulty ●●●●● · about 45 minutes · about 22 lines*
#
# Now a head may read another head (Fig S11): what the head at index k reads stands in `model.heads.parents[k]`. The same promise: equal losses and gradients, one head's logits at a time, nothing twice. In a chain the *activations* of its heads stay alive together, they must; their logits need not.
#
# Each head has **two** kinds of gradient to wait for before it can go back: from its own loss, and from the heads that read it. A head without any target may still be read by others.
#
# <details><summary><b>Hint 1</b></summary>
#
# Do with every head what A3.2 does with the trunk: run it from its parent's detached copy, make a detached copy of its output, let its readers and its own loss leave their gradients on that copy, then go back through it once. This is a function that calls itself.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `visit(k, parent_leaf)`: forward; own leaf; visit the heads whose parent is k; own loss, backward down to the leaf; `out.backward(leaf.grad)`. Which of these lines may change places? Not the last.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A3-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tree_step(model, tokens, targets):
    """tokens (B, T), targets (B, T, n)  ->  the heads' mean losses (n,), detached; adds to .grad."""
    ### BEGIN SOLUTION
    context, n = model.context(tokens), targets.shape[-1]
    losses = [None] * n

    def visit_children(parent, leaf):
        for k in range(n):
            if model.heads.parents[k] == parent:
                visit(k, leaf)

    def visit(k, parent_leaf):
        out = model.heads[k](parent_leaf, context)
        leaf = out.detach().requires_grad_()
        visit_children(k, leaf)
        loss = head_loss(model, leaf, k, targets)
        loss.backward()
        losses[k] = loss.detach()
        out.backward(leaf.grad)

    z = model.trunk(model.embedding(tokens), context)
    leaf = z.detach().requires_grad_()
    visit_children(-1, leaf)
    z.backward(leaf.grad)
    return torch.stack(losses)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A3-3-check", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
grading.check("A3.3", tree_step)
### BEGIN HIDDEN TESTS
grading.check("A3.3", tree_step, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A3.3.** A post-order walk. Own loss and children may change places, if each ends its backward at the leaf; the head's own backward comes last.
#
# *Usual mistakes.* Going back through a head before its children have left their gradients: they are lost. Computing the own loss first and keeping its graph until the children are done: the chain's logits are all alive. Leaving out a head without targets together with its children. `parents[k - 1]` with an index k. Losses in the order of the walk.

# %% [markdown]
# ## A3.4 Chunks of tokens
#
# *4 points · difficulty ●●●●○ · about 30 minutes · about 14 lines*
#
# One head's logits still grow with the batch: R rows of V numbers. The loss of a row does not need the other rows, so take `chunk` rows at a time.
#
# `latent` is a head's detached output, (B, T, D), a leaf with a `.grad` that is there already. `targets` (B, T) are this head's. Add the gradient of `scale` · (sum of the losses) to `latent.grad` and to the weights' `.grad`, and return the sum of the losses (without `scale`), detached, as a tensor of shape () and of the latent's dtype. The last chunk may be shorter; a chunk may have no target at all.
#
# <details><summary><b>Hint 1</b></summary>
#
# Cut the rows first, `latent.flatten(0, 1)[start : start + chunk]`, and compute the logits of these rows only. Each chunk goes back before the next begins.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Per chunk: a small leaf, `part = rows[start : start + chunk].detach().requires_grad_()`, the summed loss, `(scale * loss).backward()`. Where does `part.grad` belong?
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A3-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def chunked_loss(model, latent, targets, head, scale, chunk):
    """latent (B, T, D), targets (B, T), head (index), scale (a number), chunk (rows)  ->  sum of the losses, ()."""
    ### BEGIN SOLUTION
    rows, own = latent.detach().flatten(0, 1), targets.flatten()
    gradient = latent.grad.flatten(0, 1)
    total = torch.zeros((), dtype=latent.dtype)
    for start in range(0, len(rows), chunk):
        some = slice(start, start + chunk)
        part = rows[some].requires_grad_()
        loss = F.cross_entropy(model.unembed(part, head), own[some], reduction="sum")
        (scale * loss).backward()
        gradient[some] += part.grad
        total += loss.detach()
    return total
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A3-4-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A3.4", chunked_loss)
### BEGIN HIDDEN TESTS
grading.check("A3.4", chunked_loss, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A3.4.** What A3.2 does over heads, over rows.
#
# *Usual mistakes.* Logits of all rows, cut afterwards. Adding up the chunks' losses and going back once: all graphs wait. `reduction="mean"`, which divides by the chunk's own count and is NaN for a chunk without targets. `R // chunk` chunks: the rest is lost. Forgetting `scale`, or returning the scaled sum. `chunk` positions of every text instead of `chunk` rows.

# %% [markdown]
# ## To take with you
#
# * A detached copy is a place where gradients gather. n backwards end there, one begins.
# * Same numbers, other order: the gradient is equal to rounding, the peak no longer grows with n.
# * What has a name stays alive. Memory is a question of who still holds what.
#
# To hand in, save the notebook and submit the file. Its name must still hold `A3`.
