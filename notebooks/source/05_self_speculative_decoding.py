# %% [markdown]
# # 5. Self-speculative decoding
#
# **After this lesson you can** say what each number in a decoding step means, write self-speculative decoding in fifteen lines, tell three kinds of acceptance apart, compute how much speed a model can gain at best, and see through a speed-up that means nothing.
#
# *35 minutes, three of them computing. A laptop is enough.*

# %%
import copy
import json
from dataclasses import replace
from statistics import mean, median

import mtp_edu as mtp
from mtp_edu import meter, notebook, probe, views
from mtp_edu.decode import DraftTree
from mtp_edu.paths import data_dir
from mtp_edu.views.decoding import batch_curves, draft_length_chart, roofline_chart

import torch
from IPython.display import Markdown

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one
device = run.device.device

name = "stories-4"
model, tok = mtp.load_pretrained(name, device=device)
cfg = model.cfg
print(f"{name}: {cfg.parameters():,} parameters, {cfg.n_trunk_layers} trunk layers, n = {cfg.n_future} heads")

held_out = mtp.corpus.split(mtp.corpus.stories(run.pick(laptop=2000, fast=400)))[1]
print(f"{len(held_out)} stories that the model has never seen")

# %% [markdown]
# ## 1. The result first: the same text in fewer forwards
#
# Lesson 0 showed this race with a tiny model. Here runs a larger one, deep and narrow; section 5 says why that shape.
#
# > **Predict:** the model has four heads. How many forwards will it need for 96 tokens, and how many times as fast will it be? Both numbers, please: they are not the same.

# %%
prompt = "Once upon a time, there was a little fox"
views.DecodingRace(model, tok, prompt, max_new_tokens=run.pick(laptop=96, fast=16))

# %% [markdown]
# In our stored run 34 forwards wrote what plain decoding writes in 95: 2.79 tokens each. But a speculative forward took 1.3 times as long, so it was only 2.1 times as fast. Section 5 says why.
#
# Both lanes hold **the same text**, and the lower one took fewer forwards. That is the whole promise of the method (the paper's section 3.2): it changes how a text is written, not which text. The menu has other rivals for later: a tree of drafts (section 7) and sampling (lesson 6).
#
# ## 2. One forward does two jobs
#
# **Verify:** were the drafts right? **Draft:** what may come next? Both are answered by *the same* forward. It reads a **block**: the last committed token and, behind it, the drafts of heads 2, 3 and 4.
#
# Step through it, **phase ▶** by phase: what was *drafted*, how head 1 *verifies* it, what is *committed*, and what is left in the *cache*. All four happen within one forward. Columns are positions of the text, so a draft stands above what head 1 says about it. Before each press, guess what comes.
#
# > **Find out:**
# >
# > * (a) Step 1 already has drafts. Which forward made them?
# > * (b) Head 1 says something at *every* place of the block. Why is what it says behind a refused draft worth nothing?
# > * (c) Look at the rows *cache before* and *cache after*, which stand for keys and values. What overwrites the dashed entries (↺), and when?
# > * (d) What is the least that a step can commit, and what is the most?
# > * (e) Choose *sampled, lossless*. A draft is kept where u < p/q. Can a draft be refused that head 1 finds likelier than the head that drew it did?

# %%
views.StepThrough(model, tok, prompt, max_new_tokens=run.pick(laptop=32, fast=16), at=5)

# %% [markdown]
# <details><summary><b>Answers</b></summary>
#
# (a) The prompt's own. It ran through all heads, and at its last token head 1 gave the first new token and heads 2 to 4 the first drafts.
#
# (b) Because it has read the refused draft. It answers the question "what comes after *this*?", but *this* is not in the text.
#
# (c) The next block. It begins at the first position that is not settled, and always writes as many entries as this one. So nothing has to be erased, and no step needs to know how many drafts the one before has lost. Head 1's own token has no entry yet: it is the first token of the next block.
#
# (d) One: head 1's own token, if the first draft is refused already. So a step never gains less than plain decoding. At most four: three drafts, and head 1's own token on top.
#
# (e) Not on its own account: then p/q is above 1, and u is below 1. But it is dropped with the others if a draft before it is refused. A refused draft is one that its head was too sure of; what replaces it is drawn from what p has more than q. Lesson 6 shows that this keeps the distribution exact.
#
# </details>
#
# ## 3. Write it yourself: fifteen lines
#
# Without a cache the algorithm is short. `text` is what is committed. Head 1's predictions behind the last committed token and behind each draft are the verdicts; the drafts that agree are kept, up to the first that does not.
#
# > **Before you read on:** the next drafts come from *one* place of the block. From which, and why not from its end?

# %%
@torch.no_grad()
def speculate(model, prompt, count, k):
    text, drafts, forwards = list(prompt), [], 0
    while len(text) < len(prompt) + count:
        logits = model(torch.tensor([text + drafts]), n_future=k)[0]  # (T, k, V)
        said = logits[len(text) - 1 :, 0].argmax(-1).tolist()  # head 1, behind each token of the block
        accepted = 0
        while accepted < len(drafts) and drafts[accepted] == said[accepted]:
            accepted += 1
        last = len(text) - 1 + accepted  # the last place whose token is right
        text += [*drafts[:accepted], said[accepted]]
        drafts = logits[last, 1:].argmax(-1).tolist()  # heads 2 to k, from there
        forwards += 1
    return text[len(prompt) : len(prompt) + count], forwards


exact = copy.deepcopy(model).cpu().double()  # in double precision nothing rounds differently
ids, count = tok.encode(prompt), run.pick(laptop=64, fast=12)
plain = mtp.generate(exact, ids, count, method="autoregressive")
for k in range(1, cfg.n_future + 1):
    mine, forwards = speculate(exact, ids, count, k)
    theirs = mtp.generate(exact, ids, count, n_future=k)
    same = mine == theirs.tokens == plain.tokens and forwards - 1 == theirs.forwards
    print(f"k = {k}: {forwards - 1:3} forwards after the prompt's; "
          f"the same text as generate and as plain: {same}")

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# From the last place whose token is right. A latent behind it has read a refused draft, and what it predicts follows a text that does not exist. Head 1's own token comes from that place too, so head 2 predicts the token after it, and so on: the drafts fit exactly behind what was just committed.
#
# </details>
#
# <details><summary><b>Question.</b> With k = 1 there are no drafts. What is left of the algorithm?</summary>
#
# Plain greedy decoding. That is how the package runs it too: `method="autoregressive"` is the same step with a block of one token.
#
# </details>
#
# What does `mtp.generate` add to these lines? A cache, so that a step reads four tokens and not the whole text. Batches, in which each row keeps its own number of drafts. Stop tokens *inside* a run of accepted drafts. And sampling. The step itself is `mtp_edu/decode/step.py`; it is short enough to be read now.
#
# ## 4. How often is a draft right?
#
# One number per head is not enough, because "right" can mean three things. Along held-out text, at every place, we let all heads draft and ask head 1:
#
# | name | share of places where | what it is good for |
# | --- | --- | --- |
# | **alone** | head k is right | says how well the head predicts |
# | **cumulative** | heads 2 to k are *all* right | says how often the draft is kept |
# | **conditional** | head k is right, *given* that the heads before it are | says where the chain breaks |
#
# With cumulative shares $c_2, c_3, \dots$ the tokens per forward follow, as if steps began at all places equally often. Head 1 always gives one, and each draft counts as often as it is kept:
#
# $$\text{tokens per forward} = 1 + c_2 + c_3 + \dots + c_n$$
#
# > **Predict:** (a) head 4 must guess further ahead than head 3. Will its *conditional* share be lower too? (b) Which is higher: the share judged by head 1, or the share judged by the true text?

# %%
length = run.pick(laptop=256, fast=64)
windows = mtp.corpus.windows(held_out, tok, length, cfg.n_future)
found = probe.acceptance(model, windows, max_windows=run.pick(laptop=48, fast=2))
print(f"{found.places:,} places: 1 + " + " + ".join(f"{share:.3f}" for share in found.main.cumulative)
      + f" = {found.main.tokens_per_forward:.2f} tokens along the text")
views.acceptance_chart(found)

# %% [markdown]
# <details><summary><b>Answers</b></summary>
#
# (a) Hardly, here. A likely reason: once two drafts were right, the text is at an easy place, inside a phrase that goes only one way, and there the third draft is likely to be right as well. *Alone* falls from head to head, *conditional* stays nearly level. In the paper (from its Table S2) it falls from head 2 to head 3, and little after that: 0.94, 0.89, 0.86 on code and 0.88, 0.78, 0.80 on Wikipedia.
#
# (b) Judged by head 1. Both heads are parts of one model and share its mistakes: where head 1 would write *fox* although the text says *cat*, head 2 has probably thought of the fox as well.
#
# </details>
#
# <details><summary><b>Question.</b> A system's report says "acceptance 0.66 per token". Can you compute its tokens per forward from that?</summary>
#
# Not without knowing which of the three it is. If it is conditional and the same for all of three drafts, then $1 + 0.66 + 0.66^2 + 0.66^3 = 2.38$. If it is the mean of the three cumulative shares, then $1 + 3 \cdot 0.66 = 2.98$. Many disagreements about such numbers are of this kind.
#
# </details>
#
# **Three ways to state it.** Along a text (a) head 1 judges the drafts or (c) the text does; (b) the model runs freely and writes its own text. They differ, so the package's report gives all of them, with the size of the vocabulary and the share of repeated 8-grams beside it. Section 8 shows why.

# %%
some = held_out[: run.pick(laptop=40, fast=4)]
report = probe.report(model, tok, some, length, prompts=run.pick(laptop=12, fast=2))
cold, warm = report.free
print(f"tokens per forward: (a) {report.acceptance.main.tokens_per_forward:.2f}, "
      f"(b) {cold.tokens_per_forward:.2f}, at temperature 0.8 {warm.tokens_per_forward:.2f}, "
      f"(c) {report.acceptance.text.tokens_per_forward:.2f}")
Markdown(report.markdown())

# %% [markdown]
# Read the second table from top to bottom. Free running (b), over 12 prompts, comes out below (a) here; single texts scatter widely, and the one of section 1 lay above. The text is another one, written by the model, but part of such a difference is arithmetic. (a) counts every place alike; a decoder jumps over easy places and stops more often at hard ones. If half of a text kept all three drafts and half kept none, the places would give 2.5 on average, but 100 tokens would take 12.5 + 50 forwards, 1.6 tokens each. At temperature 0.8 tokens are drawn, and fewer drafts survive; how a draw can be verified without changing its distribution is a lesson of its own. And no number stands without its last column: where a model repeats itself, tokens per forward are cheap.
#
# Mind the unit as well. A token may be a byte or a word, so compare *bytes* per forward between vocabularies. The paper's byte model reaches 7.04 of 8 tokens per forward (Table S3), which are 7.04 bytes; ours comes to a similar number of bytes with four heads, on easier text.
#
# **The paper's numbers beside ours.** Table S2 lists tokens per forward with 1, 2, 3 and 4 heads. The differences between its rows are the cumulative shares (nearly: each row walks through the text in strides of its own), so its numbers can be taken apart in the same way:

# %%
table_s2 = {  # tokens per forward with 1 to 4 heads, 7B, and times as fast
    "code": ((1.00, 1.94, 2.78, 3.50), (1.00, 1.85, 2.54, 3.05)),
    "Wikipedia": ((1.00, 1.88, 2.57, 3.12), (1.00, 1.79, 2.35, 2.74)),
    "books": ((1.00, 1.87, 2.56, 3.09), (1.00, 1.77, 2.32, 2.67)),
}
rows = {"ours, judged by head 1": found.main.cumulative, "ours, judged by the text": found.text.cumulative}
for text, (forwards, _) in table_s2.items():
    rows[f"paper, {text}"] = [more - less for less, more in zip(forwards, forwards[1:])]
views.forward_bars(rows)

# %% [markdown]
# Do not read this as a contest. The paper's models have 7 billion parameters and 32,000 tokens in their vocabulary, ours has 5 million and 1,024, and our stories come from a grammar. What agrees is the *shape*: head 2 gives most, each further head less, and the last ones still pay, because their conditional share falls far less than the share alone.
#
# ## 5. From tokens per forward to speed
#
# A speculative forward does more than a plain one. For one token at a time a processor that runs a large model mostly *waits for the weights*: each is fetched from memory and used once. Four tokens use the same weights four times, and the fetch is the same. But heads 2 to 4 have weights of their own, which a plain step never touches. So, at best:
#
# $$\text{times as fast} \;\le\; \text{tokens per forward} \times \frac{\text{bytes read by a plain step}}{\text{bytes read by a speculative step}}$$
#
# > **Predict:** a model of 8 layers gives three of them to heads 2 to 4, one of 32 layers as well. Which of them keeps more of its tokens per forward?

# %%
shapes = {f"{layers} layers, width {cfg.dim}": replace(cfg, n_layers=layers) for layers in (8, 16, 32)}
seven = {"vocab_size": 32_000, "dim": 4096, "n_layers": 32, "n_attention_heads": 32, "ffn_dim": 11_008}
shapes["the paper's 7B"] = mtp.ModelConfig(**seven, n_future=4)
for words, one in shapes.items():
    plain_cost, quick_cost = meter.step_cost(one, 1), meter.step_cost(one, 4)
    ratio = plain_cost.bytes / quick_cost.bytes
    print(f"{words:22} {plain_cost.bytes / 1e6:9,.1f} MB / {quick_cost.bytes / 1e6:9,.1f} MB = {ratio:.2f}, "
          f"so {meter.bound(one, 3.0, 4):.2f} times at best with 3 tokens per forward")

# %% [markdown]
# **Depth decides.** Three heads are three layers: of 8 a large part, of 32 a small one. That is why the models of this course are deep and narrow. (In a small model the unembedding counts too. A step reads it twice, once for the verdicts and once for the drafts.)
#
# Now we measure. Four held-out stories are continued with 1, 2, 3 and 4 heads, in turns, three times. The fastest run of each counts, since other programs disturb some. Each story gives a ratio; we print the middle one and the range. *At best* belongs to the mean: a single story that is easy to guess may go beyond it.

# %%
prompts = [tok.encode(story.text)[:24] for story in held_out[: run.pick(laptop=4, fast=1)]]
written = run.pick(laptop=96, fast=12)
ks = range(1, cfg.n_future + 1)


def in_turns(prompt, ways, turns):
    """Continue a prompt in several ways, {name: arguments}, one after the other; the fastest run of each."""
    outs = {way: [] for way in ways}
    for _ in range(turns):
        for way, arguments in ways.items():
            outs[way].append(mtp.generate(model, prompt, written, **arguments))
    return {way: min(each, key=lambda out: out.seconds) for way, each in outs.items()}


def compared(texts, plain, way):
    """Over the texts: mean tokens per forward, middle ms of a forward, middle and range of times as fast."""
    forward = median(text[way].seconds / text[way].forwards for text in texts)
    ratios = sorted(text[plain].seconds / text[way].seconds for text in texts)
    spread = f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return mean(text[way].tokens_per_forward for text in texts), 1000 * forward, spread


turns = run.pick(laptop=3, fast=1)
texts = [in_turns(one, {k: {"n_future": k} for k in ks}, turns) for one in prompts]
print("heads   tokens per forward   ms per forward   times as fast         at best    paper, code")
for k in ks:
    tokens_each, forward, spread = compared(texts, 1, k)
    at_best = meter.bound(cfg, tokens_each, k)
    forwards, faster = (row[k - 1] for row in table_s2["code"])
    print(f"{k:5} {tokens_each:20.2f} {forward:16.1f}   {spread:21} {at_best:.2f} "
          f"{forwards:10.2f}, {faster:.2f}")
same = all(text[1].tokens == text[k].tokens for text in texts for k in ks)
print("all texts the same as plain decoding's:", same)

# %% [markdown]
# <details><summary><b>Question.</b> The paper's speed-up with four heads is 3.05 at 3.50 tokens per forward. How much more than a plain step does its step cost, and how much would its bytes alone explain?</summary>
#
# $3.50 / 3.05 = 1.15$. From the bytes: $1 / 0.89 = 1.12$. So the paper's step reaches nearly what is possible. Ours costs 1.42 plain steps here, and its bytes would explain 1.27. With so small a model reading is not the main cost: in the stored benchmark (section 6) a plain step takes 7.5 ms, and its bytes alone would take 0.9. The rest is overhead and small products, which have prices of their own.
#
# </details>
#
# ## 6. When the gain goes away
#
# **The more tokens in flight, the less is free.** A step of $B$ rows with blocks of $k$ has $B \cdot k$ tokens in flight and reads the weights once for all of them. Up to a point, the *ridge*, reading takes longer than computing, and more tokens cost nothing. Beyond it every token costs its own time, and a refused draft is a loss:
#
# $$\text{ridge} = \frac{\text{operations per second}}{\text{bytes per second}} \times \frac{\text{bytes of a number}}{2}$$
#
# By their data sheets that is 153 tokens in 16-bit numbers for an A100 and 206 for an H200. The paper's largest batch has 42 rows of 4, 168 tokens; on which GPU it was measured we do not know. On a laptop's processor it is about ten.
#
# `meter.draft_length` measures this machine's bandwidth and peak, times a step with every number of heads, and says which writes the most tokens per second.
#
# > **Predict:** which number of heads is best for one row? And for sixteen rows at once?

# %%
advice = {}
for rows in run.pick(laptop=(1, 4, 16), fast=(1, 2)):
    rounds, steps = run.pick(laptop=(15, 6) if rows == 1 else (11, 3), fast=(1, 1))
    how = {"batch": rows, "context": 128, "turns": rounds, "steps": steps}
    one = advice[rows] = meter.draft_length(model, found.main.cumulative, **how)
    gain = one.tokens_per_second()[one.best - 1] / one.tokens_per_second()[0]
    print(f"rows: {rows:2}; best with {one.best} heads, {gain:.2f} times plain decoding; "
          f"tokens in flight: {rows * one.best}, the ridge: {one.ridge:.0f}")
draft_length_chart(advice[1])

# %% [markdown]
# The first picture times one over the second is the third. Dashes are what bytes and operations alone would have it; where a bar in the middle stands above its dash, something else than reading and computing took time. With four rows and four heads 16 tokens are in flight, beyond the ridge, and there is still a gain. By the roofline plain decoding's four, which are below it, pay for the reading alone, and that would explain about as much; but most of a real step here is neither reading nor computing, so the cause is not shown. The gain fades between the two. At sixteen rows:

# %%
draft_length_chart(advice[max(advice)])

# %% [markdown]
# With many rows the bars may stand *below* their dashes. The plain step then takes longer than its bytes and operations alone, and against a slow step a speculative one looks cheap.
#
# **The same with more care.** The package's benchmark (`mtp-edu bench decode`) has measured longer texts, many batches, eager and compiled steps, on one thread of a server's processor (AMD EPYC); these pictures are stored and do not change with your machine. First: what does a step cost when more tokens are in flight? The orange line is the least that that machine's bandwidth and peak allow; it bends at the ridge.

# %%
stored = json.loads((data_dir() / "results" / "bench_decode_cpu.json").read_text(encoding="utf-8"))
roofline_chart(stored | {"bare": []})  # our model alone; stored are larger ones of random weights, too

# %% [markdown]
# Our small model stays far above the line: its matrices are too small to keep a processor busy. Compiled steps (filled) come closer while few tokens are in flight. Second: what is left of the gain, batch by batch, beside the paper's Fig S10?

# %%
batch_curves(stored)

# %% [markdown]
# In the paper the gain does not move up to 42 rows: their 168 tokens in flight are about the ridge of an A100, if that is what they used. On this processor four heads gain less with every doubling of the batch and nothing at 16 rows (eager), where two still gain. The tree, with 16 nodes for each row, loses from four rows on. The crosses leave out that a row whose text has ended waits for the others. Each dash has the colour of its way; the dark ones at the top are the tree's. Compiled steps with two and three heads were measured for one row only.
#
# **Overhead can make speculation look better than it is.** Between the products of small matrices there is Python, and on a GPU the launch of each kernel. A plain step pays that once for each token, a speculative one once for several: it gains, but for the wrong reason.
#
# The honest remedy is to remove that overhead from both. `mtp.generate(..., compile=True)` compiles the step, whose shapes never change (on a GPU it becomes one CUDA graph). The first text of a shape waits for the compiler, about a minute on a laptop: set `try_it = True` if you have the time. Without a C++ compiler the package says so and goes on as before. **Compare compiled with compiled.**

# %%
try_it = False
if try_it:
    for how in ("autoregressive", "self-speculative"):
        out = mtp.generate(model, tok.encode(prompt), written, method=how, compile=True)
        print(f"{out}; compiling took {out.compile_seconds:.0f} s")

# %% [markdown]
#
# ## 7. A tree of drafts
#
# A line of drafts ends at its first error, even if the right token was the head's *second* choice. A **tree** puts several candidates of each head into the block, each behind each of its predecessors. Every node sees the text and its own ancestors only, and the forward verifies all branches at once (Medusa, 2024).
#
# > **Predict:** the tree below has 3 candidates of head 2, behind each of them 2 of head 3, and behind each of those 1 of head 4. How many tokens go through the model in one forward?

# %%
bushy = DraftTree.full([3, 2, 1])
shown = run.pick(laptop=32, fast=16)
views.StepThrough(model, tok, prompt, max_new_tokens=shown, tree=bushy, at=6)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# $1 + 3 + 6 + 6 = 16$, for at most four tokens of text, as before. Keys and values of the nodes first go to scratch entries; the accepted path is then copied into the text. The candidates of head 3 are the same behind every candidate of head 2: the heads do not see each other's drafts.
#
# </details>
#
# Which nodes are worth their place? `probe.draft_ranks` notes along a text at which rank of each head's list head 1's choice stood. `DraftTree.sparse` takes the nodes that were right most often. We choose on one half of the held-out stories and count on the other. *Expected* are the tokens per forward there, *written* those of the four texts of section 5. Compare the times within this table only: plain decoding was timed again beside the trees, and a busy machine is not equally fast in every cell.

# %%
half, looked = len(held_out) // 2, run.pick(laptop=24, fast=1)
choose, count_on = (
    probe.draft_ranks(model, mtp.corpus.windows(part, tok, length, cfg.n_future), max_windows=looked)
    for part in (held_out[:half], held_out[half:])
)
trees = {"a line": DraftTree.full([1, 1, 1]), "full, 3 × 2 × 1": bushy}
trees |= {f"sparse, {nodes} nodes": DraftTree.sparse(choose, nodes) for nodes in (8, 16, 32)}
ways = {"plain": {"n_future": 1}} | {words: {"method": "tree", "tree": tree} for words, tree in trees.items()}
grown = [in_turns(one, ways, turns) for one in prompts]
print(f"{'':20}nodes   expected   written   ms per forward   times as fast")
for words, tree in trees.items():
    got, forward, spread = compared(grown, "plain", words)
    print(f"{words:19} {len(tree):5} {tree.tokens_per_forward(count_on):10.2f} {got:9.2f} "
          f"{forward:16.1f}   {spread}")

# %% [markdown]
# <details><summary><b>Question.</b> The sparse tree with 16 nodes beats the full one with 16. Why can no tree with this model reach more than 4 tokens per forward?</summary>
#
# Its depth is the number of drafting heads. Width raises the chance that *some* branch is right, not the length of a branch. And every node counts as a token in flight: on a processor whose ridge is at ten tokens a tree of 32 is far beyond it, and gains less than one of 8. By the roofline it would be nearly free on a data-centre GPU with one row; we have not measured that.
#
# </details>
#
# ## 8. Why a broken model looks fast
#
# Here is a model after 30 training steps. It has learnt which tokens are the most frequent ones, and hardly anything else.
#
# > **Predict:** how many tokens per forward will it reach? Which of (a), (b), (c) tells you that something is wrong?

# %%
train = mtp.corpus.split(mtp.corpus.stories(400))[0]
torch.manual_seed(0)
small = {"vocab_size": tok.vocab_size, "dim": 64, "n_layers": 6, "max_seq_len": cfg.max_seq_len}
young = mtp.MultiTokenModel(mtp.ModelConfig(**small, n_future=4)).to(device)
settings = mtp.TrainConfig(steps=run.pick(laptop=30, fast=6), batch_size=8, learning_rate=3e-3)
events = list(mtp.train(young, mtp.corpus.windows(train, tok, 128, 4), settings))

judged = mtp.corpus.windows(held_out, tok, 128, 4)
print(f"{'':20} loss    (a)    (b)    (c)   repeated 8-grams in (b)")
for words, one in (("trained", model), ("after 30 steps", young)):
    along = probe.acceptance(one, judged, max_windows=run.pick(laptop=32, fast=2))
    free = mtp.generate(one, tok.encode(prompt), run.pick(laptop=96, fast=24), stop_ids=tok.eos_id)
    loss = mtp.evaluate(one, judged, run.pick(laptop=32, fast=2))[0]
    print(f"{words:18} {loss:6.2f} {along.main.tokens_per_forward:6.2f} {free.tokens_per_forward:6.2f} "
          f"{along.text.tokens_per_forward:6.2f} {probe.repeated_share(free.tokens):11.0%}")
    print(f"{'':20} {tok.decode(free.tokens)[:60]!r}")

# %% [markdown]
# The broken model wins (b) by far, and here even (a): where head 1 always says the same, drafts that always say the same are always right. **Only (c) notices, for it asks the text**; and so do the loss and the repeated 8-grams. Nobody who reads the output is fooled, but a table of speeds is.
#
# > **What can go wrong**
# >
# > * **A speed-up without a text.** Always state beside it how much of the text repeats, and read some.
# > * **The drafts of the wrong place.** Taken from the block's end and not from the last accepted place, the drafts are bad and the text is still right. Speculation hides such errors: only tokens per forward show them. The same holds for wrong cache entries of heads 2 to 4.
# > * **The texts differ in low precision.** A block of four and a block of one round differently, and a near tie falls the other way. `probe.exactness` tells such a tie from an error. In double precision there is no excuse.
# > * **Other people's numbers.** Ask: which acceptance? Is head 1's own token counted? Which batch, which vocabulary, eager or compiled?
# > * **A stop token among accepted drafts.** What stands behind it must not be kept, nor counted.
#
# ## To take with you
#
# * One forward verifies the old drafts and makes new ones. The text is that of plain decoding; only the number of forwards changes.
# * Tokens per forward are $1 + c_2 + \dots + c_n$, with cumulative acceptance.
# * Speed is at most that number times the ratio of bytes. Depth helps; batches, trees and overhead take away.
# * A model that repeats itself is always fast.
#
# <details><summary><b>Think further.</b> Causal heads read each other: head 3 reads head 2's latent. Anticausal heads are run from the far end. What does plain decoding with head 1 alone cost in each case, and what follows for the race?</summary>
#
# With causal heads head 1 stands on the trunk, so plain decoding runs it alone, as here. With anticausal heads head 1 stands on all the others, so a plain step runs the whole chain and saves nothing. Then the bytes are nearly the same in both lanes, and the speed-up comes out *larger*, because plain decoding has become slower. A ratio has two ends.
#
# </details>
#
# ## The result once more, as a plain picture

# %%
plain, quick = (mtp.generate(model, tok.encode(prompt), written, n_future=k) for k in (1, cfg.n_future))
views.race_curves(plain, quick)
