# %% [markdown]
# # Assignment 5. Lossless sampling
#
# **After this assignment you can** draw from a model with temperature and top-p, verify drafts that were drawn from another distribution so that the text has exactly the target's distribution, say beforehand how many drafts will be kept, and prove the whole by enumeration.
#
# *20 points, about two and a half hours. A laptop is enough, nothing here trains. Read notebook 06 first. Nothing from A1 to A4 is needed. A5.5 and A5.6 may call your functions from the questions before them.*
#
# **How it works.** You write six functions. Under each stands a check: it runs in a second or two and says what is wrong, in the order value, subtle cases, resources. Chance never decides: **uniform random numbers come in as an argument**, so your function is an ordinary one, and a check can go through all cases with their probabilities. The score comes from the same checks on cases that you do not see. A question counts in full or not at all.
#
# **What you may use:** torch, Python, and what the questions name. The package's own distribution and rules refuse to run while a check is at work. **What is taken over** when your notebook is graded: your functions, and the functions, classes, imports and assigned names that they use.
#
# **Letters:** `B` rows, `V` vocabulary, `n` future tokens, `k` tokens of a block (one committed, k-1 drafts), `...` any shape. p is head 1's distribution, q the one from which a draft was drawn. Head 1 predicts the next token and stands at index 0.
#
# One piece of the package serves you throughout. `draw(p, u)` draws a token from each distribution p (..., V) with the uniform number u (...) in [0, 1): the first token whose cumulated probability passes u. Its p need not sum to 1.

# %%
import torch

import mtp_edu as mtp
from mtp_edu import continuations, grading
from mtp_edu.decode import draw

# %% [markdown]
# ## A5.1 Temperature and top-p
#
# *4 points · difficulty ●●○○○ · about 25 minutes · about 8 lines*
#
# What is drawn from: first the softmax of the logits divided by the **temperature**; then **top-p**, which keeps the fewest most likely tokens whose probabilities together reach `top_p`, sets the others to 0, and lets the rest sum to 1 again. With probabilities 0.5, 0.3, 0.15, 0.05 and `top_p=0.7` the first two are kept (0.5 alone does not reach 0.7) and become 0.625 and 0.375. With `top_p=1` all are kept; one is kept always.
#
# <details><summary><b>Hint 1</b></summary>
#
# Sort the probabilities, most likely first. A token is left out if those *before* it reach `top_p` already. What is their sum, given the cumulated one?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `ordered.cumsum(-1) - ordered` is the sum before each. `ordered, order = p.sort(...)` also says which ids these are: `torch.zeros_like(p).scatter(-1, order, ...)` takes values back to their places.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A5-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def distribution(logits, temperature=1.0, top_p=1.0):
    """logits (..., V), temperature > 0, 0 < top_p <= 1  ->  probabilities (..., V)."""
    ### BEGIN SOLUTION
    p = (logits / temperature).softmax(-1)
    ordered, order = p.sort(dim=-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    if top_p < 1:
        ordered = ordered.masked_fill(before >= top_p, 0.0)
    p = torch.zeros_like(p).scatter(-1, order, ordered)
    return p / p.sum(-1, keepdim=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A5-1-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A5.1", distribution)
### BEGIN HIDDEN TESTS
grading.check("A5.1", distribution, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A5.1.** Sorted, cut, taken back to their places, made to sum to 1.
#
# *Usual mistakes.* Leaving out the token that crosses `top_p`, so that a likely first token leaves nothing at all. Top-p before the temperature. Forgetting that sorted probabilities belong to other ids. `exp` without subtracting the largest logit.

# %% [markdown]
# ## A5.2 Keep or refuse
#
# *3 points · difficulty ●●○○○ · about 15 minutes · about 3 lines*
#
# The draft x was drawn from q. It is kept with probability min(1, p(x)/q(x)). For each row decide it with a uniform number u, which lies in [0, 1): it is below a number r with probability r. A token that p leaves out must never be kept.
#
# <details><summary><b>Hint 1</b></summary>
#
# You need two numbers from each row: p and q of that row's draft. u decides; the min(1, ...) takes care of itself.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `p.gather(-1, drafts[:, None])[:, 0]` is p(x) of each row. Instead of dividing by q(x) you may multiply the other side.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A5-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def keep(p, q, drafts, u):
    """p, q (B, V), drafts (B,), each drawn from its q, u (B,)  ->  (B,) of bool, True where the draft is kept."""
    ### BEGIN SOLUTION
    p_draft = p.gather(-1, drafts[:, None])[:, 0]
    q_draft = q.gather(-1, drafts[:, None])[:, 0]
    return u * q_draft < p_draft
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A5-2-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
grading.check("A5.2", keep)
### BEGIN HIDDEN TESTS
grading.check("A5.2", keep, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A5.2.** u q(x) < p(x): no division, no min, and never true where p(x) = 0.
#
# *Usual mistakes.* Keeping with probability p(x). The ratio upside down. `u <= p/q`, which keeps an excluded token at u = 0. Deciding without u, where p is at least q.

# %% [markdown]
# ## A5.3 What follows a refusal
#
# *3 points · difficulty ●●○○○ · about 20 minutes · about 4 lines*
#
# After a refusal the token is drawn from the **residual**: what p has more than q, max(0, p - q), made to sum to 1. Where p and q are equal nothing is left over. There a draft is never refused, except by rounding; return p for such a row.
#
# > **Predict:** p = (0.2, 0.5, 0.3), q = (0.5, 0.25, 0.25). What is the residual?
#
# <details><summary><b>Hint 1</b></summary>
#
# `clamp(min=0)` and a sum over the vocabulary that keeps its dimension. What does the sum look like in a row with p = q?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# `torch.where(total > 0, rest / total, p)`: `where` chooses row by row, and a 0 / 0 in the branch that is not taken does no harm here, since no gradient is asked for. (Answer to the question: (0, 5/6, 1/6).)
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A5-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
def residual(p, q):
    """p, q (B, V)  ->  (B, V), what is drawn from after a refusal."""
    ### BEGIN SOLUTION
    rest = (p - q).clamp(min=0)
    total = rest.sum(-1, keepdim=True)
    return torch.where(total > 0, rest / total, p)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A5-3-check", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
grading.check("A5.3", residual)
### BEGIN HIDDEN TESTS
grading.check("A5.3", residual, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A5.3.** Together with A5.2: min(p, q) + max(0, p - q) = p, for every token.
#
# *Usual mistakes.* Not renormalising; a softmax in place of the division, which gives the zeros some weight; one sum over the whole batch; NaN where p = q.

# %% [markdown]
# ## A5.4 How many are kept?
#
# *2 points · difficulty ●●○○○ · about 15 minutes · about 2 lines*
#
# The **acceptance rate**: with which probability is a draft, drawn from q, kept? Add up over the tokens how often x is drawn and kept. It must be 1 minus the total variation of p and q, which is half the sum of |p - q|. There may be tokens with p(x) = q(x) = 0.
#
# <details><summary><b>Hint 1</b></summary>
#
# Token x is drawn with probability q(x) and then kept with min(1, p(x)/q(x)). What is the product, without a fraction?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# The smaller of p(x) and q(x). One function of torch takes the smaller of two tensors, place by place.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A5-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
def acceptance_rate(p, q):
    """p, q (..., V)  ->  (...), the probability that a draft from q is kept."""
    ### BEGIN SOLUTION
    shared = torch.minimum(p, q)
    return shared.sum(-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A5-4-check", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
grading.check("A5.4", acceptance_rate)
### BEGIN HIDDEN TESTS
grading.check("A5.4", acceptance_rate, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A5.4.** The area that two distributions share.
#
# *Usual mistakes.* The total variation itself, or without its half. The mean of min(1, p/q) over the vocabulary, as if every token were drafted equally often. p · q, the chance that two independent draws agree.

# %% [markdown]
# ## A5.5 A line of drafts
#
# *4 points · difficulty ●●●●○ · about 40 minutes · about 10 lines*
#
# Now a whole block, for B rows at once. `target[:, i]` is p behind the i-th token of the block (index 0: behind the committed one), so it judges `drafts[:, i]`, which was drawn from `source[:, i]`. Drafts are kept up to the first refusal. The token that follows is drawn from the residual at the refused draft, or, if none is refused, from `target[:, k - 1]`.
#
# **Random numbers:** `uniform[:, i]` decides on `drafts[:, i]`, and the last one, `uniform[:, k - 1]`, draws the token that follows, with `draw`. None is used twice. There may be no drafts at all (k = 1).
#
# The last check goes through all drafts and a grid of random numbers of a vocabulary of three, whose probabilities are sixths, and adds up how often each text comes. It must be p, exactly.
#
# <details><summary><b>Hint 1</b></summary>
#
# Write it for one row first, with a loop over its drafts and a `break`, and then a loop over the rows. That is a full answer.
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# Without loops: decide on all drafts, then `cumprod` along the line turns everything behind the first refusal into 0, and its sum is `kept`. With `rows = torch.arange(B)`, `target[rows, kept]` is the p that counts.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A5-5", "locked": false, "schema_version": 3, "solution": true, "task": false}
def verify(target, source, drafts, uniform):
    """target (B, k, V), source (B, k-1, V), drafts (B, k-1), uniform (B, k)
    ->  how many drafts are kept (B,), and the token that follows them (B,), both int64."""
    ### BEGIN SOLUTION
    kept, following = [], []
    for p, q, line, u in zip(target, source, drafts, uniform):
        good = keep(p[:-1], q, line, u[:-1])
        count = int(good.long().cumprod(0).sum())
        after = p[count]
        if count < len(line):
            after = residual(p[count : count + 1], q[count : count + 1])[0]
        kept.append(count)
        following.append(int(draw(after, u[-1])))
    return torch.tensor(kept), torch.tensor(following)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A5-5-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A5.5", verify)
### BEGIN HIDDEN TESTS
grading.check("A5.5", verify, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A5.5.** The same without loops is `accept_lossless` in `mtp_edu/decode/sampling.py`.
#
# *Usual mistakes.* Drawing from p after a refusal. Reusing the number that has refused the draft: it is known to be large. Counting drafts behind a refused one. The distribution before the last draft for the token that follows it. A residual at the block's end when nothing was refused.

# %% [markdown]
# **With the package's loop.** `mtp.generate` takes a rule of your own. (The cell works once A5.5 does.) It draws 4,000 texts of three tokens from a tiny random model and compares them with the exact probabilities of all 27.
#
# > **Predict:** replace `residual(...)` by p in your function. Would you see it in one text? In 4,000?

# %%
def tiny_model(seed=1):
    """Three tokens, three heads, random weights so large that every token changes what may follow."""
    cfg = mtp.ModelConfig(vocab_size=3, dim=8, n_layers=4, n_attention_heads=1, n_future=3, max_seq_len=16)
    model = mtp.MultiTokenModel(cfg, seed=seed).double()
    with torch.no_grad():
        model.embedding.weight *= 4
        for parameter in model.heads.parameters():
            if parameter.dim() == 2:
                parameter *= 2
    return model


def drawn_and_exact(rule, prompt=(0, 2, 1, 1), draws=4000):
    tiny = tiny_model()
    found = continuations.drawn(tiny, prompt, 3, draws, acceptance=rule)
    print(continuations.compare(found, continuations.exact(tiny, prompt, 3)))


drawn_and_exact(verify)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# In one text, never: each text is possible, only not as often. In 4,000 of this tiny model it stands out: the right rule stays within chance, the wrong one is more than 20 sigmas away.
#
# </details>

# %% [markdown]
# ## A5.6 A whole step
#
# *4 points · difficulty ●●●●○ · about 40 minutes · about 10 lines*
#
# One sampled step for one text, without a cache. `text` (a list) is what is committed; `drafts` (a list, perhaps empty) follow it and were drawn from `source` (len(drafts), V), a distribution already. Leave both lists as they are. **One** forward, `model(torch.tensor([...]))`, gives the logits (1, T, n, V) of all heads at all places of text and drafts.
#
# * Verify: p at the text's last token and at each draft, with `uniform[: len(drafts) + 1]`.
# * Draft: heads 2 to n at the last kept token, the n-1 numbers that are left in `uniform`, one each.
#
# Temperature and top-p belong to **both**, p and q. Return the tokens that the step adds (a list), the n-1 next drafts (a list), and what they were *really* drawn from, (n-1, V): the next step's `source`.
#
# <details><summary><b>Hint 1</b></summary>
#
# `verify` wants a batch: add a dimension to everything. The first place that matters is `len(text) - 1`. At which place does the last kept token stand?
#
# </details>
#
# <details><summary><b>Hint 2</b></summary>
#
# At `len(text) - 1 + kept`. There `logits[0, place, 1:]` is (n-1, V), what the drafting heads say. Make it a distribution once, draw from that tensor and return that tensor.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "A5-6", "locked": false, "schema_version": 3, "solution": true, "task": false}
@torch.no_grad()
def sampled_step(model, text, drafts, source, uniform, temperature, top_p):
    """text, drafts: lists, source (len(drafts), V), uniform (len(drafts) + n,)
    ->  (list of the tokens added, list of n-1 next drafts, their source (n-1, V))."""
    ### BEGIN SOLUTION
    k = len(drafts) + 1
    logits = model(torch.tensor([text + drafts]))[0]  # (T, n, V)
    target = distribution(logits[len(text) - 1 :, 0], temperature, top_p)  # (k, V)
    line = torch.tensor(drafts, dtype=torch.long)
    kept, following = verify(target[None], source[None], line[None], uniform[None, :k])
    place = len(text) - 1 + int(kept)
    source = distribution(logits[place, 1:], temperature, top_p)  # (n-1, V)
    return [*drafts[: int(kept)], int(following)], draw(source, uniform[k:]).tolist(), source
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "A5-6-check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
grading.check("A5.6", sampled_step)
### BEGIN HIDDEN TESTS
grading.check("A5.6", sampled_step, hidden=True)
### END HIDDEN TESTS

# %% [markdown] tags=["staff"]
# **Worked solution of A5.6.** What is drawn from and what is returned are one tensor: then q cannot be anything but what was sampled.
#
# *Usual mistakes.* Temperature or top-p for p alone, or a source without them. Dividing by the temperature before calling `distribution`. The verdicts' numbers for the drafts. Drafts from the block's end.

# %% [markdown]
# **A text, step by step.** (The cell works once A5.6 does.) A higher temperature makes p and q flatter, so they share more or less?
#
# > **Predict:** at which temperature are the most drafts kept, 0.3 or 1?

# %%
def sample(model, text, steps, temperature, top_p=1.0, seed=0):
    """The new tokens, and tokens per step."""
    n, generator = model.cfg.n_future, torch.Generator().manual_seed(seed)
    text, start, drafts, source = list(text), len(text), [], torch.zeros(0, model.cfg.vocab_size)
    for _ in range(steps):
        uniform = torch.rand(len(drafts) + n, generator=generator, dtype=torch.float64)
        tokens, drafts, source = sampled_step(model, text, drafts, source, uniform, temperature, top_p)
        text += tokens
    return text[start:], (len(text) - start) / steps


def cold_and_warm(start="def read_lines(path):\n    with"):
    model, tok = mtp.load_pretrained("python-4")
    for temperature in (0.3, 1.0):
        tokens, per_step = sample(model, tok.encode(start), 20, temperature, 0.95)
        print(f"temperature {temperature}, {per_step:.2f} tokens per step: {tok.decode(tokens)!r}")


cold_and_warm()

# %% [markdown]
# ## To take with you
#
# * min(p, q) + max(0, p - q) = p: kept drafts and redrawn tokens together are the target's distribution, for any q.
# * For any q, but for the q that was *really* drawn from: temperature, top-p and all.
# * A random number that has decided something is not uniform any more.
# * No single text shows a mistake here. Make chance an argument, and you can go through all of it.
#
# To hand in, save the notebook and submit the file. Its name must still hold `A5`.
