# %% [markdown]
# # 3. The memory-efficient backward
#
# **After this lesson you can** say why four heads need four times the logits, write the backward that needs those of one head only, read a timeline of live tensors, and compute what your machine could train.
#
# *40 minutes, two of them computing. A laptop is enough.*

# %%
import json
import time
from statistics import median

import mtp_edu as mtp
from mtp_edu import meter, notebook, views
from mtp_edu.paths import data_dir

import torch
from torch.nn import functional as F

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one
device = run.device.device

# %% [markdown]
# ## 1. The result first: it does not fit, and then it does
#
# A model with four heads and ten thousand tokens in its vocabulary takes one training step. We allow it a fixed number of bytes: `meter.limit` counts the tensors that are alive and stops the code that makes one too many.
#
# Both ways below compute **the same losses and the same gradient**. The naive way makes all four predictions, then adds up the losses, then goes back. The other way is the paper's (section 2, Fig 2).
#
# > **Predict:** the logits of one head are 1,024 × 10,000 numbers of 4 bytes, 41 MB. How much will the naive way need at least? Does it fit into 150 MB?

# %%
vocab_size = run.pick(laptop=10_000, gpu=32_000, fast=3000)
dim = run.pick(laptop=128, gpu=512, fast=32)
batch, length = run.pick(laptop=(8, 128), gpu=(16, 512), fast=(2, 50))
allowed = run.pick(laptop=150e6, gpu=3e9, fast=4e6)  # bytes


def example(n=4, n_layers=6, batch=batch, **changes):
    """A fresh model, random tokens (B, T), their targets (B, T, n); memory does not ask what they say."""
    torch.manual_seed(0)
    cfg = mtp.ModelConfig(vocab_size=vocab_size, dim=dim, n_layers=n_layers, n_future=n, **changes)
    model = mtp.MultiTokenModel(cfg).to(device)
    tokens = torch.randint(vocab_size, (batch, length), device=device)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)  # needed either way, so made beforehand
    return model, tokens, mtp.future_targets(tokens, n)


model, tokens, targets = example()
for mode in ("naive", "memory-efficient"):
    try:
        with meter.limit(allowed) as used:
            losses = mtp.forward_backward(model, tokens, targets, mode=mode)
        print(f"{mode}: done, {used.peak / 1e6:.1f} MB at most")
        print("losses of heads 1 to 4:", [round(loss, 3) for loss in losses.tolist()])
    except meter.MemoryLimitExceeded as problem:
        print(f"{mode}: stopped. {problem}")

# %% [markdown]
# The naive way is stopped before it has gone back at all: four heads' logits alone would be 164 MB. The other way needs about half of what is allowed.
#
# **Do they really compute the same?** In double precision there is no room for doubt. We take a small batch and compare every number of the gradient:

# %%
def gradient(model, compute):
    """All gradients after `compute()`, as one long row of numbers."""
    model.zero_grad()
    compute()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


few, few_targets = tokens[:1, :32].cpu(), targets[:1, :32].cpu()
exact = mtp.MultiTokenModel(model.cfg).double()  # on the CPU: not every device computes in double precision
naive = gradient(exact, lambda: mtp.forward_backward(exact, few, few_targets, mode="naive"))
efficient = gradient(exact, lambda: mtp.forward_backward(exact, few, few_targets))



def apart(one, other):
    """The largest difference, relative to the largest number."""
    return ((one - other).abs().max() / other.abs().max()).item()


print(f"{len(naive):,} numbers; largest difference, relative to the largest: {apart(efficient, naive):.0e}")
print("the same to rounding:", apart(efficient, naive) < 1e-12)

# %% [markdown]
# ## 2. Why logits are the problem
#
# A latent has $D$ numbers for each token. The logits have $V$, one for each entry of the vocabulary, **and every head has its own**. With $R$ tokens in a batch:
#
# $$\text{naive: } O(R \cdot (nV + D)) \qquad\longrightarrow\qquad \text{head by head: } O(R \cdot (V + D))$$
#
# That is the paper's claim (section 2). $V$ is 8 times $D$ in the paper's 7B model and 78 times in the model above, so $nV$ is much larger than $D$ in both.
#
# > **Predict, then move the sliders:** (a) with a vocabulary of 257 bytes, does the trick matter? (b) From n = 4 to n = 8, what happens to the black part of each bar? (c) Which bars change when the batch doubles?

# %%
views.LogitsCalculator()

# %% [markdown]
# <details><summary><b>Answers</b></summary>
#
# (a) Hardly: with bytes the logits are small, and the trunk's activations are most of the memory. (b) The naive one nearly doubles, the other two do not move. (c) All of them; but in the third bar the black part stays, because only 512 rows of logits are ever alive. Section 6 is about that.
#
# </details>
#
# ## 3. Watch it: every tensor, from birth to release
#
# `meter.memory` runs a function once and records each piece of memory that PyTorch hands out and takes back. This is no sketch: the bars below are the bytes of the run itself. We record both ways.

# %%
def record(model, tokens, targets, **how):
    """Run one forward and backward and record the memory of its tensors."""
    return meter.memory(lambda: mtp.forward_backward(model, tokens, targets, **how), model)


timelines = {mode: record(model, tokens, targets, mode=mode) for mode in ("naive", "memory-efficient")}
for mode, timeline in timelines.items():
    computed = meter.estimate(model.cfg, batch, length, mode, device=device.type)
    print(f"{mode:17} {timeline.peak / 1e6:6.1f} MB at the peak, closed form {computed.peak / 1e6:6.1f} MB")

# %% [markdown]
# Time runs to the right. Grey is what the trunk keeps for its backward, a light colour what a head keeps, a full colour a head's logits. Both runs share one scale of bytes. Step through with **phase ▶**, press play, or move the slider event by event; *cursor of* says which run it moves. The tables say what is alive at the cursor, and list the largest tensors: when each was made, and when it will be released. Point at a bar to see the same without moving anything.
#
# > **Find in the picture:** (a) When is each head's memory given back, in the naive run and in the other? (b) In the memory-efficient run, what is left of head 1 when head 2 begins?

# %%
views.MemoryTimeline(timelines)

# %% [markdown]
# <details><summary><b>Answers</b></summary>
#
# (a) In the naive run each head makes two matrices of the size of its logits and releases one of them after its loss. The other, the gradient that the backward will need, stays until then, and so does what each head's layer has kept. So one such matrix piles up for each head. In the other run each head goes back right after its loss, and everything that it made is released before the next head begins. (b) One thin layer: the table shows half a MB of head 1. It is the *gradient at the trunk's output*, $D$ numbers for each token, which all heads add to. That is the $D$ in $O(V + D)$.
#
# </details>
#
# **The order is the paper's Fig 2.** These are the phases of the run, as they were recorded (in the paper's figure, "head" includes the unembedding and the loss):

# %%
for mode, timeline in timelines.items():
    print(f"{mode}: {' → '.join(name for name, _, _ in timeline.phases)}\n")

# %% [markdown]
# **Causal heads are walked from the far end** (the paper's Fig S11). Head 2 reads head 1's latent, so head 1 cannot go back before head 2 has. All heads run forward first, but without logits; then the last one computes its loss and goes back, and so on down to the trunk.
#
# > **Predict:** in the causal run, is the peak at the first head's loss that is computed or at the last one's?

# %%
causal = record(*example(n=3, head_order="causal"))
views.memory_timeline(causal)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# At the first, which is head 3's: then the activations of all three heads are still there. A chain has to keep them. But only one head's logits are ever alive, as before.
#
# </details>
#
# ## 4. Write it yourself: ten lines
#
# The trick is one word of PyTorch, `detach`. It gives the same numbers *without their history*: a backward that arrives there stops and leaves its gradient in `.grad`. So each head's backward ends at the trunk's output, and the gradients of all heads add up there. At the end we hand the sum on to the trunk, once.
#
# > **Before you read on:** which two lines release what a head has made?

# %%
def ten_lines(model, tokens, targets):
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)  # (B, T, D), with its history
    leaf = z.detach().requires_grad_()  # (B, T, D), without
    for k, head in enumerate(model.heads):
        logits = model.unembed(head(leaf, context), k)  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), targets[..., k].flatten())
        del logits  # the name alone would keep them alive
        loss.backward()  # ends at the leaf and adds to leaf.grad
    z.backward(leaf.grad)  # the sum of all heads' gradients, through the trunk, once


mine = gradient(exact, lambda: ten_lines(exact, few, few_targets))
print(f"largest difference from the package's: {apart(mine, efficient):.0e}")

with meter.limit(float("inf")) as used:  # no limit: only count
    ten_lines(model, tokens, targets)
print(f"peak: {used.peak / 1e6:.1f} MB; naive {timelines['naive'].peak / 1e6:.1f} MB, "
      f"the package {timelines['memory-efficient'].peak / 1e6:.1f} MB")

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# `del logits` gives up the name, and `loss.backward()` releases what the graph has kept. As long as either of them holds a tensor, its memory is not free.
#
# </details>
#
# <details><summary><b>Question.</b> The ten lines are right, yet need more than the package. Where do two more matrices of the size of the logits come from?</summary>
#
# `cross_entropy` keeps the log-probabilities for its backward, which then makes two more matrices: their gradient and that of the logits. The package (`backward.py`, `_UnembeddingLoss`) computes the loss's gradient by hand: it turns the logits into probabilities and those into the gradient in the same memory. Three matrices become one.
#
# </details>
#
# ## 5. Is detach needed?
#
# Could we not simply call `backward` for one head after the other? Without `detach` each of them runs on through the trunk. Try it:

# %%
def without_detach(model, tokens, targets, retain_graph):
    context = model.context(tokens)
    z = model.trunk(model.embedding(tokens), context)
    for k, head in enumerate(model.heads):
        logits = model.unembed(head(z, context), k)
        loss = F.cross_entropy(logits.flatten(0, 1), targets[..., k].flatten())
        del logits
        loss.backward(retain_graph=retain_graph)


try:
    without_detach(exact, few, few_targets, retain_graph=False)
except RuntimeError as problem:
    print("head 2 fails:", str(problem).split(".")[0])

# %% [markdown]
# Head 1's backward has gone through the trunk and released what the trunk had kept. PyTorch's remedy is `retain_graph=True`. It works, and its gradient is right. But count how often the trunk goes back:

# %%
visits = []
watch = exact.trunk[0].register_full_backward_hook(lambda *_: visits.append(1))
for name, step in (("detach", lambda: ten_lines(exact, few, few_targets)),
                   ("retain_graph", lambda: without_detach(exact, few, few_targets, retain_graph=True))):
    visits.clear()
    same = torch.allclose(gradient(exact, step), efficient, rtol=1e-9, atol=1e-15)
    print(f"{name:12} backwards through the trunk: {len(visits)}; the same gradient: {same}")
watch.remove()

# %% [markdown]
# <details><summary><b>Why does the sum arrive correctly when the trunk goes back only once?</b></summary>
#
# A backward is linear in the gradient that it starts from. To send four gradients through the trunk and add up the results is the same as to add them up first and send the sum. The first costs four times as much.
#
# </details>
#
# ## 6. Chunks: not even one head's logits
#
# Head by head, the logits of *all tokens* of one head are alive. Their rows are independent of each other, so we may take some rows at a time: `token_chunk`.
#
# > **Predict:** 1,024 rows need 41 MB of logits. How far down does the peak go with 96 rows at a time? With 16?

# %%
print("rows at a time    logits    peak    closed form, in MB")
for chunk in run.pick(laptop=(None, 480, 96, 16), fast=(None, 16)):
    timeline = record(model, tokens, targets, token_chunk=chunk)
    computed = meter.estimate(model.cfg, batch, length, token_chunk=chunk, device=device.type)
    print(f"{chunk or 'all':>14} {max(timeline.live('logits')) / 1e6:9.1f} {timeline.peak / 1e6:7.1f} "
          f"{computed.peak / 1e6:10.1f}")

# %% [markdown]
# <details><summary><b>What is left?</b></summary>
#
# What the trunk and one head keep for their backward. Below that floor chunks cannot go, and tiny chunks make small matrix products, which are slow. A few hundred rows are a good choice.
#
# </details>
#
# ## 7. Peak against n, measured and computed
#
# Now the claim itself: $O(nV + D)$ against $O(V + D)$. The same model with 1, 2, 4 and 8 heads, parallel and causal. Bars are measured here, dashes are the closed form of `meter.estimate`, which knows only the shape.

# %%
growth_chunk = run.pick(laptop=128, fast=16)
growth_batch = max(1, batch // 2)
growth = []
for kind in ("parallel", "causal"):
    for n in run.pick(laptop=(1, 2, 4, 8), fast=(1, 2)):
        one = example(n, n_layers=9, batch=growth_batch, head_order=kind)
        for method in ("naive", "memory-efficient", "chunked"):
            mode, chunk = ("memory-efficient", growth_chunk) if method == "chunked" else (method, None)
            measured = record(*one, mode=mode, token_chunk=chunk).peak
            computed = meter.estimate(one[0].cfg, growth_batch, length, mode, chunk, device=device.type).peak
            row = {"kind": kind, "n": n, "method": method, "peak_bytes": measured, "estimate_bytes": computed}
            growth.append(row)

here = {"growth": growth, "shape": {"token_chunk": growth_chunk}}
views.memory_bars(here)

# %% [markdown]
# The naive bars grow by one head's logits with each head. **The memory-efficient ones do not grow with n.**
#
# <details><summary><b>Question.</b> With parallel heads they even shrink, with causal heads they stay level. Why?</summary>
#
# All models have the same nine layers: each head takes one from the trunk. The trunk keeps its activations until the end, a parallel head gives them back at once. So more parallel heads leave less to keep. Causal heads stand on each other and keep theirs until their turn has come: nine layers' worth, whatever n is.
#
# </details>
#
# The same with every kind of heads, at a larger size, as the package's own benchmark has measured it (`mtp-edu bench memory`). There the trunk keeps its depth and heads are added, so a chain does grow: by the activations of a layer for each head, which have nothing to do with $V$.

# %%
stored = json.loads((data_dir() / "results" / "bench_memory_cpu.json").read_text(encoding="utf-8"))
shape = stored["shape"]
print(f"width {shape['dim']}, vocabulary {shape['vocab_size']:,}, {shape['rows']:,} tokens in the batch")
largest = max(row["n"] for row in stored["growth"])
for row in stored["growth"]:
    if row["n"] == largest:
        peak, computed = row["peak_bytes"], row["estimate_bytes"]
        numbers = f"{peak / 1e6:8,.0f} MB, closed form {computed / 1e6:8,.0f} MB"
        print(f"n = {largest} {row['kind']:11} {row['method']:17} {numbers}")
views.memory_bars(stored)

# %% [markdown]
# ## 8. What does it cost in time?
#
# The paper says "at no expense in runtime" and refers to its Table S5. That table reads:
#
# | training time relative to n = 1 (Table S5) | 0.3B | 0.6B | 1.3B | 3B | 6.7B | 13B |
# | --- | --- | --- | --- | --- | --- | --- |
# | n = 2 | 1.07 | 1.05 | 1.04 | 1.02 | 1.02 | 1.04 |
# | n = 4 | 1.22 | 1.13 | 1.12 | 1.07 | 1.07 | 1.09 |
#
# So there is an expense, of 2 to 22 %. The paper puts it down to communication between GPUs. But look at the work: each head multiplies its latents by the unembedding, $6VD$ operations for each token forward and backward. **Four heads do that four times, and no trick removes it.** From the shapes alone:

# %%
paper = {"0.3B": (1024, 18, 16, 1.22), "0.6B": (1280, 27, 20, 1.13), "1.3B": (2048, 24, 16, 1.12),
         "3B": (2560, 36, 20, 1.07), "6.7B": (4096, 32, 32, 1.07), "13B": (5120, 40, 40, 1.09)}
print("n = 4 against n = 1   operations   the paper's time")
for name, (width, layers, attention_heads, measured) in paper.items():
    shape = {"vocab_size": 32_000, "dim": width, "n_layers": layers, "n_attention_heads": attention_heads}
    work = [mtp.ModelConfig(**shape, n_future=n).flops_per_token(4096) for n in (1, 4)]
    print(f"{name:>19} {work[1] / work[0]:12.2f} {measured:14.2f}")

# %% [markdown]
# (A vocabulary of 32,000 and windows of 4,096 tokens, with the shapes of Table S14.) Up to 3B the operations alone predict as much as was measured, or more. Only for the two largest models is something left for communication: 1 and 5 %.
#
# > **Predict:** our model is narrow and has a large vocabulary. Will four heads cost more than the paper's 22 %, or less? And is the memory-efficient way slower than the naive one?
#
# We let the ways take turns on this machine, since a computer is not equally fast all the time.

# %%
def seconds(step):
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


single, *single_data = example(n=1)
contenders = {
    "n = 1": lambda: mtp.forward_backward(single, *single_data),
    "n = 4, naive": lambda: mtp.forward_backward(model, tokens, targets, mode="naive"),
    "n = 4, memory-efficient": lambda: mtp.forward_backward(model, tokens, targets),
    "n = 4, chunks of 128": lambda: mtp.forward_backward(model, tokens, targets, token_chunk=128),
}
turns = {name: [] for name in contenders}
for _ in range(run.pick(laptop=6, fast=2)):
    for name, step in contenders.items():
        turns[name].append(seconds(step))
turns = {name: times[1:] for name, times in turns.items()}  # the first turn warms up

work = model.cfg.flops_per_token(length) / single.cfg.flops_per_token(length)
print(f"operations, n = 4 against n = 1: {work:.2f}")
for name, times in turns.items():
    ratios = sorted(a / b for a, b in zip(times, turns["n = 1"]))
    spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"{name:24} {1000 * median(times):6.0f} ms, {median(ratios):.2f} times n = 1 {spread}")

# %% [markdown]
# **Read three things from it.** Four heads cost more than one, by about the ratio of their operations if the machine was quiet: more than in the paper, because our model is all unembedding. Head by head does the same matrix products as the naive way in another order, so there is no reason for it to be much slower; in the larger benchmark below it takes 0.60 times the naive time. And a few turns on one machine are no law: if the spread in brackets is wide, another program has disturbed the run.
#
# The package's benchmark measures the same at the larger size, beside losses that others have written for this purpose. *Same walk* means: head by head, as above, with their loss in place of ours. *Heads jointly* means: one backward at the end, as these losses are usually called.

# %%
views.method_bars(stored)

# %% [markdown]
# ## 9. What could your machine train?
#
# The closed form answers before you buy anything. `meter.what_fits` tries the paper's small sizes with $n = 4$, here with a vocabulary of 50,257: how many windows of 1,024 tokens train in one batch, with parameters, gradients and AdamW's averages?
#
# > **Predict:** the 100M model on the A100: by which factor does the memory-efficient way with chunks enlarge the batch?

# %%
sizes = ("10M", "100M", "300M", "1B")
print("windows of 1,024 tokens in one batch, naive → memory-efficient in chunks of 512 (estimates)\n")
print(f"{'':14}" + "".join(f"{name:>15}" for name in sizes))
for machine in meter.MACHINES:
    counts = []
    for mode, chunk in (("naive", None), ("memory-efficient", 512)):
        fits = meter.what_fits(machine, vocab_size=50_257, length=1024, mode=mode, token_chunk=chunk)
        counts.append({fit.preset: fit.batch for fit in fits})
    cells = [f"{counts[0][name]:,} → {counts[1][name]:,}" for name in sizes]
    print(f"{machine:14}" + "".join(f"{cell:>15}" for cell in cells))

# %% [markdown]
# These are **estimates**, computed and not measured: in float32 on the laptop, in float16 on the T4, in bfloat16 on the others. A 0 means that not even one window fits. A tenth of each memory is left to other things, and of the laptop's 8 GB five are counted on: the system needs the rest.
#
# > **What can go wrong**
# >
# > * **A name keeps a tensor alive.** `kept.append(logits)`, to look at them later, and all heads' logits are alive again. The result is right and the memory is gone.
# > * **Forgetting the last line.** Without `z.backward(leaf.grad)` heads and unembedding learn, and the trunk does not. Nothing fails. Compare the gradients once, in double precision.
# > * **Weights and means.** Each head's loss is a mean over *its own* valid targets. Who divides the sum of all heads by the number of all targets trains on something else.
# > * **An optimisation that computes something else.** It is fast, it fits, and it is wrong. So the proof comes first: same gradient in double precision, then measure.
# > * **The wrong peak.** What the operating system shows includes memory that PyTorch keeps for later. Count tensors, as `meter` does, or use `torch.cuda.max_memory_allocated`.
#
# ## To take with you
#
# * $n$ heads have $n$ times $V$ logits for each token. Alive together, they are most of the memory of a model with a large vocabulary.
# * Detach the trunk's output, go forward and back head by head, then through the trunk once: the same gradient, one head's logits.
# * Chunks of tokens go further: the logits alive no longer depend on the length of the batch.
# * Memory is saved, operations are not: $n$ heads cost $n$ products with the unembedding.
#
# <details><summary><b>Think further.</b> A fused loss, such as Liger's or PyTorch's, never makes the whole logits matrix either. Call it for each of four heads and go back once at the end. What do they still keep four times?</summary>
#
# Two things. First, the gradient of the unembedding: these functions compute it already in their forward, as a matrix of $V \times D$, and hold it until the backward. Second, the activations of the heads themselves, which wait for the one backward. In the benchmark above, with eight heads, going back once needs 766 MB and going back after each head 206 MB. Of the difference about 230 MB are seven more such matrices, and about 300 MB are the activations of seven more heads.
#
# </details>
#
# ## The result once more, as a plain picture

# %%
views.memory_bars({"growth": [row for row in growth if row["kind"] == "parallel"], "shape": here["shape"]})
