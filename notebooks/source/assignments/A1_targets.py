# %% [markdown]
# # Assignment 1. Targets, masks and the n-token loss
#
# **After this assignment you can** build the targets of every head for any batch, keep them inside their documents and out of the padding, and compute the loss that multi-token prediction trains on, also over micro-batches.
#
# *20 points, about two hours. A laptop is enough, nothing here trains. Read notebook 01 first.*
#
# **How it works.** You write five functions. Under each stands a check: it runs in a second and says what is wrong, in the order shape, values, subtle cases. Run it as often as you like. The score comes from the same checks on cases that you do not see, so a function that only knows the visible cases gets nothing. A question counts in full or not at all.
#
# **What you may use:** torch, Python, and what the question names. The package has an answer to each question too, and it refuses to run while a check is at work. **What is taken over** when your notebook is graded: your functions, and the functions, classes, imports and assigned names that they use. Printing, plotting and timing in other cells do no harm.
#
# **Letters:** `B` rows, `L` tokens of a row, `T` positions, `V` vocabulary, `n` future tokens. Head k = 1 is the next token and stands at index k-1 = 0.

# %%
import torch
from torch.nn import functional as F

from mtp_edu import grading

# %% [markdown]
# ## A1.1 The targets of every head
#
# *3 points · difficulty ●○○○○ · about 15 minutes · about 5 lines*
#
# At position $t$, head $k$ must name the token $x_{t+k}$. Where the row has ended there is no target: write $-100$. For the row `10 11 12 13` and $n = 2$:
#
# | position | head 1 | head 2 |
# | --- | --- | --- |
# | 0 | 11 | 12 |
# | 1 | 12 | 13 |
# | 2 | 13 | -100 |
# | 3 | -100 | -100 |
#
# A row may be shorter than $n$.
#
# <details><summary><b>Hint 1</b></summary>
#
# Begin with a tensor that is $-100$ everywhere. Head k's column is the row itself, moved to the left by k. Which slice of the row is left over, and how many places does it fill?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `tokens[:, k:]` has L - k columns. They go to the first L - k positions of `targets[..., k - 1]`. For k of L or more nothing is left: stop before.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A1-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def future_targets(tokens, n):
    """tokens (B, L) of int64, n >= 1  ->  targets (B, L, n) of int64, -100 where there is none."""
    ### BEGIN SOLUTION
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        targets[:, : L - k, k - 1] = tokens[:, k:]
    return targets
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A1-1-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
grading.check("A1.1", future_targets)
### BEGIN HIDDEN TESTS
grading.check("A1.1", future_targets, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A1.1.** Column k-1 is the row without its first k tokens; the last k places stay $-100$. `min(n, L - 1)` matters: for k = L the slice `[: L - k]` is `[:0]` and right by luck, for k > L it is `[:-1]` and wrong.
#
# *Usual mistakes.* Index k instead of k-1, so that head 1 copies its own token (the loss falls to 0 within a minute). `torch.roll`, which puts the first tokens behind the last. Zeros past the end: 0 is a token. A row shorter than n.

# %% [markdown]
# ## A1.2 Where a document ends
#
# *3 points · difficulty ●●○○○ · about 15 minutes · about 3 lines*
#
# For training, documents stand in one row, each followed by an end-of-text token. Give every token the number of its document. **The end-of-text token belongs to the document that it ends.** With `E` for end-of-text, `5 6 E 7 8 E 9` becomes `0 0 0 1 1 1 2`. Any other numbers will do, as long as they are equal within a document and different between two documents of a row.
#
# <details><summary><b>Hint 1</b></summary>
#
# The number of a token's document is the number of texts that have ended *before* it.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `cumsum` along the row counts the ends up to and including each token. At an end-of-text token that is one too many.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A1-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def document_ids(tokens, eos_id):
    """tokens (B, L), the id of end-of-text  ->  numbers (B, L) of int64."""
    ### BEGIN SOLUTION
    ends = (tokens == eos_id).long()
    return ends.cumsum(1) - ends
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A1-2-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
grading.check("A1.2", document_ids)
### BEGIN HIDDEN TESTS
grading.check("A1.2", document_ids, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A1.2.** `cumsum` counts ends including the token itself; subtracting the token's own leaves those before it.
#
# *Usual mistakes.* Without `- ends` the end-of-text token starts the next document, and head 1 never learns to end a text. `cumsum(0)` counts down the batch. A mask of ends in place of a running count.

# %% [markdown]
# ## A1.3 Targets that stay at home
#
# *4 points · difficulty ●●○○○ · about 25 minutes · about 9 lines*
#
# The same as A1.1, with two masks that may be given. With `document_ids` (B, L), numbers as in A1.2, a target in another document than its *position* is $-100$. With `pad_mask` (B, L), `True` where there is padding, padding is neither a target nor a place to predict from. You may call your `future_targets`, or start anew.
#
# <details><summary><b>Hint 1</b></summary>
#
# For head k, two tokens meet: the one at t and the one at t+k. Both masks are questions about these two.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `document_ids[:, k:] != document_ids[:, :-k]` has L - k columns, one for each position that has a target k tokens on. `masked_fill` with it, before the column is stored. Two masks: one after the other.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A1-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    """tokens (B, L), n; document_ids (B, L) of int64 and pad_mask (B, L) of bool, or None  ->  (B, L, n) of int64."""
    ### BEGIN SOLUTION
    B, L = tokens.shape
    targets = torch.full((B, L, n), -100)
    for k in range(1, min(n, L - 1) + 1):
        shifted = tokens[:, k:]
        if document_ids is not None:
            shifted = shifted.masked_fill(document_ids[:, k:] != document_ids[:, :-k], -100)
        if pad_mask is not None:
            shifted = shifted.masked_fill(pad_mask[:, k:] | pad_mask[:, :-k], -100)
        targets[:, : L - k, k - 1] = shifted
    return targets
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A1-3-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A1.3", masked_targets)
### BEGIN HIDDEN TESTS
grading.check("A1.3", masked_targets, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A1.3.** Compare the two ends, t and t+k, once for every head.
#
# *Usual mistakes.* Comparing t and t+1 only: right for head 1, leaking for the others. Comparing t+k-1 and t+k: a document that is shorter than k is jumped over. Masking a position altogether as soon as its furthest target is abroad: correct, but training data are thrown away. Padding masked as a target and not as a position. `>` in place of `!=`: the numbers of documents need not rise.

# %% [markdown]
# ## A1.4 The loss of each head
#
# *6 points · difficulty ●●●○○ · about 30 minutes · about 8 lines*
#
# For each head the mean of $-\log P_k(x_{t+k} \mid x_{\le t})$, in nats, over **its own** targets: places with $-100$ count neither above nor below the line. A head without any target has loss 0. The result keeps its history, so that a gradient can flow, and logits of some hundreds must not overflow.
#
# You may use `F.cross_entropy`, `log_softmax` or `logsumexp`.
#
# <details><summary><b>Hint 1</b></summary>
#
# Do one head first: `logits[:, :, k - 1]` is (B, T, V), `targets[..., k - 1]` is (B, T). `cross_entropy` wants the classes in dimension 1: `flatten` the places, to (B·T, V) and (B·T,). Then put the n results together with `torch.stack`, which keeps their history.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# A mean over nothing is 0/0. Ask for a sum (`reduction="sum"`, and $-100$ is `cross_entropy`'s `ignore_index` already) and divide it by a count that is at least 1.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A1-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def loss_per_head(logits, targets):
    """logits (B, T, n, V), targets (B, T, n) with -100 for none  ->  mean loss of each head, (n,)."""
    ### BEGIN SOLUTION
    losses = []
    for k in range(targets.shape[-1]):
        own = targets[..., k].flatten()
        total = F.cross_entropy(logits[:, :, k].flatten(0, 1), own, reduction="sum")
        losses.append(total / (own != -100).sum().clamp(min=1))
    return torch.stack(losses)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A1-4-check", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
grading.check("A1.4", loss_per_head)
### BEGIN HIDDEN TESTS
grading.check("A1.4", loss_per_head, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A1.4.** A sum over the places with a target, divided by their number, at least 1.
#
# *Usual mistakes.* One `cross_entropy` over all heads: its mean weighs heads by their number of targets. `logits.view(B, n, T, V)`, which mixes heads and positions; a reshape is no transpose. `softmax` in front of `cross_entropy`. `nan_to_num` after a 0/0 of one's own: the loss is right and the gradient is NaN (after `cross_entropy`'s own mean it is right, and passes).

# %% [markdown]
# ## A1.5 One number to train on
#
# *4 points · difficulty ●●●○○ · about 25 minutes · about 8 lines*
#
# The paper's loss is a plain **sum** over the heads, $L_n = \sum_k w_k \cdot \frac{\text{sum of head } k\text{'s losses}}{c_k}$, with weights $w_k = 1$ and $c_k$ the number of head k's targets, unless other ones are given: the weights, the counts or both, each a list of n numbers, head 1 first. A head without any target adds 0.
#
# Why other counts? A batch that is too large is cut into micro-batches, whose losses (and gradients) are added up. If each of them divides by its own count, a micro-batch with few targets gets too much weight. So all of them divide by the counts of the *whole* batch.
#
# <details><summary><b>Hint 1</b></summary>
#
# What is divided is a sum, not a mean: your function of A1.4 has divided already.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Three lists of length n: the sums of the losses, the counts (given, or your own and at least 1), the weights (given, or ones). The result is one expression over them. A Python list times a tensor is an error: `torch.tensor(head_weights)`, or a loop over the heads.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A1-5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    """logits (B, T, n, V), targets (B, T, n); lists of n weights and n counts, or None  ->  one number, shape ()."""
    ### BEGIN SOLUTION
    loss = 0
    for k in range(targets.shape[-1]):
        own = targets[..., k].flatten()
        total = F.cross_entropy(logits[:, :, k].flatten(0, 1), own, reduction="sum")
        count = (own != -100).sum() if target_counts is None else target_counts[k]
        weight = 1.0 if head_weights is None else head_weights[k]
        loss = loss + weight * total / max(1, count)
    return loss
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A1-5-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A1.5", n_token_loss)
### BEGIN HIDDEN TESTS
grading.check("A1.5", n_token_loss, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A1.5.** Sums, then one division by the counts that were given.
#
# *Usual mistakes.* A mean over heads. `F.cross_entropy` over everything at once, which divides by all targets together. Dividing by the micro-batch's own count and by `target_counts`. Dividing by the sum of the weights. `.item()`, which cuts the gradient. Weights used only where no counts are given, or the other way round.

# %% [markdown]
# ## To take with you
#
# * Targets are the text itself, moved by k. Everything else is about where there is none.
# * Each head has its own number of targets, so each has its own mean. The loss is the sum of the means.
# * In a program that learns, a wrong target raises no error. It only makes the loss too good, or the model worse. So such code is tested before it is trained.
#
# To hand in, save the notebook and submit the file. Its name must still hold `A1`.
