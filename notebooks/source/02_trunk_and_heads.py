# %% [markdown]
# # 2. Trunk and heads
#
# **After this lesson you can** point to the trunk and the heads of a model and say what each of them costs, draw the four head trees of the paper's Table S4, tell which heads must run for which prediction, and judge what such a table proves.
#
# *30 minutes, one of them computing. A laptop is enough.*

# %%
import json

import torch

import mtp_edu as mtp
from mtp_edu import notebook, views
from mtp_edu.experiments.statistics import welch_difference
from mtp_edu.paths import data_dir

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one

# %% [markdown]
# ## 1. The result first: the model, drawn from itself
#
# A model with six layers and four heads. The picture is not a sketch: the code walks through the model's own parts and counts the numbers in their tensors.
#
# > **Before you look:** six layers, four heads. How many layers do the heads share?

# %%
tok = mtp.ByteTokenizer()
cfg = mtp.ModelConfig(vocab_size=tok.vocab_size, dim=64, n_layers=6, n_future=4)
model = mtp.MultiTokenModel(cfg)
views.architecture(model)

# %% [markdown]
# Read it upwards. A token becomes 64 numbers (*embedding*). The **trunk**, here two layers, turns them into a *latent*: 64 numbers that hold what the model made of the text so far. Each **head** turns the latent into its own prediction. The *final norm* and the *unembedding* turn a head's 64 numbers into a score for each of the 257 tokens.
#
# A head is nothing special: **it is one transformer layer, the same as those in the trunk.** With one head, the picture is an ordinary language model whose last layer happens to be called head 1.
#
# ## 2. The formula, and the same in code
#
# The paper writes it in one line (section 2). With $f_s$ the trunk (s for *shared*), $f_{h_k}$ head $k$ and $f_u$ the unembedding:
#
# $$P_k(x_{t+k} \mid x_{\le t}) = \text{softmax}\big(f_u(f_{h_k}(f_s(x_{\le t})))\big)$$
#
# Read it from the inside out, one line of code for each step:

# %%
tokens = torch.tensor([tok.encode("Once upon a time")])  # (B, T) = (1, 16)
context = model.context(tokens)  # the positions 0 to 15

with torch.no_grad():
    z = model.trunk(model.embedding(tokens), context)  # f_s: (1, 16, 64), computed once
    latents = model.heads(z, context, wanted=[0, 1, 2, 3])  # f_h: four times (1, 16, 64)
    logits = [model.unembed(latent, k) for k, latent in enumerate(latents)]  # f_u
    by_hand = torch.stack(logits, dim=2)  # (1, 16, 4, 257)
    print("by hand:", tuple(by_hand.shape))
    print("the model says the same:", torch.equal(by_hand, model(tokens)))

# %% [markdown]
# The trunk runs **once** for all four predictions: one reading of the text, four answers.
#
# ## 3. Moving layers
#
# More heads means more layers, and a bigger model is usually better anyway. That would make every comparison with $n = 1$ unfair. So the paper *moves* layers: for $n-1$ more heads, it takes $n-1$ layers out of the trunk.
#
# > **Predict:** going from $n = 1$ to $n = 4$, does the number of parameters go up, go down or stay? Then move **heads n** to 6. What will happen?

# %%
views.ArchitecturePanel(n_layers=6, n=1)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# It stays, to the last parameter: a layer has the same size wherever it stands. At $n = 6$ no layer would be left for the trunk, and the package refuses to build such a model.
#
# </details>
#
# Now try *keep the trunk's depth* and *linear*. In numbers, for a model of $L$ layers and width $D$:
#
# | heads | trunk | heads' own | compared with n = 1 |
# | --- | --- | --- | --- |
# | transformer | $L - n$ layers | $n$ layers | the same number of parameters |
# | transformer, layers added (`keep_trunk_depth=True`) | $L - 1$ layers | $n$ layers | $n - 1$ layers more |
# | linear | $L$ layers | $n$ matrices | $n D^2$ more |
#
# A *linear* head is a single $D \times D$ matrix. It costs little, takes no layer from the trunk, and cannot look at other positions.

# %%
shape = {"vocab_size": tok.vocab_size, "dim": 64, "n_layers": 6}
family = {
    "n = 1": mtp.ModelConfig(**shape, n_future=1),
    "n = 4": mtp.ModelConfig(**shape, n_future=4),
    "n = 4, layers added": mtp.ModelConfig(**shape, n_future=4, keep_trunk_depth=True),
    "n = 4, linear": mtp.ModelConfig(**shape, n_future=4, head_type="linear"),
}
views.parameter_bars(family, shares=False)

# %%
one = family["n = 1"]
for name, cfg in family.items():
    more = cfg.parameters() - one.parameters()
    work = cfg.flops_per_token(length=128) / one.flops_per_token(length=128)
    size = f"{cfg.parameters():,} parameters, {more:>8,} more"
    print(f"{name:20} {size}, {work:.2f} times the training work")

print("n D² =", 4 * 64**2)

# %% [markdown]
# <details><summary><b>Question.</b> The second row has exactly as many parameters as the first. Why is training on a token still more work?</summary>
#
# Every head sends its own latent through the unembedding, which is one matrix that is used four times. Parameters are what you store. Work is how often you use them. With 257 tokens this is a small part. With 32,000 tokens and a narrow model it is most of the work.
#
# </details>
#
# ## 4. Where are the parameters?
#
# > **Predict:** we keep the model and only swap bytes (257 tokens) for a vocabulary of 32,000. Which part of the model becomes the largest?

# %%
seven_billion = {"dim": 4096, "n_layers": 32, "n_attention_heads": 32, "n_future": 4}
large = shape | {"vocab_size": 32_000}
sizes = {
    "ours, bytes": mtp.ModelConfig(**shape, n_future=4),
    "ours, vocabulary 32,000": mtp.ModelConfig(**large, n_future=4),
    "7B, bytes": mtp.ModelConfig(vocab_size=tok.vocab_size, **seven_billion),
    "7B, vocabulary 32,000": mtp.ModelConfig(vocab_size=32_000, **seven_billion),
}
views.parameter_bars(sizes)

# %% [markdown]
# The small model with a large vocabulary is almost nothing but tables of tokens: 93 % of it is embedding and unembedding. In the 7B model they are 4 %. **"A model of 4 million parameters" says little until you know its vocabulary.** That is why small models here use bytes or 512 to 2,048 word pieces.
#
# **One unembedding, or one for each head?** All heads can share the unembedding, because each head has its own layer to prepare for it. The paper's byte-level models have one per head, *replicated* (Table S13). Replicated ones add $(n-1) \cdot D \cdot V$ parameters:

# %%
for name, cfg in sizes.items():
    copies = mtp.ModelConfig(**(cfg.to_dict() | {"replicated_unembedding": True}))
    more = copies.parameters() - cfg.parameters()
    share = more / cfg.parameters()
    print(f"{name:24} {more:>12,} parameters more, {share:7.2%} of the model")

# %% [markdown]
# The paper calls this "prohibitive for large-scale trainings" and does it for bytes only. There it costs 0.05 % of the 7B model with n = 4, and 0.1 % with the paper's n = 8. The work is the same in both cases, since each head makes its own pass through *an* unembedding anyway.
#
# ## 5. Four trees: who reads whom?
#
# So far each head read the trunk. That is one way of four in the paper's Table S4 and appendix B:

# %%
trees = {
    "parallel": mtp.ModelConfig(**shape, n_future=4),
    "causal": mtp.ModelConfig(**shape, n_future=4, head_order="causal"),
    "anticausal": mtp.ModelConfig(**shape, n_future=4, head_order="anticausal"),
    "linear": mtp.ModelConfig(**shape, n_future=4, head_type="linear"),
}
views.head_trees(trees)

# %% [markdown]
# * **Parallel**: no head knows of another.
# * **Causal**: head 2 reads head 1's latent, head 3 that of head 2. The far heads are the deepest.
# * **Anticausal**: the other way round. The model thinks about token $t+4$ first, and the *next* token comes last, from the deepest head.
# * **Linear**: parallel, but each head is a single matrix.
#
# In the package the whole difference is one tuple: what each head reads, with `-1` for the trunk.

# %%
for name, cfg in trees.items():
    print(f"{name:11} head_parents = {cfg.head_parents}")

# %% [markdown]
# **Do not take the picture's word for it.** We change the weights of one head at random and look at which predictions change. In the table a row is the head that was changed. A cross says that a head's output is no longer the same.
#
# > **Predict** the crosses of the causal and of the anticausal model before you run it.

# %%
def who_changes(cfg):
    """For each head: the heads whose logits change when its weights do."""
    changed = []
    for victim in range(cfg.n_future):
        model = mtp.MultiTokenModel(cfg)
        with torch.no_grad():
            before = model(tokens)  # (B, T, n, V)
            for weight in model.heads[victim].parameters():
                weight += 0.1 * torch.randn_like(weight)
            difference = (model(tokens) - before).abs().amax(dim=(0, 1, 3))  # (n,)
        changed.append([k + 1 for k in range(cfg.n_future) if difference[k] > 0])
    return changed


for name, cfg in trees.items():
    print(f"{name:13} head  1  2  3  4")
    for victim, changed in enumerate(who_changes(cfg), start=1):
        crosses = ["x" if k in changed else "·" for k in range(1, 5)]
        print(f"  change head {victim}:", *crosses, sep="  ")

# %% [markdown]
# <details><summary><b>What does it show?</b></summary>
#
# Parallel and linear: a diagonal, each head stands alone. Causal: change head 1 and everything above it changes too. Anticausal: the mirror image, and head 1 changes whatever you touch. A cross in column $k$ stands for a head that must *run* for head $k$: read column 1 downwards.
#
# </details>
#
# > **A common mistake.** In the causal tree, head 2 reads head 1's *latent*, not the *token* that head 1 chose. If head 1 finds "cat" and "dog" equally likely, head 2 does not know which one was taken. It has to keep both open, as in the parallel tree.
#
# ## 6. What it means for writing text
#
# To write token by token, only head 1 is needed. Which layers run for it? We need not trust a formula: we count, by letting each layer report when it is used.

# %%
def layers_used(cfg, n_future):
    """How many transformer layers really run for heads 1 to n_future."""
    model, used = mtp.MultiTokenModel(cfg), []
    in_heads = [layer for head in model.heads for layer in head.children()]
    for layer in [*model.trunk, *in_heads]:
        layer.register_forward_hook(lambda *_: used.append(1))
    with torch.no_grad():
        model(tokens, n_future=n_future)
    return len(used)


print("layers that run        head 1 alone   all four heads")
for name, cfg in ({"n = 1": one} | trees).items():
    print(f"{name:21} {layers_used(cfg, 1):9} {layers_used(cfg, cfg.n_future):16}")

# %% [markdown]
# With the parallel, causal and linear trees a model can drop heads 2 to $n$ and write the ordinary way; parallel and causal ones then run $n-1$ layers fewer than a model with $n = 1$. **An anticausal model runs its whole chain even for head 1**, so writing token by token saves it nothing: it runs as many layers as a model with $n = 1$.
#
# <details><summary><b>Question.</b> Which trees let you use heads 1 and 2 only, and skip heads 3 and 4?</summary>
#
# Parallel, linear and causal: for those two heads nothing above them is needed. In the anticausal tree head 2 reads head 3, which reads head 4, so all run. In code: `cfg.heads_run([0, 1])` gives the indices of the heads that must run.
#
# </details>
#
# ## 7. Which tree is best? The paper's Table S4 beside ours
#
# The paper trained 7B models of each kind on 200 billion tokens of code. We asked the same question small: six architectures of about half a million parameters (0.7 million where layers were added), on our stories, with a vocabulary of 512 word pieces. **Each was trained with several seeds**, that is with other initial weights and another order of the text. All have the same number of steps and the same learning rate; nothing was tuned for any of them.
#
# Our number is the held-out loss of head 1: *less is better*. Theirs is pass@1, the share of programming tasks solved at the first try: *more is better*. So the numbers do not compare. The order of the architectures might.
#
# > **Predict:** at our size, does any model with $n = 4$ beat $n = 1$? And which of the five comes nearest to it?

# %%
path = data_dir() / "results" / "head_kinds_cpu.json"
result = json.loads(path.read_text(encoding="utf-8"))
size = result["shape"]
windows = f"{size['batch_size']} windows of {size['length']} tokens"
print(f"{size['steps']:,} steps of {windows}; seeds {result['seeds']}")
print("head 1 on held-out text, nats per token; in brackets the 95 % interval\n")
print(f"{'':24}parameters  depth  loss                   more than n = 1")
for row in result["architectures"]:
    loss, more = row["losses"][0], row["head_1_minus_n1"]
    in_heads = row["heads_run_for_head_1"] if row["head_layers"] else 0
    layers = row["trunk_layers"] + in_heads
    shown = f"{loss['mean']:.2f} [{loss['low']:.2f}, {loss['high']:.2f}]"
    gap = ""
    if more:
        gap = f"{more['mean']:+.2f} [{more['low']:+.2f}, {more['high']:+.2f}]"
    print(f"{row['name']:24}{row['parameters']:>10,}{layers:7}  {shown:22} {gap}")

# %%
views.head_kinds_chart(result)

# %% [markdown]
# **How to read the picture.** A dot is one training run, that is one seed. The short bar is the mean. The line is the 95 % interval: it tells where the true mean may lie, as far as so few runs can say. With few runs it is long, and it ought to be. *Depth* is the number of transformer layers on the way to head 1.
#
# Two intervals that overlap do not settle which of two means is larger. The interval of their *difference* does: if it does not reach zero, chance alone is an unlikely reason. Here each architecture is compared with the parallel one:

# %%
head_1 = {row["name"]: [one["losses"][0] for one in row["runs"]]
          for row in result["architectures"]}
for name in ("causal", "anticausal", "linear", "parallel, layers added"):
    gap = welch_difference(head_1[name], head_1["parallel"])
    print(f"{name:22} less parallel: {gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]")

gap = welch_difference(head_1["linear"], head_1["anticausal"])
print(f"{'linear':22} less anticausal: {gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]")

# %% [markdown]
# <details><summary><b>What came out, and what can be said about it?</b></summary>
#
# **Every model with $n = 4$ is behind $n = 1$**, and no interval in the last column reaches zero. At this size, after so little training, the extra targets cost head 1 something. The paper sees the same in its small code models (0.3B and 0.6B, Table S7; notebook 01).
#
# **A shallower path is not the whole reason.** In the linear, the anticausal and the enlarged model head 1 ends a path of ten layers, as with $n = 1$, and all three are behind too. What all five share is a trunk that serves four losses at once. That this is the reason is a guess: our runs do not prove it.
#
# **Among the five**, the one with added layers comes first; it is also the largest. At equal size the parallel tree comes first, as it does in the paper on MBPP and HumanEval. The causal tree comes last here. In the paper, on MBPP, that is the anticausal one. Which of linear and anticausal is better, our runs cannot say: that interval holds zero.
#
# **As for drafts**, the middle of the picture: with all five a forward gives 1.70 to 1.77 tokens of at most 4, along held-out text. The judge is each model's own head 1, so this says how well the heads agree with it, not how good it is. The choice of the tree changes it little.
#
# </details>
#
# **What neither table proves.** The paper gives *one* number for each kind and no spread: we cannot tell how far a second run would have come out elsewhere. And its own columns disagree. Linear heads are second on MBPP (33.6) and fourth on HumanEval (21.9). Parallel ones are first on both and last on APPS (1.6). Ours has several runs, but of tiny models, stopped early (1,500 steps see a good third of the text once), on stories from a grammar. Longer training may close the gaps or change the order. And five intervals at 95 % are five chances to be wrong: if they were independent, one of them would miss in about every fourth such table ($1 - 0.95^5 = 0.23$).
#
# > **What can go wrong**
# >
# > * **Counting a model's layers twice.** `n_layers` counts the trunk *and* the transformer heads. A model with `n_layers=6, n_future=4` has a trunk of two.
# > * **Comparing unequal models.** "Layers added" has more parameters than the rest, and linear heads a few more. A better number may just be a bigger model.
# > * **Forgetting the norm.** Heads read the latent as it is, before the final norm. Whoever norms it first can load Meta's released weights without an error, and gets other predictions.
# > * **Skipping heads in an anticausal model.** Its head 1 needs all of them, also when you write one token at a time.
# > * **One seed.** Look at how far the dots of one row lie apart, and think of what you would have concluded from one of them.
#
# ## To take with you
#
# * A model is a trunk, which runs once, and $n$ heads. A head is a layer like any other.
# * Moving $n-1$ layers keeps the number of parameters and makes the trunk shallower.
# * In a small model with a large vocabulary nearly all parameters sit in the embedding and the unembedding.
# * An architecture is a tree: what each head reads. Which heads must run follows from it, and with it the cost of writing text.
#
# <details><summary><b>Think further.</b> Draw a fifth tree: heads 1 and 2 on the trunk, head 3 on head 1, head 4 on head 2. Which heads must run for head 1 alone, and for heads 1 to 3? Training can go backward through one head after another (the next lesson). In which order must it visit these four?</summary>
#
# Head 1 alone needs only itself. Heads 1 to 3 need heads 1 and 3, and head 2 because it is asked for: three of four. The backward finishes a head's children before the head itself: head 3 before head 1, and head 4 before head 2. Which of the two branches goes first does not matter. This works for every tree; the next lesson shows why it saves memory.
#
# </details>
#
# **Do it yourself.** `mtp-edu run head-kinds` in a terminal trains all of this again (about an hour on one CPU core; what was interrupted goes on with the next call). `--seeds 0 1 2 3 4` adds seeds, `--quick` only shows that it works.
#
# ## The result once more, as a plain picture

# %%
views.head_kinds_chart(result)
