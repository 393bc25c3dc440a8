# %% [markdown]
# # 9. Bytes: eight tokens ahead
#
# **After this lesson you can** explain why the paper predicts eight bytes ahead, read its tables on n, say what replicated unembeddings cost and when, and compare models whose tokens have different lengths.
#
# *25 minutes, two of them computing. A laptop is enough.*

# %%
import math
import re
from dataclasses import replace
from statistics import median

import mtp_edu as mtp
from mtp_edu import checkpoint, meter, notebook, probe, views
from mtp_edu.bench.paper_decoding import TABLE_S3
from mtp_edu.views.byte_surprise import surprise_bars, surprise_by_place

import torch
from IPython.display import Markdown

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one
device = run.device.device

names = {"bytes": "bytes-8", "pieces": "python-4"}
model, tok = mtp.load_pretrained(names["bytes"], device=device)
other, pieces = mtp.load_pretrained(names["pieces"], device=device)
for name, one in zip(names.values(), (model, other)):
    print(f"{name}: {one.cfg.parameters():,} parameters, vocabulary {one.cfg.vocab_size:,}, n = {one.cfg.n_future}")

training, held_out = mtp.corpus.split(mtp.corpus.python_source())
for name in names.values():  # another Python has other files: leave out what a model may have seen
    seen = checkpoint.seen(checkpoint.find(name), held_out)
    held_out = [document for document in held_out if document not in seen]
print(f"{len(held_out)} files of the standard library that neither has seen")

# %% [markdown]
# Both models have learnt from the same files of Python's standard library, and both are about the same size. One reads bytes and predicts eight of them; the other reads word pieces of a vocabulary of 2,048 and predicts four.
#
# ## 1. The result first
#
# > **Predict:** the byte model has eight heads. How many bytes will it write per forward, and how many would you need to keep up with the other model, whose tokens are about three bytes long?

# %%
prompt = "def read(self, size=-1):\n    "
views.DecodingRace(model, tok, prompt, max_new_tokens=run.pick(laptop=160, fast=24))

# %% [markdown]
# The shape is Python's, the words are words, and soon it goes in circles: small models like ours do when they always take the likeliest token. Mind what lesson 5 said of races that such a model wins. But what it writes costs fewer forwards than bytes, since whatever it is sure of, such as the rest of `return` after `ret`, costs no forward of its own.
#
# ## 2. Why the next byte is a poor teacher
#
# Many bytes are no decision. After `ret` comes `urn`, after `sel` an `f`. What must be *decided* is which word comes next, and that falls on its first bytes. Here is the surprise of head 1 at each byte of a held-out line. The dotted lines show where word pieces begin. The next cell takes windows from all over the held-out text.
#
# > **Predict:** what share of all the bits is paid at the first byte of a piece? And at its second?

# %%
def byte_places(text):
    """For every byte of a text its place in its word piece: 0 for the first."""
    return [place for token in pieces.encode(text) for place in range(len(pieces.token_bytes(token)))]


def surprises(text, length=model.cfg.max_seq_len):
    """Bits of every head at every byte of the beginning of a text: (T, n), row t for the byte at place t."""
    ids = tok.encode(text)[:length]
    found = probe.head_predictions(model, ids).surprise / math.log(2)  # [t, k-1] is about byte t+k
    moved = torch.full_like(found, float("nan"))
    for k in range(1, model.cfg.n_future + 1):
        moved[k:, k - 1] = found[:-k, k - 1]
    return moved


whole, window = "\n".join(document.text for document in held_out), model.cfg.max_seq_len
some = [whole[start : start + window] for start in range(0, len(whole) - window, len(whole) // run.pick(laptop=32, fast=2))]
bits = [surprises(text) for text in some]
places = [torch.tensor(byte_places(text)[: len(own)]) for text, own in zip(some, bits)]

lines = ((i, re.search(rb"\n *(?:def|return) [^\n]{20}", text.encode()[: window - 80])) for i, text in enumerate(some))
i, start = next(((i, line.start() + 1) for i, line in lines if line), (0, 0))
shown = slice(start, start + 56)
surprise_bars(some[i].encode()[shown], bits[i][shown, 0].nan_to_num().tolist(),
              [at for at, place in enumerate(places[i][shown].tolist()) if place == 0])

# %%
often = torch.bincount(torch.tensor(tok.encode("".join(document.text for document in training))), minlength=tok.vocab_size)
rare = -((often + 1) / (often + 1).sum()).log2()  # bits for who knows only how often each byte occurs
all_bits, all_places = torch.cat(bits), torch.cat(places)
no_context = torch.cat([rare[torch.tensor(tok.encode(text)[: len(own)])] for text, own in zip(some, bits)])
most = 5
curves = {}
for head in (1, 2, 4, 8):
    own = all_bits[:, head - 1]
    known = ~own.isnan()
    curves[head] = [float(own[known & (all_places == place)].mean()) for place in range(most)]
known = ~all_bits[:, 0].isnan()
for place, word in enumerate(("first", "second")):
    here = all_places == place
    share = all_bits[known & here, 0].sum() / all_bits[known, 0].sum()
    print(f"{here.float().mean():.0%} of the bytes are the {word} of a piece, and {share:.0%} of head 1's bits are paid there")
print("bits by place  ", *(f"{place + 1:5}" for place in range(most)))
for head, own in curves.items():
    print(f"head {head}         ", *(f"{value:5.2f}" for value in own))
print("no context     ", *(f"{no_context[all_places == place].mean():5.2f}" for place in range(most)))
surprise_by_place(curves)

# %% [markdown]
# Head 1 pays most at the first two bytes of a piece; from the third on a byte is cheap, and most of those hold no decision. Head 8 pays at every place, but read its curve with care: it lies only half a bit or so below the last line, which is what somebody pays who knows no more than how often each byte occurs. Its *task* reaches past the word, and it has not learnt much of it yet. **Eight bytes are about three pieces**, so n = 8 on bytes looks as far as n = 3 does on pieces. That is the paper's point in section 3.3: with bytes, predicting one at a time looks at the most local pattern there is.
#
# **What we have not measured:** a byte model with n = 1. The evidence that eight is better is the paper's, at 7B (section 5). At our size more heads made head 1 *worse* for word pieces (`python-4` 3.07, `python-1` 2.65 nats per token, one run each), and it may be so for bytes. Do not conclude from `bytes-8` that n = 8 is the better teacher here.
#
# <details><summary><b>Question.</b> The paper's best n is 8 for bytes and 4 for tokens (Table 1). What would you expect for a tokenizer with a vocabulary of 256,000?</summary>
#
# A smaller n: its tokens are longer, so a few of them already reach far. But this has to be measured; the paper has two vocabularies only. In Table 1 n = 6 and 8 are worse than 4 on MBPP and HumanEval, but better on APPS; on bytes 16 and 32 are worse than 8 everywhere.
#
# </details>
#
# ## 3. How far do the heads see?

# %%
length = run.pick(laptop=512, fast=64)
windows = {
    "bytes-8": mtp.corpus.windows(held_out, tok, length, model.cfg.n_future),
    "python-4": mtp.corpus.windows(held_out, pieces, min(length, other.cfg.max_seq_len), other.cfg.n_future),
}
looked = run.pick(laptop=48, fast=2)
found = {name: probe.acceptance(one, windows[name], looked) for name, one in (("bytes-8", model), ("python-4", other))}
mine, paper = found["bytes-8"], TABLE_S3[8]
views.forward_bars({"ours, judged by head 1": mine.main.cumulative, "ours, judged by the text": mine.text.cumulative})

# %% [markdown]
# A token is a byte here, and each bar runs from head 1 on the left to head 8. The paper's Table S3 gives bytes per forward for 1, 2, 4 and 8 heads of its 7B model trained on 313 billion bytes of code. Ours has seen about nine million.

# %%
print("heads    ours: bytes per forward, at best   paper: bytes per forward, times as fast")
for k in (1, 2, 4, 8):
    forwards = 1 + sum(mine.main.cumulative[: k - 1])
    faster, theirs = paper[k]
    print(f"{k:5} {forwards:25.2f} {meter.bound(model.cfg, forwards, k):9.2f} {theirs:26.2f} {faster:16.2f}")

# %% [markdown]
# With eight heads the paper's model gets 7.04 of at most 8: nearly everything that it drafts is right, because it is large and code is regular. Speed is less, 6.39: a step with eight heads took 7.04 / 6.39 = 1.10 times as long as a plain one. By the bytes it reads it would take 1.28 times as long (a plain step runs 25 of 32 layers, section 4), so in the paper's setting, 16 rows at once, something other than reading weights takes part of the time. Our *at best* counts bytes only: a guide, not a law. In our model of 16 layers eight heads are *half*, so far less of the gain is left, and four heads may gain more than eight. More layers in the trunk would help, and cost training time.
#
# ## 4. Replicated unembeddings
#
# All models before this lesson share one unembedding among their heads. For bytes the paper gives every head its own: with 256 bytes they are small. Its words for doing so at 32,000 tokens: "prohibitive for large-scale trainings".
#
# > **Predict:** which share of the parameters are eight unembeddings of 257 bytes at width 128? And four of 32,000 tokens at width 4,096?

# %%
seven = {"dim": 4096, "n_layers": 32, "n_attention_heads": 32, "ffn_dim": 11_008}
shapes = {
    "ours, bytes, n = 8": model.cfg,
    "7B, bytes, n = 8": mtp.ModelConfig(vocab_size=257, n_future=8, **seven),
    "7B, 32,000 tokens, n = 4": mtp.ModelConfig(vocab_size=32_000, n_future=4, **seven),
}
print(f"{'':26}    shared   replicated     more   plain step / speculative step, bytes")
for words, cfg in shapes.items():
    shared, own = (replace(cfg, replicated_unembedding=each) for each in (False, True))
    ratios = [meter.step_cost(one, 1).bytes / meter.step_cost(one, one.n_future).bytes for one in (shared, own)]
    print(f"{words:26} {shared.parameters() / 1e6:8,.1f}M {own.parameters() / 1e6:11,.1f}M "
          f"{own.parameters() / shared.parameters() - 1:8.1%}   {ratios[0]:.2f} shared, {ratios[1]:.2f} replicated")

# %% [markdown]
# About the same: eight of 257 × 128 are 7.6 % of our parameters, four of 32,000 × 4,096 are 7.4 % of a 7B model (the table shows what the copies *add* to a shared one). What makes copies cheap is the small vocabulary, beside a model that is wide and deep: at 4,096 eight for bytes add a tenth of a per cent. With 32,000 tokens they would be hundreds of millions of parameters, each with gradients and two moments in the optimizer, and a speculative step would read them all.
#
# ## 5. Comparing across vocabularies
#
# Loss per token cannot be compared between vocabularies, nor can tokens per forward. Bytes are the common unit: **bits per byte** for how well a model knows the text, **bytes per forward** for how much a forward writes, **bytes per second** for both. Each model reads in its own window: 768 bytes, or 512 pieces, which are about 1,400 bytes.
#
# > **Predict:** which of the two models knows held-out code better, and which writes it faster?

# %%
texts = held_out[:: max(1, len(held_out) // run.pick(laptop=40, fast=3))]
readers = {"bytes-8": (model, tok), "python-4": (other, pieces)}
reports = {name: probe.report(one, own, texts, run.pick(laptop=one.cfg.max_seq_len, fast=64), prompts=run.pick(laptop=12, fast=2))
           for name, (one, own) in readers.items()}
prompts = [document.text[:200] for document in texts[:: max(1, len(texts) // 6)][: run.pick(laptop=6, fast=1)]]
speed = {(name, k): [] for name in readers for k in (1, 4)}
for turn in range(run.pick(laptop=3, fast=1)):  # in turns, there and back: the machine is not equally fast all the time
    for name, k in list(speed)[:: 1 if turn % 2 == 0 else -1]:
        one, own = readers[name]
        outs = [mtp.generate(one, own.encode(prompt)[:128], run.pick(laptop=96, fast=12), n_future=k) for prompt in prompts]
        written = sum(len(own.token_bytes(token)) for out in outs for token in out.tokens)
        speed[name, k].append(written / sum(out.seconds for out in outs))

table = ["| | bits per byte | bytes per forward (a) | free running (b) | repeated 8-grams (text's own) | bytes/s plain | with 4 heads |",
         "| --- " * 7 + "|"]
for name, report in reports.items():
    speeds = [median(speed[name, k]) for k in (1, 4)]
    per, cold = report.bytes_per_token, report.free[0]
    table.append(f"| {name} | {report.bits_per_byte:.2f} | {per * report.acceptance.main.tokens_per_forward:.2f} "
                 f"| {per * cold.tokens_per_forward:.2f} | {cold.repetition:.0%} ({report.text_repetition:.0%}) "
                 f"| {speeds[0]:,.0f} | {speeds[1]:,.0f} |")
Markdown("\n".join(table))

# %% [markdown]
# In our stored run the model of pieces wins: it knows the text better, writes more bytes per forward (4.35 against 3.05) and more in a second, with drafts and without. All the drafts of `bytes-8` bring it to what `python-4` writes without any, about three bytes per forward; to keep up with its drafts as well it would need more than four. What bytes seem to gain more of is time: 1.3 times as fast with four heads, against 1.1; but the seconds are those of text that repeats itself, and of one sitting.
#
# The two have had about the same *computing* time, not the same number of bytes: a piece is about three bytes long, so the model of pieces has read its text more than three times while the byte model has read it once. At equal text the gap would probably be smaller; we have not measured it. Both repeat themselves far more than the text does when they always take the likeliest token, so (b) at temperature 0 flatters them, and the bytes per second with drafts do too: it is the trap of lesson 5, in models that ship. (The 8-grams of a byte model are eight bytes, not eight pieces, and code itself repeats more of those.)
#
# **What the paper found** at 7B after 313 billion bytes (Table 1, problems solved at one attempt):
#
# | n | MBPP | HumanEval | APPS, introductory |
# | --- | --- | --- | --- |
# | 1 | 19.3 % | 18.1 % | 0.1 % |
# | 8 | 32.3 % | 21.8 % | 1.2 % |
# | 16 | 28.6 % | 20.4 % | 1.0 % |
# | 32 | 23.0 % | 17.2 % | 0.6 % |
#
# That is two thirds more on MBPP and a fifth more on HumanEval, with n = 8 and bytes. It is one run for each n, at half an epoch. The token models of the same table saw 1.7 times as much text. With n = 1 they solve 30.0 % of MBPP and 22.8 % of HumanEval, with n = 4 33.8 % and 24.0 %. So at one attempt on MBPP and HumanEval eight bytes ahead nearly closes the gap between bytes and tokens. With 100 attempts it does not (69.6 % and 57.9 %, against 73.7 % and 62.0 % for tokens with n = 1), and nothing here shows that bytes are better.
#
# > **What can go wrong**
# >
# > * **Half a character.** A byte model can stop inside a character of several bytes, and the text then cannot be decoded; `tok.decode` puts � there. Stop at a line's end, or keep the bytes until they are whole.
# > * **Comparing tokens per forward.** 3 tokens of 3 bytes are more than 7 bytes. Always state bytes.
# > * **A window of 1,024 is short.** It is a page of bytes and three pages of pieces: a byte model sees less of the text at the same cost of attention.
# > * **Eight heads in a shallow model.** They take eight layers from the trunk. `keep_trunk_depth=True` adds them on top instead; then compare at equal parameters.
#
# ## To take with you
#
# * Many bytes only finish a word, so one byte ahead is mostly local; eight bytes are about three pieces, and at 7B n = 8 does better (Table 1).
# * For bytes each head may have its own unembedding; for large vocabularies it must not.
# * Across vocabularies compare bits per byte, bytes per forward and bytes per second.
#
# <details><summary><b>Think further.</b> In section 2 head 1 still pays much at the second byte of a piece. Where do those bits come from?</summary>
#
# Many pieces begin alike. A good part of them begin with a space, and then the second byte decides which word comes. Others share their first letters, such as `return`, `read` and `repr`. With a vocabulary of 2,048 there are many such beginnings.
#
# </details>
#
# ## The result once more, as a plain picture
#
# Another run of the same race, so its ratio of times need not be that of section 1.

# %%
count = run.pick(laptop=160, fast=24)
plain, quick = (mtp.generate(model, tok.encode(prompt), count, n_future=k) for k in (1, model.cfg.n_future))
views.race_curves(plain, quick)
