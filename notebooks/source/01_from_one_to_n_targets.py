# %% [markdown]
# # 1. From one target to n
#
# **After this lesson you can** write down the targets of every head for any text, say what the loss of multi-token prediction adds up, and explain why the heads' losses fan out.
#
# *30 minutes, two of them waiting for a small model to train. A laptop is enough.*

# %%
import math
from collections import Counter

import torch

import mtp_edu as mtp
from mtp_edu import notebook, views

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one

# %% [markdown]
# ## 1. The result first
#
# A text, and what each head is asked at each position. Move the slider **heads n** from 1 to 4 (click it and use the arrow keys): ordinary training is the first column, multi-token prediction adds the others.
#
# > **Before you move it:** with $n = 3$, which three tokens must be named by a model that has read *The quick brown*?

# %%
fox = "The quick brown fox jumps over the lazy dog".split()
views.TargetsPanel(fox, n=2, n_max=4)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# *fox*, *jumps* and *over*: row 2 of the table, read from left to right.
#
# </details>
#
# ## 2. The formula, and the code that makes the table
#
# Next-token training asks one question at each position $t$. With $x_{\le t}$ the text so far:
#
# $$L_1 = -\sum_t \log P(x_{t+1} \mid x_{\le t})$$
#
# Multi-token training asks $n$ questions from the same place and adds up the answers (section 2 of the paper):
#
# $$L_n = -\sum_t \sum_{k=1}^{n} \log P_k(x_{t+k} \mid x_{\le t})$$
#
# It is a plain sum: every head counts the same. The model reads the text **once**, in its *trunk*; each head $k$ then turns the trunk's result into its own prediction.
#
# The targets are the text itself, shifted by $k$. Where the text has ended there is no target, and the tensor holds $-100$, which the loss skips.

# %%
words = {word: number for number, word in enumerate(dict.fromkeys(fox))}
tokens = torch.tensor([[words[word] for word in fox]])  # (B, L) = (1, 9)
targets = mtp.future_targets(tokens, 4)  # (B, L, n) = (1, 9, 4)

print("tokens ", tokens[0].tolist())
for k in range(1, 5):
    print(f"head {k} ", targets[0, :, k - 1].tolist())

views.target_table(fox, 4, highlight=2)

# %% [markdown]
# Row $t$ of the picture is `targets[0, t]`; column $k$ is `targets[0, :, k - 1]`. (Heads are counted from 1, Python's indices from 0.)
#
# <details><summary><b>Question.</b> A token such as <i>jumps</i> is a target four times. From which positions, and of which heads?</summary>
#
# Of head 1 at *fox*, head 2 at *brown*, head 3 at *quick* and head 4 at *The*. In the picture they lie on a diagonal.
#
# </details>
#
# <details><summary><b>Question.</b> A text of L tokens: how many targets do n heads have in all?</summary>
#
# Head $k$ has $L - k$, so all have $nL - n(n+1)/2$. For our nine words and $n = 4$: $36 - 10 = 26$, as the table says.
#
# </details>
#
# ## 3. The same on real code
#
# Here are the first bytes of a function from Python's standard library, read the way the text runs. Look at the outlined column, and move it with **position t**.

# %%
import colorsys
import inspect

code = inspect.getsource(colorsys.rgb_to_hls)[:44]
views.TargetsPanel(code, mtp.ByteTokenizer(), n=4, n_max=8, across=True)

# %% [markdown]
# Each row is the text shifted one further to the left. Code has many places where the next bytes are all but forced (after `retur` comes `n`) and a few where everything is open (a new name). **A model that must name four bytes ahead has to know early which of the two is coming.** That is the paper's idea of why the extra questions might help.
#
# ## 4. Watch the heads learn
#
# A model of about 300,000 parameters with four heads learns to write children's stories, byte by byte.
#
# > **Predict:** which head ends with the lowest loss, and in which order do the others follow? Will they be evenly spaced?

# %%
tok = mtp.ByteTokenizer()
stories = mtp.corpus.stories(run.pick(laptop=1500, gpu=20_000, fast=60))
training, held_out = mtp.corpus.split(stories)
config = mtp.TrainConfig(
    steps=run.pick(laptop=400, gpu=3000, fast=16),
    batch_size=run.pick(laptop=16, gpu=64, fast=4),
    learning_rate=6e-3,
    validate_every=run.pick(laptop=50, gpu=300, fast=8),
)


def train(n):
    """A fresh model with n heads and the same six layers; returns the events of its training."""
    cfg = mtp.ModelConfig(vocab_size=tok.vocab_size, dim=64, n_layers=6, n_future=n)
    model = mtp.MultiTokenModel(cfg)
    windows = mtp.corpus.windows(training, tok, length=128, n_future=n)
    check = mtp.corpus.windows(held_out, tok, length=128, n_future=n)
    events = mtp.train(model, windows, config, validation=check)
    return views.TrainingMonitor(events, title=f"n = {n}").run(), cfg


def held_out_losses(events):
    """Per head, where they were last measured: that is not the last step of an interrupted run."""
    return [event.validation for event in events if event.validation][-1]


four, cfg_four = train(4)

# %% [markdown]
# The numbers at the right end of the curves are training losses, smoothed. The hollow marks are held-out losses, and those are what the next cell prints. The heads fan out: the further ahead, the harder. At first all of them only learn how often each byte occurs, which needs no context at all. That alone brings the loss to the text's *entropy*, the best that a guess without context can do:

# %%
counts = Counter(byte for story in training for byte in story.text.encode("utf-8"))
total = sum(counts.values())
entropy = -sum(count / total * math.log(count / total) for count in counts.values())
print(f"no context at all: {entropy:.2f} nats per byte")
for k, loss in enumerate(held_out_losses(four), start=1):
    print(f"head {k}, held-out: {loss:.2f} nats, {100 * (1 - loss / entropy):.0f} % below that")

# %% [markdown]
# <details><summary><b>Question.</b> The gaps between the heads shrink: from head 1 to 2 it is far, from 3 to 4 it is near. Why?</summary>
#
# A head that has learnt only how common each byte is reaches the entropy above. Context can only bring it below that, so the far heads gather just under this ceiling. The byte right after this one depends strongly on it (*q* is followed by *u*); four bytes on, another word has often begun, and what remains is little more than how common each letter is. A bigger model, trained for longer, pulls the far heads down too.
#
# </details>
#
# ## 5. Before and after: does it make head 1 better?
#
# The twin: the same layers, data and steps, but **one** head. Both models have the same number of parameters, because the paper takes the layers of heads 2 to $n$ out of the trunk.
#
# > **Predict:** whose head 1 has the lower held-out loss?

# %%
one, cfg_one = train(1)

# %%
for n, cfg, events in ((1, cfg_one, one), (4, cfg_four, four)):
    print(f"n = {n}: {cfg.parameters():,} parameters, {cfg.n_trunk_layers} layers in the trunk,")
    print(f"       {cfg.flops_per_token(128):,} operations to train on a byte,")
    print(f"       head 1's held-out loss: {held_out_losses(events)[0]:.3f} nats per byte")

# %% [markdown]
# <details><summary><b>What does it mean?</b></summary>
#
# At this size four targets usually make head 1 *worse*. Two things have changed: it ends a shallower path through the model (3 layers instead of 6), and the trunk serves four losses. Which of them matters, this pair of runs cannot say; notebook 02 tries to separate them. The paper finds the same on code: with 0.3B and 0.6B parameters n = 4 solves fewer problems than n = 1, and only from about 1.3B or 3B on does it win (Table S7).
#
# | MBPP, pass@1 (Table S7) | 0.3B | 0.6B | 1.3B | 3B | 6.7B | 13B |
# | --- | --- | --- | --- | --- | --- | --- |
# | n = 1 | 1.8 | 4.7 | 6.8 | 11.1 | 23.9 | 26.0 |
# | n = 4 | 1.0 | 3.0 | 7.4 | 12.7 | 26.0 | 30.5 |
#
# What a small model does gain is speed: the drafts of its extra heads (3.50 tokens per forward in the paper's 7B code model, 3.12 on Wikipedia, n = 4, Table S2; ours in notebook 00). Losses are not comparable with the paper's, which has another vocabulary and other data. And ours is a single seed: an anecdote.
#
# </details>
#
# > **What can go wrong**
# >
# > * **Off by one.** Head 1 is the *next* token, not this one. A model trained on unshifted targets only has to copy its input, and its loss soon falls close to zero, which no real text allows. If a loss looks too good, look at the targets first.
# > * **Comparing sums.** $L_4$ adds four losses and so is larger than $L_1$ for any model. Compare head 1 with head 1.
# > * **Comparing nats per token.** A byte is not a word piece: losses compare only under the same tokenizer.
# > * **Targets across the end of a text.** The first word of the next story is not this story's future. `mtp.corpus.windows` puts $-100$ there.
# > * **A slow start** is no fault: the learning rate warms up over the first tenth of the steps. A loss that still does not move after that, or one that becomes `nan`, may mean a rate too high.
#
# ## To take with you
#
# * $n$ targets at a position are the next $n$ tokens; the loss is their plain sum.
# * The further ahead, the higher the loss, up to the entropy, which a guess without any context reaches.
# * At equal parameters a small model pays for the extra heads with a shallower trunk; what it gets is drafts.
#
# <details><summary><b>Think further.</b> Could head 4 have a lower loss than head 1?</summary>
#
# At a single position, yes: in `(a)(b)(c)...` with random letters, whoever stands at `(` cannot know the letter, but does know what comes two and three tokens on. On average over a text, no, if both heads are as good as they can be. Take one token: head 1 names it having read everything before it, head 4 without the last three tokens. More knowledge never makes the best guess worse. So a far head with the *lower* loss is a sign of a mistake in the targets.
#
# </details>
#
# ## The result once more, as a plain picture

# %%
views.loss_curves(four, f"n = 4, {config.steps} steps on stories")
