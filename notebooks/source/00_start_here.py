# %% [markdown]
# # Start here: a model that writes several tokens at once
#
# **After this lesson you can** say what a multi-token model predicts, read a race between plain and self-speculative decoding, and tell when a good-looking number means nothing.
#
# *20 minutes. A laptop is enough: no GPU, less than 1 GB of memory. Nothing is downloaded.*
#
# Run a cell with **Shift+Enter**, or all of them with *Run → Run All Cells*.

# %%
import mtp_edu as mtp
from mtp_edu import notebook, views

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one
model, tok = mtp.load_pretrained("stories-nano", device=run.device.device)
print(f"{model.cfg.parameters():,} parameters, n = {model.cfg.n_future} heads, {tok.vocab_size} tokens")

# %% [markdown]
# ## 1. Predict before you run
#
# A language model reads a text and predicts the next token; one pass of the text's end through the model is a *forward*. Plain decoding needs one forward for each token.
#
# The small model above has **four heads**. From the same place in the text, head 1 predicts the next token, head 2 the one after it, and so on to head 4. It was trained on children's stories.
#
# > The next cell lets it write 96 tokens of a story, first plainly, then with all its heads. **Write down: how many forwards will the second way need?** The best conceivable is a quarter of the first.

# %%
prompt = "Ida was a little hamster who lived in"
length = run.pick(laptop=96, fast=24)


def write(method):
    """The fastest of three runs: the first warms up, and other programs disturb some."""
    runs = [mtp.generate(model, tok.encode(prompt), length, method=method) for _ in range(3)]
    return min(runs, key=lambda out: out.seconds)


plain = write("autoregressive")
quick = write("self-speculative")
views.race(plain, quick, tok.token_text, speed=None, prompt=prompt)

# %% [markdown]
# Every **box is one forward** and appears when its forward was done. In the upper lane a box holds one token. In the lower one it holds up to four: the drafts that proved right, and one more from the main head.
#
# Both lanes hold the same text. That is no accident: **speculation changes how a text is written, not which text.** Whether fewer forwards also mean less time depends on what a forward costs; the bars show how it came out on this machine.
#
# ## 2. How it works, in one table
#
# Heads 2 to 4 guess. The next forward puts their guesses into the model, and head 1, now seeing each guess in place, says what it would have written there. Guesses that agree are kept; at the first that does not, head 1's own token is taken and the rest is dropped. Checking old guesses and making new ones is *the same forward*, and so costs no extra one.

# %%
views.step_table(quick, tok.token_text, first=8)

# %% [markdown]
# The number that sums it up is **tokens per forward**:
#
# $$\text{tokens per forward} = \frac{\text{tokens written} - 1}{\text{forwards after the prompt's own}}$$
#
# (The first token comes with the prompt's own pass, hence the $-1$.) Plain decoding has exactly 1. With $n$ heads it is at most $n$.

# %%
for out in (plain, quick):
    tokens, forwards = len(out.tokens), len(out.steps)
    rate = f"{out.tokens_per_forward:.2f} tokens per forward"
    print(f"{out.method}: ({tokens} - 1) / {forwards} = {rate}")

# %% [markdown]
# | | tokens per forward, n = 4 | times as fast |
# | --- | --- | --- |
# | the paper, 7B, code (Table S2) | 3.50 | 3.05 |
# | the paper, 7B, Wikipedia (Table S2) | 3.12 | 2.74 |
# | ours, stories, this run | printed above | see the race |
#
# Read ours with care. Our stories come from a grammar with a small vocabulary, which makes them easier to guess than Wikipedia, and our model is thousands of times smaller than theirs. The rows show the same effect; they are no contest.
#
# <details><summary><b>Question.</b> Why is the second column always smaller than the first?</summary>
#
# A forward that checks three drafts and makes three new ones does more work than one that writes a single token: it runs heads 2 to 4 and puts four tokens through every layer. In the paper's 7B model such a step takes about 1.15 times as long (3.50 / 3.05). In a small model the heads are a larger part of the whole, so it loses more.
#
# </details>

# %% [markdown]
# ## 3. Look inside: what did each head expect?
#
# Type any sentence. Under each token stand four guesses for *that* token. Head 1's was made one token earlier, head 4's four tokens earlier, before the three tokens in between were known.
#
# The switch above the text turns from predictions to *surprise* (how many bits the true token cost a head) and *entropy* (how unsure it was). Paste a line in a language that the stories do not have, and see.
#
# > **Before you look:** where will head 4 be right, at the first letters of a name or inside a phrase such as *Once upon a time*?

# %%
sentence = "Once upon a time, there was a little fox. Behind the house stood an old tree."
views.HeadExplorer(model, tok, sentence)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# Mostly at commas and at common words such as *the*, which are a good guess whatever came before. Inside a fixed phrase it can be sure only if the phrase had been recognised four tokens earlier. Its guess for *a* in *Once upon a time* was made when it had read only *On*, and for *time* when it had read only *Once*. Fewer than one in ten of our stories begin that way, so here it misses both. Where the story makes a choice (a name, an animal, a colour) every head is uncertain, and head 4 most of all: it has to guess the outcome of choices that have not been made yet. Look at a choice point: head 1 recovers one token later, head 4 needs four.
#
# </details>
#
# ## 4. Your turn: race with your own prompt
#
# Change the prompt, the number of heads or the length, and press the button.
#
# > **Try:** (a) a prompt that starts like a story, (b) one that no children's story contains, such as a line of code. Which one gets more tokens per forward? Read what the model writes before you answer. Does the text stay the same in both lanes?

# %%
prompt = "Tom was a little boy who lived in"
views.DecodingRace(model, tok, prompt, max_new_tokens=run.pick(laptop=64, fast=16))

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# The two lanes agree, whatever the prompt, up to a near tie in low precision. The line of code may well win: `def add(a, b):` with `return` below it gave 2.5 tokens per forward where we tried it, against 1.3 for a little fox, 64 tokens each. The model does not continue the code. It falls into stock phrases of its stories, and those are easy to guess. Tokens per forward measure how predictable the model's own text is, not how good it is.
#
# </details>
#
# > **What can go wrong**
# >
# > * **A broken model wins every race.** One that writes the same word for ever is easy to guess: such a model reaches 3.8 of 4 tokens per forward. Always read the text, and look at how much of it repeats.
# > * **One race is an anecdote.** Run the cell twice: the tokens per forward are the same, the seconds are not. Other programs on your machine slow one lane and not the other.
# > * **Faster on paper, not on your laptop?** Tokens per forward count forwards. If a forward with four heads costs twice as much as a plain one, 2 tokens per forward gain nothing.
# > * **The texts differ at one place?** In low precision two ways to compute the same number round differently, and a near tie may fall the other way. In double precision the package's tests compare the two in 1,000 random cases, and they agree token for token.
#
# ## 5. How to use this course
#
# Each notebook has one idea: it shows the result first, asks you to predict, then explains with the formula, the picture and the code side by side. Answers are folded; give yourself a minute before you open one. Everything you see is made by the package `mtp_edu`, which is small enough to be read: `trunk.py`, `heads.py`, `model.py`, `backward.py` and `decode/` together are one sitting.
#
# Next: **01, from one target to n** shows what the four heads are asked during training.
#
# If something does not work, this says what is installed, which device is used and why, and what is missing:

# %%
notebook.check()

# %% [markdown]
# *(The same in a terminal: `mtp-edu doctor`.)*
#
# ## The result once more, as a plain picture

# %%
views.race_curves(plain, quick)
