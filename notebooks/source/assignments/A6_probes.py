# %% [markdown]
# # Assignment 6. Looking inside: induction heads
#
# **After this assignment you can** compute where every attention head looks, find induction heads by a score, take heads out of a model with hooks, and tell by an ablation with a control what a model needs. At the end you ask a question of your own models and answer it in writing.
#
# *20 points, about three hours. A laptop is enough; the models at the end train in half a minute each. Read notebook 07 first. Nothing from A1 to A5 is needed. A6.5 calls your functions from the questions before it.*
#
# **How it works.** You write five functions, and a text. Under each function stands a check: it runs in a few seconds and says what is wrong. Its models are random, or have weights that were set by hand so that their induction heads are known. The score comes from the same checks on cases that you do not see; a question counts in full or not at all. The text is read by a person, who gives points by the table that stands there.
#
# **What you may use:** torch, Python, and the pieces in the table below. The package's own patterns, scores and ablation refuse to run while a check is at work. **What is taken over** when your notebook is graded: your functions, and the functions, classes, imports and assigned names that they use; and your text.
#
# **Letters:** `B` rows, `T` positions, `H` attention heads, `E` width of one attention head, `V` vocabulary. *Head* means an attention head here, not a head of the head tree; it is named (layer, head), both from 0. Layers are the blocks that the next token's prediction runs through: the trunk's, then head 1's own.

# %%
import random

import torch
from einops import rearrange

import mtp_edu as mtp
from mtp_edu import grading
from mtp_edu.attention_heads import head_1_blocks
from mtp_edu.tasks import RepeatTask
from mtp_edu.trunk import rotate

# %% [markdown]
# ## The pieces
#
# | piece | what it does |
# | --- | --- |
# | `head_1_blocks(model)` | the list of layers; `block(x, context)` runs one, (B, T, D) to (B, T, D) |
# | `model.embedding(tokens)`, `model.context(tokens)` | what the first layer reads; what all layers must know |
# | `block.attention_norm(x)` | the norm before a layer's attention |
# | `block.attention.wq`, `.wk`, `.wv`, `.wo` | its four matrices; `.head_dim` is E |
# | `rotate(q, context.rope)` | rotary angles for (B, H, T, E) |
# | `model(tokens, n_future=1)` | logits (B, T, 1, V) of the next token alone |
#
# There may be fewer key/value heads than attention heads; each then serves several attention heads that stand side by side. The H heads' outputs stand side by side as well, E numbers each, when `wo` reads them.

# %% [markdown]
# ## A6.1 Where does each head look?
#
# *4 points · difficulty ●●●●○ · about 35 minutes · about 12 lines*
#
# The attention pattern of a head: `[b, h, t, s]` is the weight with which place t looks at place s. Rows sum to 1, and nothing later is seen. The model's fast attention never holds these numbers, so compute them again: queries and keys of the normed latent, rotary angles, scores divided by $\sqrt{E}$, the mask, the softmax. Return one pattern for each layer, without changing the model.
#
# <details><summary><b>Hint 1</b></summary>
#
# You need what each layer reads. Walk: begin with the embedding, and after each layer's pattern let the layer itself run, to get what the next one reads.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `rearrange(w(y), "b t (h e) -> b h t e", e=E)` works for queries and for the fewer keys alike. `k.repeat_interleave(times, dim=1)` gives each query head its own. `torch.ones(T, T, dtype=torch.bool).triu(1)` is True where s is later than t.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A6-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
@torch.no_grad()
def patterns(model, tokens):
    """tokens (B, T)  ->  list with one pattern (B, H, T, T) for each layer."""
    ### BEGIN SOLUTION
    context, x, found = model.context(tokens), model.embedding(tokens), []
    later = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
    for block in head_1_blocks(model):
        attention, y = block.attention, block.attention_norm(x)
        q, k = (rearrange(w(y), "b t (h e) -> b h t e", e=attention.head_dim) for w in (attention.wq, attention.wk))
        q, k = rotate(q, context.rope), rotate(k, context.rope)
        k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)  # (B, H, T, E)
        scores = q @ k.mT / attention.head_dim**0.5  # (B, H, T, T)
        found.append(scores.masked_fill(later, -torch.inf).softmax(-1))
        x = block(x, context)
    return found
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A6-1-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A6.1", patterns)
### BEGIN HIDDEN TESTS
grading.check("A6.1", patterns, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A6.1.** What the kernel does in one piece, in five.
#
# *Usual mistakes.* Forgetting `attention_norm`, the rotary angles, or the square root. Zeros after the softmax in place of minus infinity before it. `repeat` for `repeat_interleave`: query heads get another head's keys. The trunk's blocks alone: head 1 has a block too.

# %% [markdown]
# ## A6.2 The score of an induction head
#
# *3 points · difficulty ●●●○○ · about 25 minutes · about 6 lines*
#
# An induction head at a token that has come before looks at what **followed** it then. In `Q K Z Q` the second `Q` looks at `K`: at place 1, because place 0 holds the same token as place 3.
#
# Take one layer's pattern and its tokens. A place t counts if its token has come before in the row; its weight is the sum of `pattern[b, h, t, s]` over all s, not later than t, with `tokens[b, s - 1] == tokens[b, t]`. The **prefix-matching score** of a head is the mean of that weight over all places that count, of all rows together. It must work for any text, not only for tokens that come back after a fixed number of places.
#
# <details><summary><b>Hint 1</b></summary>
#
# Shift the tokens by one, so that place s holds what stood before it; put something there that is no token for s = 0. Compare with `tokens[:, :, None]`: that is (B, T, T), True where t should look.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `.tril()` takes away what is later. A place counts if its row of that table holds a True: `.any(-1)`, (B, T). A mask of shape (B, T) may index the first two dimensions of a tensor (B, T, H).
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A6-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def prefix_matching(pattern, tokens):
    """pattern (B, H, T, T), tokens (B, T)  ->  scores (H,)."""
    ### BEGIN SOLUTION
    before = tokens.roll(1, dims=1)
    before[:, 0] = -1
    match = (tokens[:, :, None] == before[:, None]).tril()  # (B, T, T)
    weight = (pattern * match[:, None]).sum(-1)  # (B, H, T)
    return weight.transpose(1, 2)[match.any(-1)].mean(0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A6-2-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
grading.check("A6.2", prefix_matching)
### BEGIN HIDDEN TESTS
grading.check("A6.2", prefix_matching, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A6.2.** A table of where each place should look, times where it does look.
#
# *Usual mistakes.* The weight on the earlier copy itself: that is a duplicate-token head. The mean over all places, also those with a new token. A diagonal at a fixed distance, which is right for one period alone.

# %% [markdown]
# ## A6.3 Its helper
#
# *1 point · difficulty ●○○○○ · about 10 minutes · about 2 lines*
#
# A previous-token head looks at the place just before. Its score is the mean weight on it, over all places that have one, of all rows.
#
# <details><summary><b>Hint 1</b></summary>
#
# In the square [t, s] these weights form a line beside the diagonal. On which side?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `diagonal(offset, dim1=2, dim2=3)` is (B, H, T - 1) for the offsets 1 and -1; one of them is all zeros.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A6-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def previous_token(pattern):
    """pattern (B, H, T, T)  ->  scores (H,)."""
    ### BEGIN SOLUTION
    weights = pattern.diagonal(-1, dim1=2, dim2=3)  # (B, H, T - 1)
    return weights.mean((0, 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A6-3-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
grading.check("A6.3", previous_token)
### BEGIN HIDDEN TESTS
grading.check("A6.3", previous_token, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A6.3.** s = t - 1 lies below the diagonal.
#
# *Usual mistakes.* The offset 1, which is what no place may see. Dividing by T.

# %% [markdown]
# ## A6.4 Without these heads
#
# *4 points · difficulty ●●●●○ · about 35 minutes · about 12 lines*
#
# Take heads out of the model: what each of them writes is replaced by its **mean over all rows and positions** of this forward. That tells nothing of the text, and leaves the constant that later layers are used to. Silence the heads in `heads`, a list of (layer, head), perhaps several of one layer, perhaps none. Return the logits of the next token, (B, T, V). Afterwards the model must be what it was.
#
# A *hook* does it: `module.register_forward_pre_hook(f)` calls `f(module, inputs)` before the module runs; what f returns takes the place of the inputs; `handle.remove()` on what it gave you ends that.
#
# <details><summary><b>Hint 1</b></summary>
#
# Where do the heads' outputs still stand side by side? Just before `wo` mixes them: `wo` reads (B, T, H·E).
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# A pre-hook on `block.attention.wo`: clone `inputs[0]`, replace the columns `h * E` to `(h + 1) * E` by their mean over the dimensions 0 and 1, return it. One hook for each head in the list is fine: they run one after the other. Remove them in a `finally`. A function made in a loop sees the loop's *last* value: bind it as a default argument.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A6-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
@torch.no_grad()
def silenced(model, tokens, heads):
    """tokens (B, T), heads: list of (layer, head)  ->  logits of the next token (B, T, V), without these heads."""
    ### BEGIN SOLUTION
    blocks, width, handles = head_1_blocks(model), model.cfg.head_dim, []
    try:
        for layer, head in heads:

            def silence(module, inputs, own=slice(head * width, (head + 1) * width)):
                x = inputs[0].clone()
                x[:, :, own] = x[:, :, own].mean((0, 1))
                return x

            handles.append(blocks[layer].attention.wo.register_forward_pre_hook(silence))
        return model(tokens, n_future=1)[:, :, 0]
    finally:
        for handle in handles:
            handle.remove()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A6-4-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A6.4", silenced)
### BEGIN HIDDEN TESTS
grading.check("A6.4", silenced, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A6.4.** Before `wo` each head still has numbers of its own.
#
# *Usual mistakes.* A hook behind `wo`: all heads of the layer are silenced. Every H-th number. Hooks that stay: everything measured afterwards is of another model. A closure that sees the loop's last head. Zeros, which take away more than the head's message.

# %% [markdown]
# ## A6.5 Are they needed?
#
# *3 points · difficulty ●●●○○ · about 35 minutes · about 12 lines*
#
# Now the experiment. Find the `count` heads with the highest prefix-matching score on these tokens. Measure the accuracy of the next token on `targets` (B, T), where they are not -100: intact, without the found heads, and `draws` times without as many *other* heads, drawn at random with `rng` (a `random.Random`). That is the **control**: does *any* loss of two heads do such harm?
#
# A set of the control must hold neither a found head nor a **helper**, a head whose `previous_token` score is 0.5 or more: induction needs that one as well, and its loss would look like chance.
#
# <details><summary><b>Hint 1</b></summary>
#
# Make a dict {(layer, head): score} of all heads first; what is found, what is a helper and what is left over are one line each.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `sorted(scores, key=scores.get, reverse=True)[:count]`. `rng.sample(others, count)` draws without putting back, a new set at each call. The accuracy is a function of a list of heads, `[]` included.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A6-5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def needed(model, tokens, targets, count, draws, rng):
    """tokens, targets (B, T), targets -100 where there is none  ->  a dict:
    "found": list of `count` heads (layer, head); "intact", "without": accuracies, whole and without the found heads;
    "control": list of `draws` pairs (list of `count` heads, accuracy without them)."""
    ### BEGIN SOLUTION
    scores, helpers = {}, set()
    for layer, pattern in enumerate(patterns(model, tokens)):
        for head, score in enumerate(prefix_matching(pattern, tokens).tolist()):
            scores[layer, head] = score
        helpers |= {(layer, head) for head, score in enumerate(previous_token(pattern)) if score >= 0.5}
    found = sorted(scores, key=scores.get, reverse=True)[:count]
    others = [head for head in scores if head not in found and head not in helpers]

    def accuracy(heads):
        right = silenced(model, tokens, heads).argmax(-1) == targets
        return float(right[targets != -100].double().mean())

    control = [(heads, accuracy(heads)) for heads in (rng.sample(others, count) for _ in range(draws))]
    return {"found": found, "intact": accuracy([]), "without": accuracy(found), "control": control}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A6-5-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
grading.check("A6.5", needed)
### BEGIN HIDDEN TESTS
grading.check("A6.5", needed, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A6.5.** The check's models have two induction heads of which either can do the work alone: silencing one changes nothing.
#
# *Usual mistakes.* Controls that hold found heads, or the helper. One set drawn before the loop. The accuracy over places that have no target. The lowest scores, or (head, layer) for (layer, head).

# %% [markdown]
# ## A6.6 A question of your own
#
# *5 points, given by a person · about 50 minutes · at most 300 words*
#
# Train models of the kind of notebook 07 and ask: **is the head with the highest score the one that the model needs?** Look at three seeds at least. What you change is up to you: the number of layers or heads, the tokens, single heads against pairs. Below is a cell that trains one and calls your functions. A result that contradicts what you expected is as good as one that confirms it.
#
# Some runs do not learn the task: *intact* stays far below 1, and then no head does what you ask about. Say beforehand from which accuracy on a run counts, and train other seeds for those that do not. For pairs, two layers of two heads are too few: with two heads found and one helper, no pair is left for the control, and `rng.sample` raises an error. `report(1, count=2, n_layers=3)` has enough.
#
# | one point each | full point | no point |
# | --- | --- | --- |
# | **Claim** | one sentence that your numbers could have proved wrong, stated before them | a topic, or what cannot be wrong |
# | **Evidence** | the numbers behind it, of three seeds or more, with their spread | one seed, a picture without numbers, or runs left out by no rule stated before |
# | **Control** | the same harm done to other heads, and why these are the right ones to compare with | only the found heads are silenced |
# | **Another explanation** | one that fits your numbers too, and the measurement that would tell the two apart | none, or one that your numbers exclude already |
# | **Limits** | what your models and texts do not tell about large ones | a general doubt that fits any experiment |

# %%
def trained(seed, steps=300, n_layers=2, n_attention_heads=2):
    """A model that has learnt to continue random tokens that repeat, half a minute; and the task."""
    task = RepeatTask(seed=seed)
    cfg = mtp.ModelConfig(vocab_size=task.vocab_size, max_seq_len=task.length, dim=32, n_layers=n_layers,
                          n_attention_heads=n_attention_heads, n_future=1)  # fmt: skip
    model = mtp.MultiTokenModel(cfg, seed=seed)
    config = mtp.TrainConfig(steps=steps, batch_size=32, learning_rate=8e-3, warmup_steps=20, decay_ratio=1.0,
                             seed=seed, device="cpu")  # fmt: skip
    for _ in mtp.train(model, task.windows(steps * 32, 1), config, quiet=True):
        pass
    return model, task


def report(seed, count=1, draws=5, **shape):
    """What `needed` says of a trained model, on rows that it has not seen."""
    model, task = trained(seed, **shape)
    tokens, targets = task.windows(64, split="test").batch(range(64))
    out = needed(model, tokens, targets[:, :, 0], count, draws, random.Random(seed))
    control = ", ".join(f"{accuracy:.2f} without {heads}" for heads, accuracy in out["control"])
    print(f"seed {seed}: intact {out['intact']:.2f}, {out['without']:.2f} without {out['found']}; control: {control}")


report(0)

# %% [markdown] nbgrader={"grade": true, "grade_id": "A6-6", "locked": false, "points": 5, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# *One answer that has all five points; others are as good.*
#
# **Claim.** In models of two layers with two heads each that have learnt the task (intact accuracy 0.9 or more), taking out the head with the highest prefix-matching score costs more accuracy than taking out the other head of its layer, in every seed.
#
# **Evidence.** Seeds 0 to 7, each on 64 rows that were not trained on. Seeds 2 and 7 have not learnt it (intact 0.33 and 0.75) and are left out by that rule; the others have 0.95 to 1.00. Taking out the first head costs 0.63, 0.60, 0.43, 0.62, 0.24, 0.53; the other head 0.00, 0.03, 0.21, 0.03, 0.13, 0.06. The difference is 0.43 in the mean, from 0.11 to 0.63: the claim holds in these six. (Your own numbers will be others.)
#
# **Control.** The other head of the *same* layer: heads of layer 0 are no fair comparison, since they prepare what the first head reads. Against them the claim would have failed: in seeds 1, 5 and 6 the head of layer 0 that is *no* helper by its score costs more than the first head does.
#
# **Another explanation.** The head might matter because it writes most, not because of where it looks. To tell these apart, replace its pattern by an even one and leave its values: if the harm is the same, the place it looks at is what counts.
#
# **Limits.** Random tokens leave nothing but induction to learn; in a language model other heads may take over, and a score on random tokens says little about what a head does in text.
# ### END SOLUTION

# %% [markdown]
# ## To take with you
#
# * A score says where a head looks; only an ablation says whether it is needed, and only against a control.
# * Silencing one of two heads that do the same work shows nothing. Silence them together.
# * What you measure with hooks still in place is another model.
#
# To hand in, save the notebook and submit the file. Its name must still hold `A6`.
