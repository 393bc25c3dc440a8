# %% [markdown]
# # 6. Exact, or not?
#
# **After this lesson you can** say in which sense a speculative text is "the same" text, tell a near tie from a bug, write the rule that verifies *drawn* tokens, break it in every classic way and see a test notice, and name a fault that no text shows.
#
# *35 minutes, two of them computing. A laptop is enough.*

# %%
import copy
from collections import Counter
from dataclasses import replace
from unittest import mock

import torch
from IPython.display import display
from torch.nn import functional as F

import mtp_edu as mtp
from mtp_edu import continuations, notebook, probe
from mtp_edu.decode import BlockDecoder, accept_lossless, accept_typical, draw, step
from mtp_edu.views.exactness import RulePanel, continuation_bars, gap_curve, near_tie, sigma_bars
from mtp_edu.views.html import visible

run = notebook.setup(size="laptop")  # a GPU is not used: proofs in double precision belong on the CPU
story, tok = mtp.load_pretrained("stories-nano")
stories = mtp.corpus.stories(run.pick(laptop=1200, fast=100))
_, held_out = mtp.corpus.split(stories, held_out=0.2)
beginnings = [tok.encode(document.text)[:12] for document in held_out]
print(f"{len(held_out)} held-out stories; n = {story.cfg.n_future} heads, {tok.vocab_size} tokens")

# %% [markdown]
# ## 1. The result first: one promise in three grades
#
# "Speculation changes how a text is written, not which text." What is that worth? We let a model write greedily, with and without speculation, in two precisions. Then a second, tiny model draws its tokens at random, and we compare how often each text comes with how often it should.
#
# > **Predict:** of the 40 texts, how many are the same in float64, which keeps 16 digits? And in bfloat16, which keeps fewer than three and is what large models compute in?

# %%
prompts, length = beginnings[: run.pick(laptop=40, fast=6)], run.pick(laptop=96, fast=16)


def write(dtype):
    """Greedy texts of all prompts, plain and speculative, and head 1's logits as they came out in the run."""
    model, runs = copy.deepcopy(story).to(dtype), []
    for method in ("autoregressive", "self-speculative"):
        seen = []  # of every forward, (rows, places, V)

        def noted(latent, head, seen=seen):
            logits = mtp.MultiTokenModel.unembed(model, latent, head)
            if head == 0:
                seen.append(logits.double())
            return logits

        with mock.patch.object(model, "unembed", noted):
            out = mtp.generate(model, prompts, length, method=method)
        logits = [[seen[0][row]] for row in range(len(prompts))]  # the first token: the prompt's own forward
        for one in out.steps:
            logits[one.row] += list(seen[1 + one.forward][one.row, : len(one.tokens)])
        runs.append((out, logits))
    return runs


def same(texts, others):
    return f"{sum(a == b for a, b in zip(texts, others))} of {len(texts)} texts are the same"


written = {}
for dtype in (torch.float64, torch.float32, torch.bfloat16):
    name = str(dtype).removeprefix("torch.")
    written[name] = write(dtype)
    (plain, _), (quick, _) = written[name]
    print(f"greedy, {name:8}: {same(plain.tokens, quick.tokens)}")


def tiny_model():
    """Three tokens, three heads, random weights so large that every token changes what may follow."""
    cfg = mtp.ModelConfig(vocab_size=3, dim=8, n_layers=4, n_attention_heads=1, n_future=3, max_seq_len=16)
    model = mtp.MultiTokenModel(cfg, seed=1).double()
    with torch.no_grad():
        model.embedding.weight *= 4
        for parameter in model.heads.parameters():
            if parameter.dim() == 2:
                parameter *= 2
    return model


tiny, prompt, count = tiny_model(), [0, 2, 1, 1], 4
draws = run.pick(laptop=10_000, fast=5000)
chances = continuations.exact(tiny, prompt, count)  # of all 3^4 = 81 texts
found = continuations.drawn(tiny, prompt, count, draws)  # self-speculative, at temperature 1
print("drawn:", continuations.compare(found, chances))

# %% [markdown]
# That is the promise in its three grades:
#
# | | what is promised | how it is tested |
# | --- | --- | --- |
# | greedy, float64 | the same text, token for token | compare the texts |
# | greedy, lower precision | the same but for near ties | every token's logit is within a few roundings of the largest |
# | drawn | the same *distribution* | count many texts, compare with exact probabilities |
#
# Each grade has its section below. The paper decodes greedily (its section 3.2) and reports tokens per forward and speed, not whether the texts were the same; nor is code for it released. So this is ours to check.
#
# ## 2. Greedy: why it must be the same text
#
# A draft is kept only if head 1, which has read the text up to it, names the same token. So every committed token is what head 1 says *after the true text so far*. Plain decoding asks head 1 the same question after the same text. By induction the texts agree; the drafts only decide how many questions one forward answers.
#
# > **Predict:** does the argument need good drafts? What would be written if heads 2 to 4 drafted at random?
#
# But "equal" proves nothing if the test cannot fail. Two checks: were drafts kept *and* refused? And does a planted fault show, one draft too many?

# %%
(plain, _), (quick, _) = written["float64"]
kept = Counter(one.accepted for one in quick.steps)
print("steps that kept 0, 1, 2, 3 drafts:", [kept[drafts] for drafts in range(4)])


def one_too_many(drafts, verdicts, right=step.accept_greedy):
    return (right(drafts, verdicts) + 1).clamp(max=drafts.shape[1])


with mock.patch.object(step, "accept_greedy", one_too_many):
    broken = mtp.generate(copy.deepcopy(story).double(), prompts, length)
for name, out in (("one draft too many", broken), ("right", quick)):
    print(f"{name:18} {same(plain.tokens, out.tokens)}, {out.tokens_per_forward:.2f} tokens per forward")

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# No. Random drafts are nearly all refused: the text is the same and nothing is gained. Note the other side of it: the *broken* decoder is the faster one.
#
# </details>
#
# ## 3. Lower precision: near ties
#
# In bfloat16 some texts part. Where, and how? Head 1's logits were noted as they came out in both runs; *exact* computes them once more, for the same weights, in double precision. The *gap* is plain's token minus speculation's, so a negative one favours speculation. It is counted in **ulp**: the distance from one number of bfloat16 to the next, here 0.06.

# %%
low = copy.deepcopy(story).bfloat16()
reference = copy.deepcopy(low).double()  # the same rounded weights, but every operation exact to 16 digits


def ulp(value, dtype=torch.bfloat16):
    """Distance from a number to the next larger one in this precision."""
    near = torch.tensor(abs(value), dtype=dtype)
    return float(torch.nextafter(near, torch.tensor(torch.inf, dtype=dtype)) - near)


def partings(runs):
    """Where texts part, as (row, place, plain's token, speculation's); how much the top two's gap differs."""
    (plain, one), (quick, block) = runs
    found, noise = [], []
    for row, texts in enumerate(zip(plain.tokens, quick.tokens)):
        for place, (a, b) in enumerate(zip(*texts)):
            x, y = one[row][place], block[row][place]  # (V,), the same logits computed in two ways
            first, second = x.topk(2).indices
            noise.append(float(((x[first] - x[second]) - (y[first] - y[second])).abs()))
            if a != b:
                found.append((row, place, a, b))
                break  # from here on the texts are different ones
    return found, noise


parted, noise = partings(written["bfloat16"])
(plain, one), (quick, block) = written["bfloat16"]
cases = []
print("text place   plain writes  speculative    gap in ulp: exact   plain   in a block")
for row, place, a, b in parted:
    with torch.no_grad():
        exact = reference(torch.tensor([prompts[row] + plain.tokens[row][:place]]), n_future=1)[0, -1, 0]
    ways = {"exact": exact, "plain": one[row][place], "in a block": block[row][place]}
    pairs = {way: (float(logits[a]), float(logits[b])) for way, logits in ways.items()}
    unit = ulp(pairs["plain"][0])
    gaps = [(first - second) / unit for first, second in pairs.values()]
    names = visible(tok.token_text(a)), visible(tok.token_text(b))
    cases.append((gaps[0], pairs, names, unit))
    print(f"{row:4} {place:5}   {names[0]:12}  {names[1]:12} {gaps[0]:18.2f} {gaps[1]:7.0f} {gaps[2]:10.0f}")
if not parted:
    print("none: on this processor both ways round alike")

# %% [markdown]
# Every parting is a **near tie**: two tokens that the exact logits leave an ulp or two apart, or less. Let us look at the closest one on the ruler of bfloat16, whose marks are the only numbers it has. (Of equal logits the first in the vocabulary wins.)

# %%
if cases:
    _, pairs, names, unit = min(cases, key=lambda case: abs(case[0]))
    display(near_tie(pairs, names, unit))

# %% [markdown]
# > **Question:** which of the two texts is the right one, plain's or speculation's?
#
# <details><summary><b>Answer</b></summary>
#
# Neither, or both. Both ways compute the same formula and round differently, because a product of matrices with four rows per text adds up its numbers in another order than one with a single row. Read the column *exact*: some of its numbers side with plain decoding, some with speculation. Neither text is the better one.
#
# </details>
#
# **It is not even about speculation.** The same plain decoder writes one text at a time, or many in a batch:

# %%
few = run.pick(laptop=8, fast=2)
alone = [mtp.generate(low, start, length, method="autoregressive").tokens for start in prompts[:few]]
print(f"plain alone and plain in a batch: {same(alone, plain.tokens[:few])}")

# %% [markdown]
# So equal texts are too much to ask in low precision. But a bug and a near tie look different from close by. `probe.exactness` takes a finished text, asks the plain forward at every place, and counts by how many ulp a chosen token falls short of the largest. We give it the texts that parted, and the one with the planted fault:

# %%
def report(name, checks):
    short, tokens = (sum(getattr(check, what) for check in checks) for what in ("not_the_largest", "tokens"))
    gap = max(check.largest_gap for check in checks)
    print(f"{name:12} {short:3} of {tokens} tokens are short of the largest, by {gap:.0f} ulp at most")


with mock.patch.object(step, "accept_greedy", one_too_many):
    broken = mtp.generate(low, prompts[0], length)
rows = [row for row, *_ in parted] or [0]
for name, out in (("plain", plain), ("speculative", quick)):
    checks = [probe.exactness(low, prompts[row], replace(out, tokens=out.tokens[row])) for row in rows]
    report(name, checks)
report("with a fault", [probe.exactness(low, prompts[0], broken)])

# %% [markdown]
# The right texts are short at no place or at a few, and by two ulp at most. The faulty one is short at more than half of its places, by up to 240 ulp.
#
# **How often must a text part?** That can be computed. Along held-out stories we measure the distance between the two largest logits. Very close pairs are rare, and evenly spread: half the distance, half as many. If rounding changes the distance by $N$ on average, two tokens change places in a share of
#
# $$\text{density of distances near } 0 \;\times\; N / 2$$
#
# of all tokens (the half because rounding pulls together as often as apart).
#
# > **Predict:** about every 400th token parts in bfloat16. float32 keeps 16 bits more. Every how many tokens there?

# %%
exact_story, nearest, gaps = copy.deepcopy(story).double(), (1e9, 0, 0, 0), []
with torch.no_grad():
    for document in held_out[: run.pick(laptop=120, fast=6)]:
        ids = tok.encode(document.text)[: run.pick(laptop=200, fast=60)]
        top = exact_story(torch.tensor([ids]), n_future=1)[0, 11:, 0].topk(2)  # values and tokens, (T, 2) each
        apart = top.values[:, 0] - top.values[:, 1]
        gaps += apart.tolist()
        here = int(apart.argmin())
        nearest = min(nearest, (float(apart[here]), float(top.values[here, 0]), *top.indices[here].tolist()))

close = sorted(gaps)[len(gaps) // 20]  # one place in twenty is closer
density = 0.05 / close
gap, size, a, b = nearest
print(f"nearest of {len(gaps):,} places: '{visible(tok.token_text(a))}' before '{visible(tok.token_text(b))}'")
units = f"{gap / ulp(size, torch.float32):,.0f} ulp of float32, {gap / ulp(size):.2g} ulp of bfloat16"
print(f"by {gap:.1e}: {units}")
noises = {}
for name, runs in written.items():
    parted, noise = partings(runs)
    noises[name] = sum(noise) / len(noise)
    expected = density * noises[name] / 2 * len(noise)
    print(f"{name:8} {len(noise):,} tokens compared: partings expected {expected:.2g}, found {len(parted)}")
gap_curve(gaps, density, {name: size for name, size in noises.items() if size})

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# About every 900,000th. $2^{16}$ times finer would make it every 26 millionth, but bfloat16 has a privilege: its products are added up in float32 and rounded at the end, so that most logits come out the same either way. float32 has no finer format to add up in. In float64 it takes $10^{15}$ tokens. There "equal" can be demanded without exception, and so proofs are done in float64.
#
# The expected number for bfloat16 comes out close to what was found. Some luck is in that: of an expected ten, six or fourteen would be no surprise. In the picture the marks lie a little below the line: they show the tokens that part, which are half of those that lie closer.
#
# </details>
#
# ## 4. Drawn tokens: the rule
#
# At a temperature above 0 head 1 does not name one token, it has a distribution $p$. The draft $x$ was drawn from another, the drafting head's $q$. Keeping $x$ whenever "$p$ likes it" would be wrong: texts that $q$ likes would come too often. The rule (Leviathan et al. 2023, Chen et al. 2023):
#
# * keep $x$ with probability $\min(1, \; p(x) / q(x))$;
# * at the first refusal draw again, from what $p$ has more of than $q$: $\max(0, p - q)$, made to sum to 1;
# * if all are kept, draw one token more from $p$.
#
# Why is that exact? Token $x$ comes as a kept draft with probability $q(x) \cdot \min(1, p(x)/q(x)) = \min(p(x), q(x))$. A refusal has the probability that is missing to 1, which is just the sum of all $\max(0, p - q)$; so redrawing adds $\max(0, p(x) - q(x))$. Together:
#
# $$\min(p, q) + \max(0, p - q) = p$$
#
# It needs no good $q$, and no $q$ that knows the earlier drafts. It needs the $q$ that was *really* drawn from.
#
# Here it is as a loop. **Edit it** and run the cell again: every line can be broken. The picture below it tells you whether the test has noticed.

# %%
def my_rule(target, source, drafts, uniform):
    """target: p after each token of the block (B, k, V). source: q of each draft (B, k-1, V).
    drafts: (B, k-1). uniform: random numbers (B, k).
    Returns how many drafts are kept (B,), and the token that follows them (B,)."""
    rows = torch.arange(len(drafts))
    kept = torch.zeros(len(drafts), dtype=torch.long)
    going = torch.ones(len(drafts), dtype=torch.bool)  # nothing refused so far
    after = target[:, -1]  # if all are kept
    for d in range(drafts.shape[1]):
        p, q = target[:, d], source[:, d]  # (B, V)
        x = drafts[:, d]
        good = uniform[:, d] < p[rows, x] / q[rows, x]
        residual = (p - q).clamp(min=0)  # `draw` makes it sum to 1
        after = torch.where((going & ~good)[:, None], residual, after)
        going = going & good
        kept = kept + going
    return kept, draw(after, uniform[:, -1])


mine = continuations.drawn(tiny, prompt, count, draws, acceptance=my_rule)
print("text by text as the package's rule:", mine == found)
continuation_bars(mine, chances, "my_rule")

# %% [markdown]
# Above: each of the 81 texts, how often it should come and how often it came. Below: the difference, in units of what chance makes of it. A chi-square test adds up the squares of all these differences (rare texts are counted as one) and says how surprising the sum is, in **sigmas**. Beyond 4.75, which chance reaches once in a million tests, we say: this is another distribution.
#
# **What can such a test see?** The *total variation* is the share of texts that come in another's place. How many draws are needed to notice it, in 99 of 100 cases?

# %%
print("total variation    draws for 81 texts    for 243 texts")
for variation in (0.1, 0.05, 0.02, 0.01):
    needed = [continuations.draws_needed(texts, variation) for texts in (81, 243)]
    print(f"{variation:15} {needed[0]:21,} {needed[1]:16,}")
compared = continuations.compare(found, chances).texts
chance = continuations.power(draws, compared, 0.05)
print(f"our {draws:,} draws see 0.05 with a chance of at least {chance:.2f}")

# %% [markdown]
# Half the difference takes four times the draws. The package's own test draws 132,000 texts of five tokens, from chains and from trees, to see 0.02; a difference of 0.001 would pass it. **A test without its power is only a feeling.**
#
# ## 5. Break it
#
# The classic mistakes. Each is a line or two around the right rule:

# %%
before = []


def all_drafts_kept(target, source, drafts, uniform):
    return torch.full((len(drafts),), drafts.shape[1]), draw(target[:, -1], uniform[:, -1])


def kept_with_chance_p(target, source, drafts, uniform):
    q = source.gather(-1, drafts[..., None])[..., 0]  # (B, k-1): the rule compares uniform * q with p
    return accept_lossless(target, source, drafts, torch.cat([uniform[:, :-1] / q, uniform[:, -1:]], dim=1))


def redrawn_from_p(target, source, drafts, uniform):
    kept, _ = accept_lossless(target, source, drafts, uniform)
    return kept, draw(target[torch.arange(len(kept)), kept], uniform[:, -1])


def q_thought_to_be_even(target, source, drafts, uniform):
    return accept_lossless(target, torch.full_like(source, 1 / source.shape[-1]), drafts, uniform)


def q_thought_to_be_certain(target, source, drafts, uniform):
    certain = F.one_hot(drafts, source.shape[-1]).to(source)  # q(x) = 1 for the draft, 0 for all others
    return accept_lossless(target, certain, drafts, uniform)


def q_one_step_old(target, source, drafts, uniform):
    if torch.allclose(source, source[:1].expand_as(source)):  # all rows have one prompt, so one q: new texts begin
        before.clear()
    before.append(source)
    old = before.pop(0) if len(before) > 1 else source
    return accept_lossless(target, old, drafts, uniform)


def one_random_number_used_twice(target, source, drafts, uniform):
    return accept_lossless(target, source, drafts, torch.cat([uniform[:, :-1], uniform[:, :1]], dim=1))


def last_token_from_a_place_too_early(target, source, drafts, uniform):
    return accept_lossless(torch.cat([target[:, :-1], target[:, -2:-1]], dim=1), source, drafts, uniform)


functions = [accept_lossless, all_drafts_kept, kept_with_chance_p, redrawn_from_p,
             q_thought_to_be_even, q_thought_to_be_certain, q_one_step_old,
             one_random_number_used_twice, last_token_from_a_place_too_early, accept_typical]
rules = {rule.__name__.replace("_", " "): rule for rule in functions}

# %% [markdown]
# Choose a rule and press **Draw**, more than once: every press draws new texts.
#
# > **Find out:** (a) Which mistake is the hardest to see? Try it with 1,000 draws. (b) Which texts does *all drafts kept* write too often? (c) **One of these rules looks wrong and is right.** Which? (d) Which of the wrong ones would you choose if you only looked at tokens per forward?

# %%
RulePanel(tiny, prompt, rules, count, draws=draws)

# %% [markdown]
# All of them at once, with the tokens per forward that each rule reaches:

# %%
results = {}
for name, rule in rules.items():
    texts = continuations.drawn(tiny, prompt, count, draws, acceptance=rule)
    results[name] = continuations.compare(texts, chances)
    out = mtp.generate(tiny, [prompt] * 500, 12, temperature=1.0, seed=0, acceptance=rule)
    verdict = "another distribution" if results[name].differs else "no difference seen"
    print(f"{name:35} {out.tokens_per_forward:.2f} tokens per forward, {verdict}")
wrong = [name for name in rules if name not in ("accept lossless", "q thought to be certain")]
print(f"caught: {sum(results[name].differs for name in wrong)} of {len(wrong)}")
sigma_bars(results)

# %% [markdown]
# <details><summary><b>Answers</b></summary>
#
# (a) *q one step old*: the first step after the prompt has the right $q$, a text of four tokens has few further ones, and from one step to the next $q$ changes little. With 1,000 draws it mostly passes. (b) Those that the drafting heads like. They do not know the tokens in between, so pairs come that head 1 finds unlikely together.
#
# (c) *q thought to be certain*. The rule is exact for any $q$ from which the draft can be thought drawn, and once $x$ is there, "always $x$" is such a $q$. Keep with probability $p(x)$, else draw from $p$ without $x$: the sum is $p$ again. It is what greedy drafts need, and it keeps fewer drafts: $p(x)$ and not $\min(1, p(x)/q(x))$. (d) *All drafts kept*, then *typical* and *q thought to be even*. **Only one of these faults makes the decoder much slower.** And no single text of three-token noise can look broken. On stories *all drafts kept* should show, because its drafts do not fit together; the finer faults would not. So section 4 was a little too strict: $q$ must be one from which the draft can be thought drawn, whatever is known when it is judged. An even $q$ is not such a one.
#
# </details>
#
# <details><summary><b>Question.</b> With the same seed, does lossless speculation draw the same text as plain sampling?</summary>
#
# No. It uses its random numbers for other things: to draw drafts, to verify them, to redraw. The *distribution* is the same, each single text is another draw from it. So comparing two texts says nothing here, and counting many is the only test.
#
# </details>
#
# ## 6. Typical acceptance: faster, and something else
#
# Medusa (2024) gives up the promise on purpose: keep a draft if $p$ holds it likely enough, more than $\min(\epsilon, \; \delta \cdot e^{-H(p)})$, and do not ask for $q$ at all. On the tiny model you have seen what that does to the distribution. And on stories? The *surprise* of a text is the mean of $-\log p$ of its tokens, under head 1 at that temperature. Plain and lossless texts must have the same one.
#
# > **Predict:** will typical texts be more surprising, or less?

# %%
some = beginnings[: run.pick(laptop=200, fast=12)]
new = run.pick(laptop=60, fast=12)


@torch.no_grad()
def surprise(texts, temperature):
    """Mean surprise of the texts, nats per token, and half its 95 % interval."""
    values = []
    for start, text in zip(some, texts):
        logits = story(torch.tensor([start + text]), n_future=1)[0, len(start) - 1 : -1, 0]  # (T, V)
        log_p = (logits / temperature).log_softmax(-1)
        values.append(-log_p.gather(1, torch.tensor(text)[:, None]).mean())
    values = torch.stack(values)
    return float(values.mean()), 1.96 * float(values.std()) / len(values) ** 0.5


right = mtp.generate(story, some, new)
print(f"greedy: {right.tokens_per_forward:.2f} tokens per forward")
ways = {"plain": {"method": "autoregressive"}, "lossless": {}, "typical": {"acceptance": "typical"}}
for temperature in (0.8, 1.0):
    for name, how in ways.items():
        out = mtp.generate(story, some, new, temperature=temperature, seed=1, **how)
        mean, half = surprise(out.tokens, temperature)
        print(f"temperature {temperature}, {name:9}: {out.tokens_per_forward:.2f} tokens per forward, "
              f"surprise {mean:.2f} ± {half:.2f}")

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# Less. The rule keeps what is likely *enough*, and refuses the rest: unlikely tokens, which $p$ would have drawn now and then, lose. It acts like a somewhat lower temperature.
#
# </details>
#
# **What it buys here is little:** about 5 % more tokens per forward, for a distribution that is visibly another. (Medusa uses it with a tree of first choices and a larger model, where it may buy more.)
#
# | tokens per forward, n = 4 | greedy | temperature 0.8, lossless | temperature 1, lossless |
# | --- | --- | --- | --- |
# | the paper, 7B, Wikipedia (Table S2) | 3.12 | not reported | not reported |
# | ours, 0.9M, stories, the first 60 tokens | 1.87 | 1.53 | 1.43 |
#
# Neither the lengths nor the texts are the same everywhere. Section 2 had 1.69 greedily, over 96 tokens and the first 40 of these prompts, which reach 1.79 over 60; the card has 1.54 over whole stories from 20 others. Only the columns of one row may be compared.
#
# **Drawing costs drafts.** A draft is kept with probability $\sum \min(p, q)$, which is 1 minus the total variation of $p$ and $q$. Where much is open, heads that look further ahead are less certain than head 1, and $q$ is far from $p$.
#
# ## 7. The fault that no text shows
#
# Heads 2 to 4 keep keys and values of their own. Suppose a decoder forgets to fill these caches: the drafting heads see the block, and zeros where the text should be.
#
# > **Predict:** how many of the texts will differ? Which number would tell you?

# %%
def forget(self, *given, latents=BlockDecoder.latents):
    """The caches of heads 2 and beyond are emptied before every forward."""
    for head in self.head_caches[1:]:
        for cache in head:
            cache.keys.zero_()
            cache.values.zero_()
    return latents(self, *given)


with mock.patch.object(BlockDecoder, "latents", forget):
    faulty = mtp.generate(story, some, new)
print(same(right.tokens, faulty.tokens))
for name, out in (("right", right), ("with the fault", faulty)):
    print(f"{name:14} {out.tokens_per_forward:.3f} tokens per forward")


def drafts_of(out):
    """The drafts made at each place of each text: (row, position) -> drafts."""
    return {(one.row, one.position + one.accepted + 1): one.drafts for one in out.steps}


one, other = drafts_of(right), drafts_of(faulty)
both = one.keys() & other.keys()
share = sum(one[place] == other[place] for place in both) / len(both)
print(f"drafts made at the same place: {share:.0%} of {len(both):,} sets of three are the same")

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# None differs: head 1 verifies with its own cache, which is right. Only the acceptance falls, and by so little that nobody would suspect a bug. What tells it at once are the drafts themselves, which must be those of the heads *without* any cache. So the package's tests compare every draft with a forward over the whole text, not only every token.
#
# </details>
#
# > **What can go wrong**
# >
# > * **"The outputs look the same."** Of the faults in section 5 most would show in no single text, and the one in section 7 changes no text at all.
# > * **A test on a model that ignores its context.** If every place has the same $p$, most mistakes change nothing. Ours has random weights made large; check that drafts are kept *and* refused.
# > * **$q$ without its temperature.** If drafts are drawn at temperature 0.7, $q$ is the distribution at 0.7, after top-k and top-p as well. That is an easy way to get *q is not what was sampled*.
# > * **Exact equality demanded of bfloat16.** Such a test fails now and then, is called flaky and switched off. Ask for ulps instead, or prove it in float64.
# > * **A lucky p.** Two tests in a hundred give $p < 0.02$ although all is right. Decide on the level before you look.
#
# ## To take with you
#
# * Greedy: the same text, provably; to be tested in float64. In lower precision texts part at near ties, at a rate that can be computed, and so do two batches of plain decoding.
# * Drawn: the same distribution, by $\min(p, q) + \max(0, p - q) = p$. Only counting can test it, and the test must state its power and be seen to fail.
# * Typical acceptance is another distribution, for a little speed.
# * What speculation hides are wrong drafts. Compare drafts, not only texts.
#
# <details><summary><b>Think further.</b> In a tree of drafts several candidates stand at each place. The package draws from <i>p</i> at each node and goes on to the child that carries the token, if there is one. Why does this rule need no <i>q</i> at all, and why is it exact?</summary>
#
# Every token is drawn from $p$ after the true text so far, exactly as in plain sampling. The candidates only decide whether the next forward has been done already. It is *q thought to be certain* with several drafts: a candidate $x$ is kept with probability $p(x)$. With one candidate that keeps less than the lossless rule; with several, often more.
#
# </details>
