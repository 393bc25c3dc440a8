# %% [markdown]
# # Assignment 4. Greedy self-speculative decoding
#
# **After this assignment you can** verify a line of drafts, run blocks of tokens over a key/value cache, write the whole of greedy self-speculative decoding for one text and for a batch, and show that it writes the same text as plain decoding in fewer forwards.
#
# *20 points, about three hours. A laptop is enough, nothing here trains. Read notebook 05 first. Nothing from A1 to A3 is needed: the model is the package's own. A4.3 to A4.5 call your functions from the questions before them.*
#
# **How it works.** You write five functions. Under each stands a check: it runs in a few seconds and says what is wrong, in the order value, subtle cases, resources. It compares with forwards over whole texts without any cache, in float64, where "the same text" has no exceptions; its models are random and so loud that every token of the context matters; and it counts the forwards. The score comes from the same checks on cases that you do not see. A question counts in full or not at all.
#
# **What you may use:** torch, Python, and the pieces in the tables below. The package's own decoding refuses to run while a check is at work. **What is taken over** when your notebook is graded: your functions, and the functions, classes, imports and assigned names that they use.
#
# **Letters:** `B` rows, `T` tokens of a forward, `S` slots of a cache, `D` width, `V` vocabulary, `n` future tokens (`model.cfg.n_future`). Head k = 1 is the next token and stands at index k-1 = 0. A **block** has k = n tokens: the last committed token and k-1 drafts.

# %%
import torch

import mtp_edu as mtp
from mtp_edu import grading
from mtp_edu.trunk import Context, KVCache

# %% [markdown]
# ## A4.1 Verify a line of drafts
#
# *3 points · difficulty ●○○○○ · about 15 minutes · about 5 lines*
#
# One forward over a block gives head 1's **verdict** behind each of its k tokens: what head 1 would write there. `verdicts[0]` stands behind the committed token, `verdicts[i]` behind the i-th draft. With a committed token `7`:
#
# | block | 7 | 4 | 9 | 2 |
# | --- | --- | --- | --- | --- |
# | draft | | 4 | 9 | 2 |
# | verdict behind it | 4 | 9 | 5 | 8 |
#
# The drafts `4` and `9` are what head 1 says itself; for `2` it says `5`. So two drafts are kept, and the step adds `4 9 5`. The verdict `8` follows a token that is not in the text and is worth nothing.
#
# Return how many drafts are kept, and the tokens that the step adds: here `(2, [4, 9, 5])`.
#
# <details><summary><b>Hint 1</b></summary>
#
# Which verdict judges the first draft? It is the one that was given *before* head 1 has read that draft.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Count up from 0 while `drafts[kept] == verdicts[kept]`. Whatever the count is in the end, `verdicts[kept]` is given behind a token that is right.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A4-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def accept(drafts, verdicts):
    """drafts: list of k-1 ids, verdicts: list of k ids  ->  (number of drafts kept, list of the tokens that are added)."""
    ### BEGIN SOLUTION
    kept = 0
    while kept < len(drafts) and drafts[kept] == verdicts[kept]:
        kept += 1
    return kept, [*drafts[:kept], verdicts[kept]]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A4-1-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
grading.check("A4.1", accept)
### BEGIN HIDDEN TESTS
grading.check("A4.1", accept, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A4.1.** The tokens added are the verdicts up to and including the first that no draft has foreseen.
#
# *Usual mistakes.* Comparing draft i with the verdict behind draft i. Counting all that agree instead of those up to the first that does not. Adding nothing when no draft is kept, or no further token when all are. Taking head 1's token from the block's end.

# %% [markdown]
# ## The pieces of the questions that follow
#
# | piece | what it does |
# | --- | --- |
# | `empty_caches(model, rows, places)` | below: `(trunk_caches, head_caches)`, for all layers |
# | `trunk_caches[0].keys` | (B, heads, S, E): S is the number of slots |
# | `Context(rope, slots, mask)` | what every layer must know; see the next lines |
# | `model.rope_at(positions)` | `rope`: the rotary angles of positions (B, T) |
# | `slots` (B, T) | the slot into which each token's keys and values are written |
# | `mask` (B, 1, T, S), bool | which slots each token may look at |
# | `model.trunk(model.embedding(tokens), context, trunk_caches)` | (B, T) ids to the trunk's latent (B, T, D) |
# | `model.heads(z, context, range(n), head_caches)` | a list of the n heads' latents, (B, T, D) each |
#
# Each layer first writes the new keys and values into their slots, then looks through the mask.

# %%
def empty_caches(model, rows, places):
    """Caches of all layers with `places` slots: a list for the trunk, and a list of such lists for the heads."""

    def layers(depth):
        weight = model.norm.weight
        return [KVCache(model.cfg, rows, places, weight.device, weight.dtype) for _ in range(depth)]

    return layers(model.cfg.n_trunk_layers), [layers(head.depth) for head in model.heads]


# %% [markdown]
# ## A4.2 A block over a cache
#
# *5 points · difficulty ●●●●○ · about 40 minutes · about 8 lines*
#
# Keys and values of tokens that were read once are kept. So a step reads only its block, and each token of the block looks at the cache. Run T tokens of each row over the caches, with the pieces above.
#
# A token at position p belongs into slot p, and may look at nothing later than itself. **Rows may stand at different positions:** row b's block begins at `start[b]`. Nothing is ever erased: what a refused draft has written is hidden by the mask until the next block is written over it.
#
# <details><summary><b>Hint 1</b></summary>
#
# The positions of all tokens, (B, T), are `start` and 0 to T-1 added up: two tensors whose shapes must meet. The slots are the same numbers.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# A token at position p may look at the slots 0 to p, its own included. Compare `torch.arange(S)` with `positions[..., None]`, (B, T, 1), and add the dimension that the attention heads share.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A4-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
@torch.no_grad()
def run_block(model, caches, tokens, start):
    """caches as of empty_caches, tokens (B, T), start (B,)  ->  list of the n heads' latents, (B, T, D) each."""
    ### BEGIN SOLUTION
    trunk_caches, head_caches = caches
    positions = start[:, None] + torch.arange(tokens.shape[1])  # (B, T)
    slots = torch.arange(trunk_caches[0].keys.shape[2])  # (S,)
    mask = (slots <= positions[..., None])[:, None]  # (B, 1, T, S)
    context = Context(model.rope_at(positions), positions, mask)
    z = model.trunk(model.embedding(tokens), context, trunk_caches)  # (B, T, D)
    return model.heads(z, context, range(model.cfg.n_future), head_caches)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A4-2-check", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
grading.check("A4.2", run_block)
### BEGIN HIDDEN TESTS
grading.check("A4.2", run_block, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A4.2.** One table of positions decides everything: angles, slots, and the mask.
#
# *Usual mistakes.* A causal mask over the block alone: the text before it is not seen. Positions that begin at 0 in every block. `slots < positions`: a token does not see itself. A mask of ones: stale entries of refused drafts are seen. `start[0]` for all rows. Appending to the cache instead of writing at the position: what was refused stays in it.

# %% [markdown]
# ## A4.3 One speculative step
#
# *4 points · difficulty ●●●○○ · about 30 minutes · about 7 lines*
#
# Now the step, for one row. `block` is a list of k ids whose first stands at position `start`; everything before it is in the caches. **One** forward over the block both verifies and drafts: head 1's most likely token behind each token of the block is the verdict, and at the *last kept* token all heads together say how the text goes on. That is the next block: head 1's own token, and the drafts of heads 2 to k.
#
# `model.unembed(x, i)` gives the logits of the head at index i from its latents x, (..., D) to (..., V). Return the tokens that the step adds, and the next block.
#
# <details><summary><b>Hint 1</b></summary>
#
# `run_block` wants a tensor (1, k) and a start (1,). Its first latent gives the verdicts, for `accept`. At which index of the block does the last kept token stand, if `kept` drafts were kept?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Index 0 is the committed token, so the last kept one has the index `kept`. The next block is one argmax for each head, all at that index. Its first token is the last one that `accept` has returned; see that it is.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A4-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
@torch.no_grad()
def speculative_step(model, caches, block, start):
    """block: list of k ids, start: position of the first  ->  (list of the tokens added, list of the next block)."""
    ### BEGIN SOLUTION
    latents = run_block(model, caches, torch.tensor([block]), torch.tensor([start]))
    verdicts = model.unembed(latents[0][0], 0).argmax(-1)  # (k,)
    kept, tokens = accept(block[1:], verdicts.tolist())
    following = [int(model.unembed(x[0, kept], i).argmax()) for i, x in enumerate(latents)]
    return tokens, following
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A4-3-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A4.3", speculative_step)
### BEGIN HIDDEN TESTS
grading.check("A4.3", speculative_step, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A4.3.** The same latents twice: head 1's at all places, all heads' at one.
#
# *Usual mistakes.* Drafts from the block's end, where the heads have read refused drafts: the text stays right and the drafts get worse. Heads 1 to k-1 as drafts. A second forward to draft. The index `kept - 1` or `kept + 1`.

# %% [markdown]
# ## A4.4 The whole text
#
# *4 points · difficulty ●●●○○ · about 35 minutes · about 14 lines*
#
# From a prompt (a list of ids) write `count` new tokens, or fewer: a stop id ends the text and is its last token, *wherever in an accepted run it comes*. The prompt's own forward gives the first new token and the first drafts; each further forward is one step. Return the new tokens, and the number of forwards **after** the prompt's.
#
# The text must be the one of plain greedy decoding. The check counts: not one forward more than the drafts allow, and none behind a stop id. Prompt and text together have at most `model.cfg.max_seq_len` tokens; the last block may look up to k places further, so the caches need `len(prompt) + count + k` slots.
#
# <details><summary><b>Hint 1</b></summary>
#
# The prompt is a block like any other, with start 0, of which everything is kept. Its last place gives the first block. Where does the block's first token stand, after t new tokens?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# At `len(prompt) + t - 1`: it is the last of the t tokens. Take over a step's tokens one by one, and stop in the middle if one is a stop id or the count is reached.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A4-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
@torch.no_grad()
def generate(model, prompt, count, stop_ids=()):
    """prompt: list of ids, count >= 1  ->  (list of the new tokens, number of forwards after the prompt's)."""
    ### BEGIN SOLUTION
    caches = empty_caches(model, 1, len(prompt) + count + model.cfg.n_future)
    latents = run_block(model, caches, torch.tensor([prompt]), torch.tensor([0]))
    block = [int(model.unembed(x[0, -1], i).argmax()) for i, x in enumerate(latents)]
    tokens, forwards = block[:1], 0
    while len(tokens) < count and tokens[-1] not in stop_ids:
        new, block = speculative_step(model, caches, block, len(prompt) + len(tokens) - 1)
        forwards += 1
        for token in new:
            tokens.append(token)
            if token in stop_ids or len(tokens) == count:
                break
    return tokens, forwards
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A4-4-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A4.4", generate)
### BEGIN HIDDEN TESTS
grading.check("A4.4", generate, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A4.4.** The loop knows nothing but where the last committed token stands.
#
# *Usual mistakes.* Moving on by k after every step: refused drafts stay in the text's past. Looking for a stop id only at the end of a step. Going past `count`. Throwing the prompt's drafts away and beginning with a plain step. Reading the whole text again at every step: the same tokens, none of the gain.

# %% [markdown]
# **On a trained model.** (The cell works once A4.4 does.)
#
# > **Predict:** `python-4` has four heads. How many tokens does a forward write at most? How many, about, will it be?

# %%
def on_a_trained_model(text="def read_lines(path):\n    with open(", count=48):
    """Continue a text; the first token comes with the prompt's own forward."""
    model, tok = mtp.load_pretrained("python-4")
    tokens, forwards = generate(model.double(), tok.encode(text), count)  # where "the same" has no exceptions
    print(text + tok.decode(tokens))
    print(f"{forwards} forwards after the prompt's, {(len(tokens) - 1) / forwards:.2f} tokens per forward")


on_a_trained_model()

# %% [markdown]
# ## A4.5 A batch
#
# *4 points · difficulty ●●●●● · about 60 minutes · about 24 lines*
#
# The same for several prompts of different lengths, with one forward for all rows. Rows keep different numbers of drafts, so they soon stand at different positions; some end before others. A row that has ended stays where it is and its text does not change; the others must not wait for it, nor for the row that keeps the fewest drafts. Return a list of lists. The check allows the prompt's forward and as many steps as the slowest row needs alone.
#
# Prompts are padded **on the right** to the longest, with any id. Nothing sees the padding, since a row's own tokens are written over it first.
#
# <details><summary><b>Hint 1</b></summary>
#
# Keep three things for each row: its new tokens, its block, its start. The start follows from the prompt's length and the number of new tokens, and so a row that has ended stays by itself. Which place of a padded prompt gives a row's first block?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# The last of its *own* tokens. With `rows = torch.arange(B)` and one place for each row, `latent[rows, places]` is (B, D): behind the prompt as behind each block. `accept` still works on one row at a time.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A4-5", "locked": false, "schema_version": 3, "solution": true, "task": false}
@torch.no_grad()
def generate_batch(model, prompts, count, stop_ids=()):
    """prompts: list of B lists of ids  ->  list of B lists of new tokens."""
    ### BEGIN SOLUTION
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    longest, rows = int(lengths.max()), torch.arange(len(prompts))
    caches = empty_caches(model, len(prompts), longest + count + model.cfg.n_future)
    texts = [[] for _ in prompts]

    def unfinished(text):
        return not text or (len(text) < count and text[-1] not in stop_ids)

    def blocks(latents, places):
        return torch.stack([model.unembed(x[rows, places], i).argmax(-1) for i, x in enumerate(latents)], dim=1)

    padded = torch.tensor([prompt + [0] * (longest - len(prompt)) for prompt in prompts])  # (B, P)
    block = blocks(run_block(model, caches, padded, torch.zeros_like(lengths)), lengths - 1)  # (B, k)
    new = block[:, :1].tolist()
    while True:
        for text, tokens in zip(texts, new):
            for token in tokens:
                if unfinished(text):
                    text.append(token)
        if not any(unfinished(text) for text in texts):
            return texts
        start = lengths + torch.tensor([len(text) - 1 for text in texts])
        latents = run_block(model, caches, block, start)
        verdicts = model.unembed(latents[0], 0).argmax(-1).tolist()
        kept, new = zip(*(accept(drafts, own) for drafts, own in zip(block[:, 1:].tolist(), verdicts)))
        block = blocks(latents, torch.tensor(kept))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A4-5-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A4.5", generate_batch)
### BEGIN HIDDEN TESTS
grading.check("A4.5", generate_batch, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A4.5.** Nothing is re-padded and no cache is moved: each row has a start of its own, and the shapes never change. A row that has ended goes on computing at its place; nobody reads what it says.
#
# *Usual mistakes.* The first token of a short prompt read at the padding. One position for all rows. Moving all rows on by the fewest kept drafts: right, and slow. A finished row that goes on, until its positions leave the cache. One forward for each prompt.

# %% [markdown]
# ## To take with you
#
# * A verdict judges the token *behind* it. Everything else follows from that.
# * Nothing is rolled back: a position is a slot, and what was refused is written over before anyone may look.
# * Drafts decide how many forwards a text takes, never the text. So a bug in drafting shows in the count, not in the words: compare both.
#
# To hand in, save the notebook and submit the file. Its name must still hold `A4`.
