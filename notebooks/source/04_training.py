# %% [markdown]
# # 4. Training
#
# **After this lesson you can** watch, stop and resume a training run, say what each of its curves means, write the loop in a dozen lines, compare two models fairly, and tell before a run begins what it will take.
#
# *40 minutes, about six of them computing. A laptop is enough.*

# %%
import json
import math
import signal
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

import mtp_edu as mtp
from mtp_edu import meter, notebook, views
from mtp_edu.bench.results import store
from mtp_edu.bench.timing import take_turns
from mtp_edu.config import PRESETS
from mtp_edu.paths import data_dir
from mtp_edu.train import learning_rate, make_optimizer, window_order
from mtp_edu.views import scaling
from mtp_edu.views.training import run_curves, run_inside

import torch

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one

# %% [markdown]
# ## 1. The result first: a model learns to write Python while you watch
#
# The text is a part of Python's own standard library, as it is installed on this machine. A twentieth of the files is *held out* (and whatever shares long passages with them): the model never trains on them, they are only used to judge it. The vocabulary has 512 pieces of words, and `nano` is the smallest model of the package, here with four heads.

# %%
training, held_out = mtp.corpus.split(mtp.corpus.python_source())
training = training[:: run.pick(laptop=4, gpu=1, fast=12)]
tok = mtp.SentencePieceTokenizer.train(training, vocab_size=run.pick(laptop=512, gpu=2048))
length = run.pick(laptop=128, gpu=512, fast=32)


def windows(texts, n):
    return mtp.corpus.windows(texts, tok, length, n_future=n)


data, check = windows(training, 4), windows(held_out, 4)
print(f"{len(training)} files to learn from: {data}")
print(f"{len(held_out)} files held out: {check}")

# %%
cfg = mtp.ModelConfig.preset("nano", vocab_size=tok.vocab_size, n_future=4)
config = mtp.TrainConfig(
    steps=run.pick(laptop=600, fast=16),
    batch_size=run.pick(laptop=8, fast=4),  # windows in a step
    learning_rate=6e-3,
    validate_every=run.pick(laptop=50, fast=4),
    checkpoint_every=run.pick(laptop=50, fast=4),
)
folder = Path(tempfile.mkdtemp()) / "nano"  # where the run keeps itself
past = {}  # its events by step, from all sittings
print(f"{config.steps} steps read {config.steps * config.batch_size / len(data):.1f} times as many windows as there are")

prompt = "def read(self, name):\n    "


def sample():
    out = mtp.generate(model, tok.encode(prompt), run.pick(laptop=48, fast=8), temperature=0.8, top_p=0.95, seed=1)
    return prompt + tok.decode(out.tokens)


# %% [markdown]
# > **Predict:** (a) With 512 tokens to choose from and no idea, what is the loss of the first step? (b) In which order will the model learn these: brackets that close, indentation, names that exist?
#
# Now and then the model continues `def read(self, name):`, always with the same dice. **While it runs, press *Stop* (or ■, Interrupt).** The step in progress is finished, the picture stays, the model keeps what it has learnt. Run the cell again, and the run goes on where it was. (When it has ended there is nothing to go on with: run the cell above first, it makes a new folder.)

# %%
model = mtp.MultiTokenModel(cfg)
events = mtp.train(model, data, config, validation=check, folder=folder, tokenizer=tok, resume=True)
four = views.TrainingMonitor(events, title="n = 4", sample=sample)
for event in four:  # your own code may stand here: it sees every step
    past[event.step] = event
    if event.interrupted:
        print(f"stopped after step {event.step} of {event.steps}: run this cell again to go on")

# %% [markdown]
# The loop above is all there is to it: `mtp.train` is a generator that makes one optimizer step and hands out an *event* with everything that is known then. The picture, a progress bar, the command line and a test all read the same events.

# %%
history = list(past.values())
event = history[-1]
print(f"step {event.step} of {event.steps}: {event.tokens:,} tokens seen in {event.seconds:.0f} s")
print(f"{event.tokens_per_second:,.0f} tokens per second, "
      f"{event.flops_utilisation:.0%} of what this machine reaches in a large matrix product")
print("training text, per head:", " ".join(f"{loss:.2f}" for loss in event.losses))
print("held-out text, per head:", " ".join(f"{loss:.2f}" for loss in event.validation or ()))
print(f"the first step's head 1: {history[0].losses[0]:.2f}; no idea at all: ln {cfg.vocab_size} = {math.log(cfg.vocab_size):.2f}")

# %% [markdown]
# <details><summary><b>Answers</b></summary>
#
# (a) $\ln 512 = 6.24$ nats: whoever gives all 512 tokens the same chance pays $-\ln(1/512)$ for each. The first step stands a little above, because random weights are not silent: they have opinions, and these are wrong.
#
# (b) Most often indentation and line ends come first, since they are frequent and need only the last few tokens. Then words of the language (`self`, `return`, `if`), then brackets that close. Names that fit the place take longer: the model writes words that it has often read (`self`, for instance), but not yet the name that was defined ten lines above. What it writes is not a program, and yours need not look like ours.
#
# </details>
#
# ## 2. Read the curves
#
# | you see | it means |
# | --- | --- |
# | the first five or so steps are nearly flat | *warm-up*: the learning rate grows from 0 for the first tenth of the run, so that the first, wild gradients do no harm. The steep fall begins while it still grows |
# | a steep fall, then a shelf where all heads meet | at first they only learn how often each token occurs (near 5.1 here); from there on it takes context |
# | the thin line trembles | every step sees other windows. Two neighbouring steps do not compare, the thick line does |
# | the heads fan out | further ahead is harder (lesson 1) |
# | hollow marks lie near the thick line | the model does nearly as well on text it has not seen. They are always the same windows, and these may be easier or harder than the training text. A run that reads no window twice has no gap that comes from learning by heart. If the marks rise while the line falls, it does (section 5) |
# | the hollow marks level off at the end | the learning rate goes to 3 % of its peak, so the *weights* come to rest. The thin line still trembles, because the windows still differ |
#
# The learning rate of step $s$ of $S$, with $w$ steps of warm-up and the peak $\eta$ (the paper's Table S13 has the same shape and, for code, the same 3 % at the end):
#
# $$\eta_s = \eta \cdot \begin{cases} (s+1)/w & s < w \\ 0.03 + 0.97 \cdot \tfrac12 \left(1 + \cos \pi \tfrac{s-w}{S-1-w}\right) & \text{else} \end{cases}$$
#
# In the code it is `learning_rate(config, step)`, five lines. The other two curves are the *gradient norm*, which says how hard the step pulls, and the speed, which says what else your machine was doing:

# %%
run_inside(history)

# %% [markdown]
# <details><summary><b>Question.</b> The gradient norm is above 1 in every step, and each gradient is scaled down to norm 1. Why does the model learn all the same, and what is the clipping good for?</summary>
#
# AdamW divides each weight's gradient by its usual size. If all gradients are a third of what they were, nothing changes. What clipping does change is the *weight of a single step* in the averages: no step, however odd its windows, pulls harder than another. (The norm is that of four losses added up; with one head it is smaller.)
#
# </details>
#
# <details><summary><b>Question.</b> Why can a run of 600 steps not be judged by where a run of 1,200 steps stood after 600?</summary>
#
# Because of the learning rate. Half-way it is still high and the weights still tremble; the short run has already come to rest. A loss on the way is as a rule higher than a run of that length would end with. This matters for every comparison below.
#
# </details>
#
# ## 3. Write it yourself: the loop in a dozen lines
#
# A step takes some windows, computes the loss and the gradient, and lets AdamW move the weights. Nothing else.

# %%
def my_train(model, dataset, config):
    optimizer = make_optimizer(model, config)  # AdamW: matrices decay, the gains of the norms do not
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
        tokens, targets = dataset.batch(window_order(dataset, config, step))  # (B, T), (B, T, n)
        mtp.forward_backward(model, tokens, targets)  # adds the gradient of the n losses' sum to .grad
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
        optimizer.zero_grad()


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


small = mtp.ModelConfig(vocab_size=tok.vocab_size, dim=32, n_layers=6, n_attention_heads=2, n_future=4)
short = mtp.TrainConfig(steps=run.pick(laptop=40, fast=8), batch_size=4, device="cpu")
mine, theirs = mtp.MultiTokenModel(small), mtp.MultiTokenModel(small)
before = [weight.clone() for weight in mine.parameters()]
my_train(mine, data, short)
for _ in mtp.train(theirs, data, short, quiet=True):
    pass

moved = not any(torch.equal(a, b) for a, b in zip(before, mine.parameters()))
print("every weight has moved:", moved)
print("the same weights as mtp.train, bit for bit:", same_weights(mine, theirs))

# %% [markdown]
# <details><summary><b>What does <code>mtp.train</code> add?</b></summary>
#
# Micro-batches (many windows in a step, few at a time in memory, with the same gradient), lower precision on a GPU, weights for the heads that may change during the run, checks before the first step, measuring on held-out text, checkpoints, a stop that breaks nothing. `mtp_edu/train.py` has it in one file.
#
# </details>
#
# <details><summary><b>Question.</b> Someone forgets <code>optimizer.zero_grad()</code>. Does the loss still fall?</summary>
#
# Often it does, and that makes it a nasty mistake. `.grad` then holds this step's gradient and what is left of all earlier ones. Clipping shrinks the sum to length 1 each time, so the old ones fade: a second momentum, at a pace that nobody chose. Without clipping they would never fade, and each step would go into the direction of the *sum of all gradients so far*.
#
# </details>
#
# ## 4. Stop, and go on as if nothing had happened
#
# Long runs are interrupted: by you, by a flat battery, by Colab. Three things must come back for a run to be *the same run*: the weights, AdamW's two averages of each weight, and the place in the order of the windows. The last one costs nothing here: the order follows from the seed and the step's number, so there is no random state to keep.
#
# > **Predict:** a run is stopped in the middle and resumed. Are its weights at the end *equal* to those of a run that was never stopped, or only similar?

# %%
stop_at = short.steps // 2
place = Path(tempfile.mkdtemp()) / "stopped"
stopped = mtp.MultiTokenModel(small)
for event in mtp.train(stopped, data, short, folder=place, tokenizer=tok, quiet=True):
    if event.step == stop_at and not event.interrupted:
        signal.raise_signal(signal.SIGINT)  # what the button ■ does
print(f"interrupted: {event.interrupted}, after step {event.step} of {event.steps}; the folder holds")
for file in sorted(place.iterdir()):
    print(f"  {file.name:22} {file.stat().st_size / 1000:9,.1f} kB")

resumed = mtp.MultiTokenModel(small)  # a new model, as after a restart
*_, last = mtp.train(resumed, data, short, folder=place, resume=True, quiet=True)
print(f"resumed to step {last.step}; the folder holds {', '.join(file.name for file in sorted(place.iterdir()))}")
print("stopped and resumed, the same weights bit for bit:", same_weights(resumed, theirs))

# %% [markdown]
# <details><summary><b>What do you see?</b></summary>
#
# Equal, to the last bit (on a CPU; some operations of a GPU add up in an order that changes from run to run). `training.safetensors` is about three times as large as the model: the weights, and two averages for each of them. It goes away when the run is finished. Every file is written beside the old one and then takes its place, so there is no moment at which a power cut leaves half a file.
#
# </details>
#
# <details><summary><b>Question.</b> You resume with another learning rate. What should happen?</summary>
#
# It would be another run, and no result could say what was done. `mtp.train` refuses and names what has changed: the settings, or the text. What does not change the result, such as how often to save, may change.
#
# </details>
#
# ## 5. Epochs: when the text runs out
#
# One pass over all windows is an *epoch*. Every epoch visits each window once, in an order of its own:

# %%
few = mtp.corpus.windows([training[0].text[:4000]], tok, length=64, n_future=2)
order = mtp.TrainConfig(steps=3, batch_size=len(few))  # a step is an epoch here
for epoch in range(3):
    print(f"epoch {epoch + 1}: windows", *window_order(few, order, epoch)[:12], "...")

# %% [markdown]
# Now we give a model very little text, and many epochs.
#
# > **Predict** both curves of head 1: the loss on the training text, and the loss on held-out text. Where do they part?

# %%
little = mtp.corpus.windows([document.text[:3000] for document in training[:5]], tok, length=64, n_future=2)
unseen = mtp.corpus.windows(held_out, tok, length=64, n_future=2)
batch = 8
per_epoch = len(little) / batch
many = mtp.TrainConfig(
    steps=run.pick(laptop=500, fast=12), batch_size=batch, learning_rate=4e-3,
    validate_every=run.pick(laptop=20, fast=4), validation_windows=32,
)
tiny = mtp.ModelConfig(vocab_size=tok.vocab_size, dim=64, n_layers=6, n_future=2)
print(f"{little}: {per_epoch:.0f} steps an epoch, {many.steps / per_epoch:.0f} epochs")
epochs = views.TrainingMonitor(mtp.train(mtp.MultiTokenModel(tiny), little, many, validation=unseen), title="epochs")
memorised = epochs.run()


def whole(events, planned):
    """The events of a run that has come to its end: half a run does not compare (section 2)."""
    if not events or events[-1].step < planned:
        raise RuntimeError("this run was stopped: run its cell again, then those below it")
    return events


# %%
memorised = whole(memorised, many.steps)
measured = [event for event in memorised if event.validation]
best = min(measured, key=lambda event: event.validation[0])
for event in (best, measured[-1]):
    print(f"epoch {event.step / per_epoch:5.1f}: head 1 on training text {event.losses[0]:.2f}, "
          f"on held-out text {event.validation[0]:.2f}")
print(f"held-out text was best in epoch {best.step / per_epoch:.1f} of {measured[-1].step / per_epoch:.1f}")

# %% [markdown]
# <details><summary><b>What happens there?</b></summary>
#
# At first both fall: what helps with one text helps with the other. Then the training loss keeps falling, because the model learns these few files by heart, and the held-out loss rises: it grows ever more certain of things that are true of these files only. A training curve alone would have called this a success. **Stop at the lowest held-out loss** (and then judge the chosen model on text that was *not* used to choose it).
#
# </details>
#
# How many epochs are too many depends on the text's size beside the model's. And on $n$? An experiment of the package, `mtp-edu run scaling`, trains `nano` on the same number of tokens each time, 2.1 million: all different, or a quarter of them in 4 passes, or a sixteenth in 16. Three seeds, and what it stored is drawn below.
#
# > **Predict:** more passes over less text cost something. Whom do they cost more, $n = 1$ or $n = 4$?

# %%
stored = data_dir() / "results" / "scaling_cpu.json"
sweep = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {"rows": []}


def stored_picture(draw, part):
    """A picture of the stored experiment, where that part of it has been run."""
    if any(part in row["parts"] and row["runs"] for row in sweep["rows"]):
        return draw(sweep)
    print(f"This part has not been stored yet. `mtp-edu run scaling --parts {part}` in a terminal makes it.")


stored_picture(scaling.by_epochs, "epochs")

# %% [markdown]
# <details><summary><b>What do three seeds say?</b></summary>
#
# Four passes over a quarter of the text cost both about 0.2 nats, and $n = 4$ stays behind as before: +0.16 [+0.12, +0.21] with one pass, +0.15 [+0.07, +0.22] with four (95 % intervals). After 16 passes $n = 4$ is *ahead*, by 0.63 [0.43, 0.84]. Is it better, then? The picture on the right says what has happened. Both get worse from about half of the way on, and $n = 1$ faster: it learns more of the text by heart (its training loss ends at 1.1 nats, that of $n = 4$ at 2.1). Perhaps four tasks and a trunk with three layers fewer leave less room for that; this experiment does not tell which. At their lowest, on the way, the two stand at 4.40 and 4.42: +0.01 [−0.10, +0.12]. So $n = 4$ suffers less from training too long. That it gets more out of little text is not shown, nor is the contrary. (And points on the way are half a run: the learning rate was still high, section 2.)
#
# </details>
#
# The paper trains its 7B models for 0.8 and for 4 epochs of code. Table 1, pass@1 in per cent:
#
# | | MBPP | HumanEval | APPS/Intro |
# | --- | --- | --- | --- |
# | 200B tokens, 0.8 epochs: n = 1 → n = 4 | 30.0 → 33.8 | 22.8 → 24.0 | 2.8 → 1.6 |
# | 1T tokens, 4 epochs: n = 1 → n = 4 | 40.7 → 43.1 | 31.7 → 31.6 | 5.4 → 4.3 |
#
# The second row has seen five times as many tokens, so it is more training and more epochs at once. The gain of $n = 4$ shrinks from +3.8 to +2.4 on MBPP, from +1.2 to nothing on HumanEval, and on APPS $n = 4$ loses both times. With 100 attempts it still gains on HumanEval (83.0 → 86.2). The paper says that the advantage is kept with several epochs; that holds for some columns. Each cell is one model, without a spread.
#
# ## 6. n = 1 against n = 4: equal in what?
#
# A comparison is fair *in something*. At equal parameters (the paper moves $n - 1$ layers from the trunk into the heads) it can still be fair in text or in time, and not in both: each head makes its own pass through the unembedding.
#
# > **Predict:** how much longer does a step with four heads take, for a model of width 64 and 512 tokens? And whose head 1 is ahead after equal *text*; after equal *time*?

# %%
cfg_one = replace(cfg, n_future=1)
work = cfg.flops_per_token(length) / cfg_one.flops_per_token(length)
print(f"parameters: {cfg_one.parameters():,} and {cfg.parameters():,}; operations for a token: {work:.2f} times as many")


def train_one(steps, title):
    """n = 1 on the same text in the same order; the rate comes to rest at the end of its own run."""
    events = mtp.train(mtp.MultiTokenModel(cfg_one), windows(training, 1), replace(config, steps=steps, warmup_steps=steps // 10),
                       validation=windows(held_out, 1), quiet=True)
    return whole(views.TrainingMonitor(events, title=title).run(), steps)


history = whole(list(past.values()), config.steps)  # of section 1
equal_text = train_one(config.steps, "n = 1, equal text")

# %% [markdown]
# The twin has seen the same text. How much time has it saved? Two runs one after the other cannot tell: your machine is not equally fast all the time. So single steps of both take turns, and each pair gives a ratio.
#
# For equal time $n = 1$ then gets more steps, in a run of its own: its learning rate must come to rest when the time is over (section 2).

# %%
def one_step(cfg):
    """A training step of a model of this shape, as a function, always on the same windows."""
    where = run.device.device
    model = mtp.MultiTokenModel(cfg).to(where)
    optimizer = make_optimizer(model, config)
    tokens, targets = (part.to(where) for part in windows(training, cfg.n_future).batch(range(config.batch_size)))

    def step():
        with run.device.autocast():
            mtp.forward_backward(model, tokens, targets)
        optimizer.step()
        optimizer.zero_grad()

    return step


turns = take_turns({"n = 1": one_step(cfg_one), "n = 4": one_step(cfg)}, run.pick(laptop=25, fast=3), 1, run.device.device)
ratios = sorted(slow / quick for slow, quick in zip(turns["n = 4"], turns["n = 1"]))
ratio = median(ratios)
quarter = len(ratios) // 4
print(f"a step with n = 4 takes {ratio:.2f} times as long as one with n = 1 "
      f"(half of the pairs: {ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f}; operations: {work:.2f})")
longer = max(config.steps + 1, round(ratio * config.steps))
print(f"equal time: {longer} steps with n = 1 for {config.steps} with n = 4")
equal_time = train_one(longer, "n = 1, equal time")

# %% [markdown]
# In the picture on the right a step counts as long as it took in turns, so that the moods of the machine do not enter.

# %%
each = {1: median(turns["n = 1"]), 4: ratio * median(turns["n = 1"])}
runs = {"n = 4": history, "n = 1, equal text": equal_text, "n = 1, equal time": equal_time}
runs = {name: [replace(event, seconds=event.step * each[len(event.losses)]) for event in events] for name, events in runs.items()}
for name, events in runs.items():
    last = [event for event in events if event.validation][-1]
    print(f"{name:18} {last.tokens:>9,} tokens  {last.seconds:5.0f} s  head 1 on held-out text {last.validation[0]:.3f}")
run_curves(runs)

# %% [markdown]
# <details><summary><b>What can be said, and what cannot?</b></summary>
#
# In our runs $n = 1$ is ahead on both counts. First look at the two runs of $n = 1$: the same first weights, the same windows in the same order, and yet two lines. The longer run warms up more slowly and comes to rest later, nothing else; so only ends may be compared (section 2). And how much of the lead over $n = 4$ is chance? One run of each cannot tell. The seeds below can. The paper's small models agree in kind ($n = 4$ solves fewer problems at 0.3B and 0.6B, Table S7); that says nothing about large ones. Both had the same peak rate, which need not be the best for both, and the ratio of times is that of one machine on one day, within the range printed above. What $n = 4$ buys at this size is drafts (lesson 5), not a better head 1.
#
# </details>
#
# One run of each is an anecdote. The same question with four sizes, three seeds and intervals (the experiment of section 5):

# %%
stored_picture(scaling.by_size, "size")

# %%
stored_picture(scaling.by_cost, "size")

# %% [markdown]
# <details><summary><b>What do three seeds say?</b></summary>
#
# $n = 2$ costs head 1 little: +0.01 [−0.03, +0.05] nats at nano, +0.02 [−0.01, +0.04] at 1M, +0.04 [−0.00, +0.08] at 3M, +0.05 [+0.02, +0.08] at 10M. Only the last is more than chance could make. $n = 4$ costs clearly: +0.16 [+0.12, +0.21] at nano, +0.26 [+0.22, +0.30] at 10M. (At 1M and 3M there is no $n = 4$: of their five and four layers the trunk would keep one, or none.) For that it writes 1.34 [1.25, 1.42] and 1.36 [1.31, 1.41] tokens per forward, where $n = 2$ writes 1.24 to 1.28. In the last picture only the end of each line is a finished run.
#
# So here the price *grows* with the size, and in the paper it turns into a gain. The two are not the same walk, though. The paper's sizes see 91 to 210 billion tokens, its smallest model 300 for each parameter. All of ours see the same 2.1 million: nano four for each parameter, 10M one for every five or six. And 10M is wide and shallow: with $n = 4$ its trunk keeps two layers of six, where nano's keeps four of eight. What the price would be after enough text, this sweep cannot say.
#
# Is it the layers that the trunk gives away? Where heads 2 to 4 are *added* instead, the trunk keeps all of its layers and the model is half as large again or more. Head 1 still loses 0.14 [0.12, 0.17] at 1M and 0.27 [0.25, 0.30] at 3M. So the layers are not the whole price: the other tasks have one of their own, and it grows as well.
#
# </details>
#
# If the other heads are too loud, turn them down. Others have trained small models with several heads and lost less: with weights that fall from head to head, or fall to nothing in the course of the run, or with heads that are switched on or off one after another (`TrainConfig.head_weights`, `head_schedule`).
#
# > **Predict:** the *forward* curriculum begins with head 1 alone and adds a head in each quarter of the run; the *reverse* one begins with four and ends with head 1 alone. Which leaves the better head 1? And which the better drafts?

# %%
stored_picture(scaling.by_weights, "curricula")

# %% [markdown]
# <details><summary><b>What do you see?</b></summary>
#
# Three of the four cost head 1 clearly less than the plain sum's 0.16: weights 1, 0.6, 0.36, 0.22 leave +0.03 [+0.00, +0.06], a decay in time +0.05, the reverse curriculum +0.06. (The first two are too close to be told apart.) Forward, at +0.13, may cost as much as the plain sum. That reverse beats forward fits its end: a quarter of the run that belongs to head 1 alone, while the learning rate comes to rest.
#
# Tokens per forward, 1.29 to 1.34, do not differ by more than chance could make. But they are mostly head 2's. Look at the last head: switched off for three quarters of the reverse curriculum, it ends at a loss of 5.84 nats where the plain sum's has 5.25, because the trunk below it has moved on. A study at 1.3B and 3B parameters (arXiv 2505.22757) also prefers the reverse curriculum for the next token and the forward one for drafts. Our models have 0.5M, and no weight was tuned.
#
# </details>
#
# ## 7. Before a long run: what will it take?
#
# A run that dies after three hours for want of memory, or that turns out to need a week, should be known *before* it starts. Both follow from the shape:
#
# $$\text{memory} = \underbrace{4P + 4P + 8P}_{\text{weights, gradients, AdamW}} + \text{activations} + \text{logits}, \qquad \text{time} = \frac{\text{operations}}{\text{utilisation} \times \text{peak}}$$
#
# for $P$ parameters in float32. Activations and logits grow with the windows that are in memory together (lesson 3 counts them). The peak is measured with a large matrix product; the *utilisation* is the share of it that training reaches. `meter.plan` measures that with a few real steps of this very shape, where they take seconds.
#
# > **Predict:** `meter.plan` for the run of section 1. How far will it be from what the run really took?

# %%
known = meter.plan(cfg, config, length)
print(known)
print(f"the run of section 1 took {history[-1].seconds:.0f} s; planned: {known.seconds:.0f} s")

if run.device.device.type == "cpu":
    trial = replace(config, steps=2, warmup_steps=0, validate_every=0)
    measured = meter.memory(lambda: list(mtp.train(mtp.MultiTokenModel(cfg), data, trial, quiet=True)))
    print(f"memory recorded in two steps: {measured.peak / 1e6:.0f} MB; planned: {known.memory.total / 1e6:.0f} MB")

# %% [markdown]
# <details><summary><b>How good is it?</b></summary>
#
# Memory: on a CPU the plan is between 5 % below and 15 % above what is recorded, whatever is largest (the package's tests hold it to that). Mostly above, because when the activations are at their peak some gradients do not exist yet. The process itself takes more: Python and torch some hundred MB, and the memory manager keeps gaps. That is why only nine tenths of what is free are counted on.
#
# Time: as good as the machine is steady. A trial on an idle laptop knows nothing of the browser that you open later, or of the fan. Where the run was slower than its plan, look at its speed in the picture of section 2. Measuring on held-out text takes time, too, and is in no plan.
#
# </details>
#
# Now `nano` and larger presets, up to sizes of the paper's Table S14, on *this* machine: 100 million tokens, vocabulary 4,096, windows of 512, batches of 4. Real steps of the large ones would take minutes, so their utilisation is *assumed*: 35 %. Where the small ones reach more, a part of the jump between measured and assumed is that assumption.

# %%
print(f"{'':6}{'n':>3}{'parameters':>15}{'memory':>10}{'fits':>6}{'time':>16}   utilisation")
for name, (_, layers, _) in PRESETS.items():
    shape = mtp.ModelConfig.preset(name, vocab_size=4096, max_seq_len=512, n_future=4 if layers > 4 else 2)
    long = mtp.TrainConfig(steps=48_800, batch_size=4)
    plan = meter.plan(shape, long, length=512, trial_seconds=run.pick(laptop=10, fast=0))
    source = f"measured in {plan.steps_timed} steps" if plan.steps_timed else "assumed"
    print(f"{name:6}{shape.n_future:>3}{shape.parameters():>15,}{plan.memory.total / 1e9:>7.1f} GB{'yes' if plan.fits else 'NO':>6}"
          f"{plan.seconds / 3600:>10,.1f} hours   {plan.utilisation:.0%}, {source}")

# %% [markdown]
# And what if it does not fit? Then `check()` refuses before anything is made, and names what would fit. (`mtp-edu train` in a terminal begins with the same plan and the same check; with `--estimate` it stops there.) First what leaves the result as it is: fewer windows at a time. Then what changes it.
#
# > **Predict:** a batch of 4,096 windows is computed a few windows at a time, in micro-batches. Why is the result the same, and what gets worse?

# %%
greedy = mtp.TrainConfig(steps=10_000, batch_size=4096)
try:
    meter.plan(mtp.ModelConfig.preset("10M", vocab_size=32_000, max_seq_len=4096), greedy, length=4096).check()
    print("Your machine has terabytes of memory. Congratulations.")
except meter.DoesNotFit as problem:
    print(problem)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# The gradient of a sum is the sum of the gradients, and gradients add up in `.grad` until AdamW reads them. Each micro-batch is divided by the number of targets of the *whole* batch, so nothing depends on where it was cut (to rounding). What gets worse is the speed, on a GPU above all: small products leave it idle.
#
# </details>
#
# ## 8. Bigger, on a GPU
#
# The same code with `size="gpu"` in the first cell trains the `30M` preset with four heads on all of the standard library, and stores its curve. On a laptop the second cell draws the stored curve, if there is one.

# %%
recorded = data_dir() / "results" / "training_cuda.json"
mid_sized_past = {}  # its events by step, from all sittings


def mid_sized(out=None):
    """Plan, train and store the mid-sized run; stopped or cut off, it goes on when called again."""
    texts, unseen = training, held_out
    pieces = mtp.SentencePieceTokenizer.train(texts, vocab_size=run.pick(laptop=512, gpu=4096))
    shape = mtp.ModelConfig.preset(run.pick(laptop="nano", gpu="30M"), vocab_size=pieces.vocab_size, n_future=4)
    settings = mtp.TrainConfig(
        steps=run.pick(laptop=8, gpu=1500),
        batch_size=run.pick(laptop=4, gpu=32),
        learning_rate=1e-3,
        validate_every=run.pick(laptop=4, gpu=100),
        checkpoint_every=run.pick(laptop=4, gpu=100),
        validation_windows=run.pick(laptop=4, gpu=256),
    )
    cut = [mtp.corpus.windows(some, pieces, run.pick(laptop=32, gpu=512), 4) for some in (texts, unseen)]
    planned = meter.plan(shape, settings, cut[0].length)
    print(planned)
    planned.check()
    place = Path("runs/training-30M") if run.size == "gpu" else Path(tempfile.mkdtemp()) / "mid-sized"
    if mtp.checkpoint.finished(place):
        print(f"{place} holds a finished run: delete it to train anew. This is what was stored of it.")
        return recorded
    events = mtp.train(mtp.MultiTokenModel(shape), cut[0], settings, validation=cut[1], folder=place, tokenizer=pieces, resume=True)
    for event in views.TrainingMonitor(events, title="mid-sized"):
        mid_sized_past[event.step] = event
    curve = whole(list(mid_sized_past.values()), settings.steps)
    if curve[0].step > 1:
        print(f"The kernel was restarted, so this curve begins with step {curve[0].step}. It is not stored.")
        return recorded
    content = {"model": shape.to_dict(), "train": settings.to_dict(), "windows": repr(cut[0]), "planned": str(planned),
               "epochs": settings.steps * settings.batch_size / len(cut[0]), "events": [asdict(event) for event in curve]}
    return store("training", 'notebook 04_training, size="gpu"', run.device.device, content, out)


# %% [markdown]
# Stopped, the next cell goes on where it was when you run it again.

# %%
if run.size == "gpu":
    recorded = mid_sized()
elif run.fast:
    recorded = mid_sized(Path(tempfile.mkdtemp()) / "training.json")

if recorded.exists():
    told = json.loads(recorded.read_text(encoding="utf-8"))
    curve = [mtp.TrainEvent(**event) for event in told["events"]]
    print(f"recorded on {told['machine']['device']}, {told['date']}: {told['windows']}, {told['epochs']:.1f} epochs")
    print(f"planned:\n{told['planned']}\ntook {curve[-1].seconds:.0f} s")
    picture = views.loss_curves(curve, "mid-sized, n = 4")
else:
    picture = None
    print('No GPU run has been recorded yet. size="gpu" in the first code cell makes one and stores it.')
    print("In a terminal: mtp-edu train --data python --size 30M --vocab-size 4096 --length 512 --batch-size 32 "
          "--steps 1500 --learning-rate 1e-3")
picture

# %% [markdown]
# > **What can go wrong**
# >
# > * **The loss is `nan`.** The learning rate is too high, or float16 overflows. `mtp.train` stops at that step and leaves the weights of the step before.
# > * **The loss does not move.** After the warm-up: is the rate 0 by mistake, are the weights handed to the optimizer those of this model, is the text empty?
# > * **The loss is too good.** Look for the answer in the question: targets not shifted, held-out files that are copies of training files. (`mtp.corpus.split` holds out near-copies together with their original.)
# > * **Judging half a run.** The learning rate has not come to rest; see section 2.
# > * **Choosing by the test.** Who picks the best of twenty epochs on the held-out text and then reports that very loss reports luck as well.
# > * **Seconds of a busy machine.** Compare times only within one sitting, in turns, more than once.
# > * **A run that cannot be repeated.** Note the seeds, the text, the settings, the versions. Our checkpoints carry most of it (`mtp.checkpoint.info(folder)`: the settings with the seed of the order, a fingerprint of the text, torch's version); the seed of the first weights is yours to note.
#
# ## To take with you
#
# * A training step is: windows, loss and gradient, clip, AdamW. All else is comfort and safety.
# * Training loss says what the model does with what it has seen; only held-out loss says what it has learnt.
# * A stopped run is the same run if weights, averages and the place in the text come back.
# * "Equal" needs a noun: parameters, text, time. Each model needs its own finished run.
# * Memory and time can be known beforehand, from the shape and a few real steps.
#
# <details><summary><b>Think further.</b> You may train for one hour. Is it better to take a small model and see much text, or a large one and see little?</summary>
#
# For each hour there is a size at which the held-out loss is lowest: a smaller model would have stopped learning, a larger one would not have got far. The operations are about $6 P$ for each token, so an hour is a fixed product of $P$ and tokens. Large studies find that both should grow together. Try it: `meter.plan` tells you for each preset how many steps an hour holds, and section 1 trains it.
#
# </details>
#
# **Do it yourself.** In a terminal: `mtp-edu train --data python --size nano --steps 600 --out runs/mine`, Ctrl-C in the middle, then the same with `--resume`.
