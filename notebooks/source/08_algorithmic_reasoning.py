# %% [markdown]
# # 8. Algorithmic reasoning
#
# **After this lesson you can** calculate in the paper's ring by hand, measure a model inside and outside of what it was trained on, say when pass@k measures knowledge and when luck, explain what pause tokens were to show, and tell what two seeds can decide.
#
# *40 minutes, about eight of them computing. A laptop is enough.*

# %%
import json
from collections import Counter
from statistics import fmean

import mtp_edu as mtp
from mtp_edu import notebook, views
from mtp_edu.experiments.arithmetic import ArithmeticSweep
from mtp_edu.experiments.statistics import mean_so_far, shown, t_quantile
from mtp_edu.paths import data_dir
from mtp_edu.tasks import ArithmeticTask, Ring, pass_at_k
from mtp_edu.views.arithmetic_quiz import ArithmeticQuiz, worked
from mtp_edu.views.paper import OPERATIONS, paper_runs, times_more
from mtp_edu.views.run_plots import footnote

from IPython.display import Markdown

run = notebook.setup(size="laptop")  # "gpu" on a machine that has one


def table(names, rows):
    """Rows of cells as a table."""
    lines = [" | ".join(map(str, row)) for row in (names, ["---"] * len(names), *rows)]
    return Markdown("\n".join(f"| {line} |" for line in lines))


# %% [markdown]
# ## 1. The result first
#
# A model reads `(12000*11000)=` and should write `13200`. These are polynomials, and the question holds between one and ten operations. In training it has seen questions of one to five, so five are *in domain* and six are not. The paper trains models of 100M parameters on 26 billion tokens of such problems, **two runs for each n**. Right answers in per cent, both runs:

# %%
paper = paper_runs("Fig 8")
table(["operations m", *(f"n = {n}" for n in paper)],
      [[m, *(" and ".join(f"{one[m - 1]:.1f}" for one in runs) for runs in paper.values())] for m in OPERATIONS])

# %% [markdown]
# > **Before you read on:** which n would you choose? Cover the second number of each pair and choose; then cover the first and choose again.
#
# The paper says that $n > 1$ improves this kind of reasoning, and more than tripling the model's size does. On the means of the two runs that is so: from $m = 1$ to 5 on average 47.5 % for $n = 1$, 56.2 % for $n = 2$ and 55.1 % for $n = 4$. But look at $m = 1$ alone: the better run of $n = 1$ beats a run of $n = 2$ *and* a run of $n = 4$. Section 7 is about that.
#
# Here is the figure, beside models of ours, with every seed and a 95 % interval. Ours calculate in a smaller ring and have seen thousands of times less, so compare shapes, not heights. The dotted line is what one gets for always giving the commonest answer; in a small ring it lies far above zero, and a curve that ends on it or below it shows no calculating there.

# %%
found = [path for kind in ("cuda", "cpu") if (path := data_dir() / "results" / f"arithmetic_{kind}.json").exists()]
stored = json.loads(found[0].read_text(encoding="utf-8")) if found else None


def picture(draw, *given, **how):
    """A figure of the stored experiment, or what to run for it."""
    try:
        if stored is None:
            raise ValueError("it has not been stored yet: `mtp-edu run arithmetic` in a terminal makes it")
        return draw(stored, *given, **how)
    except ValueError as problem:
        print(f"No picture: {problem}.")


def commonest_answer(task, count):
    """The commonest answer in training, and in how many % of the test problems it is right, for each m."""
    answer = Counter(problem.answer for problem in task.problems(2000)).most_common(1)[0][0]
    return answer, [100 * fmean(problem.answer == answer for problem in task.test_problems(m, count)) for m in OPERATIONS]


def beside_the_paper(content, task, count=1000):
    """Accuracy by operations, ours and the paper's, with the commonest answer as a dotted line."""
    figure = views.arithmetic.by_operations(content)
    answer, right = commonest_answer(task, count)
    figure.axes[0].plot(OPERATIONS, right, ":", color="#595959", label=f"always {answer}")
    figure.axes[0].legend(frameon=False, fontsize=9, loc="upper right", bbox_to_anchor=(1, 0.93))
    return figure


stored_ring = Ring(stored["sweep"]["p"], stored["sweep"]["limit"]) if stored else Ring()
print(f"ring of our stored runs: {stored_ring}" if stored else "no stored runs")
picture(beside_the_paper, ArithmeticTask(stored_ring))

# %% [markdown]
# <details><summary><b>What do ours say?</b></summary>
#
# Of the runs stored on a processor (1M parameters, $\mathbb{F}_5[X]/(X^2)$, 8.4 million tokens, three seeds): nothing about n. With one operation the three runs of $n = 1$ got 71, 62 and 84 % right, those of $n = 2$ 36, 76 and 89 %. Over the domain $n = 2$ is ahead by 1.5 points, with a 95 % interval from −21 to +24; outside by 1.0, from −1.6 to +3.5. At $m = 1$ runs of the same n lie up to 53 points apart, so three seeds are far too few here; section 7 says what would be enough. The shape is the paper's: a steep fall, and close to the commonest answer outside of the domain.
#
# </details>
#
# ## 2. The ring by hand
#
# $\mathbb{F}_7[X]/(X^5)$ is less than it sounds:
#
# * $\mathbb{F}_7$: numbers are 0 to 6, and one counts in a circle. $5 + 4 = 2$, $5 \cdot 4 = 6$.
# * $[X]$: polynomials in $X$. We write their coefficients, **lowest degree first**: `25000` is $2 + 5X$.
# * $/(X^5)$: $X^5$ and everything above is dropped.
#
# Four operations: `-f`, `(f+g)`, `(f*g)`, and the *composition* `(f@g)`, which is $f(g(X))$: put $g$ wherever $f$ has an $X$.
#
# > **By hand first:** what are `(25000+60000)`, `(25000*00100)` and `(10300@01000)`?

# %%
ring = Ring(p=7, limit=5)
for question in ("(25000+60000)", "(25000*00100)", "(10300@01000)", "(-10362@(25000*00100))"):
    print("  =  ".join(worked(ring, question)))

# %% [markdown]
# The first two you can do in your head. Composing with $X$ changes nothing. In the last one $2X^2 + 5X^3$ is put into $6 + 4X^2 + X^3 + 5X^4$, where only $4 \cdot (2X^2)^2 = 16 X^4 = 2X^4$ survives.
#
# **A trap that the paper does not mention.** In this ring $X^5$ *is* 0. So composing $X^5$ with anything should be composing 0:

# %%
four, one_x, one = (0, 0, 0, 0, 1), (0, 1, 0, 0, 0), (1, 0, 0, 0, 0)  # X^4, X and 1
print("X^5 is 0, and 1 put into 0:", ring.text(ring.compose(ring.multiply(four, one_x), one)))
print("1 put into X^5, as X^4 * X:", ring.text(ring.multiply(ring.compose(four, one), ring.compose(one_x, one))))

# %% [markdown]
# <details><summary><b>What went wrong?</b></summary>
#
# Nothing in the code. Sums and products do not care which multiple of $X^5$ is dropped, and when. Composition does, as soon as $g$ has a constant term: $X^5$ at 1 is 1, and 0 at 1 is 0. Mathematicians say that it is *not well defined* on residue classes. (It is, for $g$ without constant term.)
#
# So the task needs a rule, which the paper does not state. Ours: **every result is cut before it is used**, and what is composed is the polynomial as it stands. It is a fine task, only not quite the algebra that its name says; and whoever builds it with another rule has other answers.
#
# </details>
#
# ## 3. Your turn
#
# From here on we use the smallest ring that still has everything: $\mathbb{F}_3[X]/(X^2)$, with the nine polynomials `00` to `22`. $X^2$ is 0. Solve these before a model does; they are of the test set, no model of this lesson sees them in training.
#
# Two examples: `(12*21)` is $(1 + 2X)(2 + X) = 2 + 5X + 2X^2 = 2 + 2X$, so `22`. `(12@11)` is $1 + 2(1 + X) = 3 + 2X$, so `02`.

# %%
small = Ring(p=3, limit=2)
questions = ["-01", "(01+11)", "(12*11)", "(21@10)", "((11+02)@21)", "(-10*12)", "((20*22)*21)", "((21*01)*-11)"]
quiz = ArithmeticQuiz(small, questions)
quiz

# %% [markdown]
# <details><summary><b>Answers</b></summary>
#
# `02`, `12`, `10`, `00`, and `10`, `21`, `20`, `01`. The button shows the ways. No widget? `worked(small, "(12*11)")` in a cell of your own shows one.
#
# </details>
#
# <details><summary><b>Question.</b> How often is an answer of <code>00</code> right, whatever the question?</summary>
#
# More often than in one of nine cases. A product with `00` is `00`, and so is one of two polynomials without constant term (`01` and `02`), since $X^2 = 0$; composing with such things loses information, too. The more operations, the more is lost. This *commonest answer* is the dotted line of the figures, and a model must be above it before we say that it calculates.
#
# </details>
#
# ## 4. A model learns it while you watch
#
# The model is `nano`: width 64, eight layers, 0.4 million parameters, one token per character. It learns from problems of one to five operations, packed whole into windows of 128 tokens. Only the tokens of *answers* are targets: questions are random, so hardly anything can be learnt from predicting them. (The paper does not say whether it masks them.)

# %%
task = ArithmeticTask(small)
length = 128
steps, batch = run.pick(laptop=1500, gpu=15_000, fast=4), run.pick(laptop=8, fast=2)
problems = steps * batch * length // 16
for problem in task.problems(4):
    print(f"{problem.question}={problem.answer}")

windows = {n: task.windows(problems, length, n_future=n) for n in (1, 2)}
tokens, targets = windows[2].batch([0])
begin = slice(0, 24)
for name, row in (("reads", tokens[0]), ("head 1", targets[0, :, 0]), ("head 2", targets[0, :, 1])):
    ids = row[begin].tolist()
    print(f"{name:7}", "".join("␃" if i == task.tokenizer.eos_id else "·" if i < 0 else chr(i) for i in ids))
print(windows[2])

# %% [markdown]
# A dot is no target; ␃ is the end of the text. Head 2 must name the first digit at the question's last sign, *before* the equality sign: it has to begin earlier.
#
# > **Predict:** (a) How many answers will be right with one operation, with five, with six? (b) Will $n = 2$ be ahead of $n = 1$?

# %%
models, monitors = {}, {}
for n in (1, 2):
    cfg = mtp.ModelConfig.preset("nano", vocab_size=task.tokenizer.vocab_size, n_future=n, max_seq_len=length)
    config = mtp.TrainConfig(steps=steps, batch_size=batch, learning_rate=2e-3)
    models[n] = mtp.MultiTokenModel(cfg)
    events = mtp.train(models[n], windows[n], config, quiet=n > 1)
    monitors[n] = views.TrainingMonitor(events, title=f"n = {n}, answers only")
    monitors[n].run()
    if monitors[n].interrupted:
        raise KeyboardInterrupt(f"n = {n} was stopped: run this cell again before you compare")

# %% [markdown]
# The loss falls fast to about 0.73, and from there on slowly. That is what knowing the *form* is worth: two digits out of three and then the end, $(\ln 3 + \ln 3 + 0) / 3 = 0.73$ nats per token. Knowing how frequent each answer is brings it to 0.71. All calculating lies below.
#
# Now the test. We draw the result as the experiment's figure, beside the paper's again.

# %%
count = run.pick(laptop=400, gpu=2000, fast=4)
scores = {n: [task.score(model, task.test_problems(m, count)) for m in OPERATIONS] for n, model in models.items()}
commonest, always = commonest_answer(task, count)

sweep = ArithmeticSweep(sizes=("nano",), p=3, limit=2, tokens=steps * batch * length, batch_size=batch, length=length, points=1)
rows = []
for n, of_m in scores.items():  # in the form of the stored experiment, so that its figure draws it
    shares = [score.accuracy for score in of_m]
    result = {"accuracy": shares, "in_domain": fmean(shares[:5]), "out_of_domain": fmean(shares[5:]),
              "tokens_per_forward": fmean(score.tokens_per_forward for score in of_m[:5]), "pass_at": []}
    rows.append({"size": "nano", "n_future": n, "pauses": 0, "tokens": sweep.tokens, "runs": [result],
                 "parameters_without_embeddings": 0} | sweep.summary([result]))
    print(f"n = {n}: {100 * result['in_domain']:.1f} % right at 1 to 5 operations, {100 * result['out_of_domain']:.1f} % at 6 to 10")
live = {"sweep": {"trained": sweep.trained, "unseen": sweep.unseen}, "seeds": [0], "rows": rows}
print(f"always saying {commonest}: {fmean(always[:5]):.1f} % and {fmean(always[5:]):.1f} %")
figure = beside_the_paper(live, task, count)
figure.axes[0].set_title(f"ours: nano, {sweep.tokens / 1e6:.2g}M tokens, one run each", loc="left", fontsize=10.5)
footnote(figure, f"Ours: {count} problems for each m. {times_more(sweep.tokens)}")
figure

# %% [markdown]
# Each line is **one** model. Is it calculating, or has it learnt what is often right? And what is the number at $m = 1$ worth?

# %%
kinds = Counter(problem.question for problem in task.test_problems(1))
often = kinds.most_common(2)
print(f"m = 1: 2,000 test problems, {len(kinds)} different questions; "
      f"{' and '.join(question for question, _ in often)} alone are {sum(times for _, times in often) / 20:.0f} % of them")
different = list({problem.question: problem for problem in task.test_problems(1)}.values())
learnt = list({problem.question: problem for problem in task.problems(4000, 1)}.values())
for n, model in models.items():
    new, old = (task.score(model, some) for some in (different, learnt))
    print(f"n = {n}: {100 * new.accuracy:.0f} % of the {len(different)} different questions of one operation, "
          f"{100 * old.accuracy:.0f} % of the {len(learnt)} that it has met in training")

# %% [markdown]
# <details><summary><b>Why is m = 1 so odd here?</b></summary>
#
# With one operation there are $9 + 3 \cdot 81 = 252$ different questions in all, and one eighth of them is for testing. A quarter of all problems are negations, of which there are nine: a single one that falls into the test set is asked hundreds of times. **The size of a test set is the number of different things in it**, and an interval computed from 2,000 answers would be far too narrow. In $\mathbb{F}_7[X]/(X^5)$ there are 16,807 polynomials and the trouble is gone.
#
# The other lines ask: does it calculate, or know questions by heart? Each training question of one operation was seen dozens of times. In the runs stored here less than half is right even of the questions seen in training (49 and 46 %), and of the new ones 41 and 47 %. With 32 new questions such a share is uncertain by some 17 points, so a small gap could not be seen. These models do not know the questions by heart, and calculate only in part. (Whoever always says `00` is right in 19 % of either set, so they do use the question. By which means, these numbers do not say.)
#
# </details>
#
# <details><summary><b>And outside of the domain?</b></summary>
#
# Compare the lines with the dotted one. Where a line has come down to it, the model does no better than someone who does not read the question. In our stored run that is so: 27.4 % for $n = 1$ and 29.0 % for $n = 2$ out of domain, against 28.6 % for always saying `00`. In our ring that is a quarter and more; in the paper's it is far below one per cent, and its means come down to between 0.4 and 1.2 % at eight operations, and below 0.4 % from nine on, for every n. Had a model learnt *the algorithm*, it would not care how long the question is. One guess: a few layers allow only a computation of limited depth. These runs do not test it.
#
# </details>
#
# ### Its mistakes, on your problems

# %%
answers = {}
solved = [worked(small, question) for question in questions]
for n, model in models.items():
    prompts = [task.tokenizer.encode(f"{question}=") for question in questions]
    out = mtp.generate(model, prompts, 3, stop_ids=task.tokenizer.eos_id)
    answers[n] = [task.tokenizer.decode(tokens) for tokens in out.tokens]


def marked(answer, right):
    return f"{answer} {'✓' if answer == right else '✕'}" if answer else "·"


table(["question", "answer", "you", *(f"n = {n}" for n in models)],
      [[f"`{way[0]}`", f"`{way[-1]}`", marked(quiz.answers[i], way[-1]), *(marked(answers[n][i], way[-1]) for n in models)]
       for i, way in enumerate(solved)])

# %% [markdown]
# Put questions of your own into `questions` (section 3) and run both cells again. Look at *how* it is wrong. Is one digit right? Is it an operand, copied? The answer to a part of the question? Does it say the commonest answer?

# %%
of_three = task.test_problems(3, count)
for n in models:
    said = [texts[0] for texts in scores[n][2].answers]
    first, second = (fmean(text[i : i + 1] == problem.answer[i] for text, problem in zip(said, of_three)) for i in (0, 1))
    print(f"n = {n}, three operations: first digit right {first:.0%}, second {second:.0%}, both {scores[n][2].accuracy:.0%}; "
          f"it says {commonest} in {fmean(text == commonest for text in said):.0%} of the cases, "
          f"{fmean(problem.answer == commonest for problem in of_three):.0%} would be right")

# %% [markdown]
# <details><summary><b>Question.</b> Which digit should be the easier one?</summary>
#
# It depends. In a sum and in a negation each digit stands for itself. In a product the first digit is a product of two numbers, and the second needs all four digits. In a composition it is the other way round: $f_0 + f_1 g_0$ and $f_1 g_1$. To *guess* they are nearly alike: the second digit is 0 a little more often than the first (47 % against 43 % of 20,000 training problems). In the 400 problems here it is the other way round, and the models get both digits right about equally often. A difference of two or three points in 400 problems decides nothing.
#
# </details>
#
# ## 5. pass@k: when guessing is enough
#
# A model may be asked more than once: draw $k$ answers, and count the problem as solved if **one** of them is right. The paper reports pass@1, 10 and 100 for programs, where a test can tell which attempt was right. Of $N$ answers drawn, $c$ were right; the chance that $k$ of them hold a right one is
#
# $$\text{pass@}k = 1 - \binom{N - c}{k} \Big/ \binom{N}{k}$$
#
# > **Predict:** one answer is drawn out of our nine by dice. What is its pass@1, and its pass@100?

# %%
print(f"3 right of N = 100: pass@10 is {pass_at_k([3], 100, 10)[0]:.3f}; with 1 - (1 - 3/100)^10 = {1 - 0.97**10:.3f} one would be too low")
samples = run.pick(laptop=100, fast=100)
some = [problem for m in range(1, 6) for problem in task.test_problems(m, run.pick(laptop=12, gpu=100, fast=1))]
lines = [["dice", "", *(f"{100 * (1 - (8 / 9) ** k):.1f}" for k in (1, 10, 100))]]
for temperature in (0.2, 0.8):
    for n, model in models.items():
        drawn = task.score(model, some, samples, temperature, seed=1)
        lines.append([f"n = {n}", temperature, *(f"{100 * drawn.pass_at(k):.1f}" for k in (1, 10, 100))])
table(["who", "temperature", "pass@1, %", "pass@10, %", "pass@100, %"], lines)

# %% [markdown]
# **Nine possible answers and a hundred tries: dice are right practically always.** Whatever a model reaches at pass@100 here says nothing about its reasoning, and one that is too sure of itself does *worse* than dice, since it says the same wrong thing a hundred times. Pass@1 says most about knowledge, and there the guess to beat is not dice but the commonest answer, with about 23 %. At $k = 10$ the models are still 7 to 16 points above dice, with 60 problems; at pass@1 they are three times as good.
#
# With programs it is otherwise: nobody writes a right program by dice. But the lesson stays. **A pass@k needs the pass@k of guessing beside it**; and at large $k$ it measures variety as much as skill. That is why the best temperature grows with $k$, and a gain at one $k$ need not be one at another: in the paper's Figure 4 the model pretrained and finetuned with $n = 4$ is ahead of $n = 1$ up to $k = 100$, and at $k = 1000$ it stands at 10.3 % against 10.9 %. (Finetuned with one head it is ahead at every $k$.)
#
# The same of the stored models, in a ring with more answers:

# %%
if stored:
    possible = stored_ring.p**stored_ring.limit
    dice = ", ".join(f"{100 * (1 - (1 - 1 / possible) ** k):.1f} % at k = {k}" for k in (1, 10, 100))
    print(f"dice among {possible:,} answers: {dice}")
picture(views.arithmetic.pass_at)

# %% [markdown]
# ### The drafts
#
# An answer is three tokens: two digits and the end. The first comes with the question's own forward, so two are left. With two heads one forward can bring both.
#
# > **Predict:** tokens per forward of $n = 2$, between 1 and 2. Does head 2 suffer from not knowing head 1's digit?

# %%
for n in models:
    print(f"n = {n}: " + ", ".join(f"m = {m}: {scores[n][m - 1].tokens_per_forward:.2f}" for m in OPERATIONS) + " tokens per forward")
slow = [task.score(models[2], task.test_problems(m, count), method="autoregressive") for m in (1, 5)]
print("plain decoding gives the same answers:", all(one.answers == scores[2][m - 1].answers for one, m in zip(slow, (1, 5))))

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# A text normally leaves things open, and a head that looks two ahead must guess which way head 1 will go. Here the question decides both digits, so for a model that calculates nothing is open, and head 2 may compute the second without the first. For a model that guesses, something is: its second digit may depend on which first digit it has written. What it needs is to *have done the calculation already*. If the second digit's draft is kept with chance $a$, an answer takes 1 forward with chance $a$ and else 2, so that tokens per forward are $2 / (2 - a)$. Head 2 may also agree with head 1 where both are wrong: **a kept draft is not a right one.** In the runs stored here a third of the answers in domain is right, and $n = 2$ writes 1.6 to 1.9 tokens per forward.
#
# </details>
#
# ## 6. Pause tokens, and sharing computation
#
# *Why* should two heads help with arithmetic? The paper's hypothesis: tokens are not equally hard, and a model has the same number of layers for each. Predicting several at once teaches it to work on a later token at an earlier place, to **share computation** between places.
#
# If so, places with nothing to say should be worth more to a model with $n > 1$: it has learnt to use them for what is to come. *Pause tokens* (Goyal et al. 2023) are such places. They stand between the question and the equality sign, in training and in the test:

# %%
problem = different[0]
for pauses in (0, 5, 10):
    pausing = ArithmeticTask(small, pauses=pauses)
    prompt = pausing.prompt(problem)
    print(f"{pauses:2} pauses: {pausing.tokenizer.decode(prompt)}{problem.answer}   {len(prompt)} tokens to think in")

# %% [markdown]
# > **Predict:** under the hypothesis, does the gap between $n = 2$ and $n = 1$ widen or shrink with pauses? (There is a case for both. Which would you have written down *before* the experiment?)

# %%
picture(views.arithmetic.pauses)

# %% [markdown]
# And the paper's gaps, computed from its curves (Figures 8 and S15; mean of one to five operations, percentage points, with the 95 % interval that two runs allow):

# %%
figures = {0: "Fig 8", 5: "Fig S15a", 10: "Fig S15b"}
lines = []
for pauses, name in figures.items():
    means = {n: [fmean(one[:5]) for one in runs] for n, runs in paper_runs(name).items()}
    lines.append([pauses, f"{fmean(means[1]):.1f}", *(shown(mean_so_far(means[n], means[1]), 1, "+") for n in (2, 4))])
table(["pauses", "n = 1, %", "n = 2 less n = 1", "n = 4 less n = 1"], lines)

# %% [markdown]
# <details><summary><b>What can be concluded?</b></summary>
#
# From $n = 2$ alone one could tell a story: with ten pauses the gap is wider. From $n = 4$ one could tell the opposite: it is narrower. The intervals say what both stories are worth. The paper says so itself: it sees no strong evidence of a widening or shrinking gap, and leaves the hypothesis open. It also does not state which model size Figure S15 has.
#
# A null result with two runs is not evidence of *no* effect either. It is what the experiment could show, and that is little.
#
# Ours, three runs of each: without pauses $n = 2$ is 1.5 points ahead, with five pauses 10.1. The question is about the *change* of the gap: it widens by 8.6 points, with a 95 % interval from −14 to +31: **no change shown.** (The gap with five pauses alone has −11.9 to +32.2.) Look at the heights before the gap: with pauses no mean is higher. (The 16 points that $n = 1$ loses are more than its scatter explains; for $n = 2$ the interval of the change holds 0.) With them $n = 1$ answers 17 to 18 % in all three runs, and only 18 % with a single operation (72 % without pauses). That is twice what always saying `00` gets, but far from calculating; of $n = 2$ one run stands there too. A budget counted in tokens holds 22 % fewer problems when each has five pauses, and the runs were stopped while most had not learnt to calculate. Who is ahead at such a moment may only have begun first.
#
# </details>
#
# ## 7. What two seeds can show
#
# The paper has two runs of each setting, and you may have trained one of each above. How often would such an experiment come to the other conclusion, had the dice fallen otherwise? With more seeds than two we can see it: press the button, which draws two of our runs of $n = 1$ and two of $n = 2$, as if these were all.
#
# > **Predict:** three runs of each n allow nine draws. How many contradict what all runs together say?

# %%
picture(views.TwoSeedsPanel)

# %% [markdown]
# <details><summary><b>Answer</b></summary>
#
# Of our stored runs five of nine, more than half. All six runs put $n = 2$ ahead by 1.5 points, with an interval from −21 to +24, so there is hardly anything to contradict. With two seeds of each we would have reported one story or the other, as a coin falls.
#
# </details>
#
# For the paper only single runs can be drawn out of its two. One run of each n, as most people can afford it: four draws for each pair, at $m = 1$ and over all of the domain.

# %%
measures = {"m = 1": lambda curve: curve[0], "mean of 1 to 5": lambda curve: fmean(curve[:5])}
lines = []
for few, more in ((1, 2), (1, 4), (2, 4)):
    line = [f"n = {more} better than n = {few}"]
    for measure in measures.values():
        draws = [measure(b) > measure(a) for a in paper[few] for b in paper[more]]
        line.append(f"{sum(draws)} of {len(draws)}")
    lines.append(line)
table(["Figure 8: draws of one run each that find", *measures], lines)

# %% [markdown]
# All four draws find $n = 2$ better than $n = 1$ on the mean. Decided? If n made no difference, two runs and two runs could lie in six orders, all equally likely, and in two of the six both runs of one n are above both of the other. **What looks unanimous comes by chance in one case out of three.**
#
# How many seeds would be enough? The interval of a mean is $\pm\, t \cdot s / \sqrt{N}$. Few seeds hurt twice: $\sqrt{N}$ is small, and $t$ is large, because the scatter $s$ itself is known so badly. Here is how far apart the means of two groups of $N$ seeds must come out for the interval to leave out zero, in units of the scatter of single runs. A *true* difference of just this size comes out large enough only about every second time; to find it in four of five cases it must be larger, with ten seeds about 1.3 scatters instead of 0.94.

# %%
print("seeds of each n   t     smallest difference, in scatters of a run")
for seeds in (2, 3, 5, 10, 20):
    t = t_quantile(0.975, 2 * seeds - 2)
    print(f"{seeds:15} {t:5.2f} {t * (2 / seeds) ** 0.5:8.2f}")
scatter = {n: abs(fmean(a[:5]) - fmean(b[:5])) / 2**0.5 for n, (a, b) in paper.items()}
print("the paper's scatter (Fig 8, mean of 1 to 5): " + ", ".join(f"n = {n}: {value:.1f} points" for n, value in scatter.items()))

# %% [markdown]
# With two seeds of each the difference must be more than four times the scatter. The paper's difference between $n = 2$ and $n = 1$ is 8.8 points, and a single run scatters by four to eleven. Our runs scatter by about eight points (without pauses, in domain): to tell 1.5 points from zero would take more than two hundred of each.
#
# **What two seeds can show:**
#
# * that a result is not *always* so;
# * an effect that is large beside the scatter. Out of domain at 30M (Figure S16) the runs lie so close together that even two of each leave $n = 2$ between 0.7 and 3.7 points above $n = 1$. But this is one of sixteen such intervals that these figures allow. Two of them leave out 0, both in this setting, and about one would do so by chance: it is a hint;
# * one direction in *many* settings. In the paper the mean of $n = 2$ is above that of $n = 1$ in domain at 100M, at 30M and with either number of pauses. That points further than one pair does; chance alone gives four equal signs once in eight times.
#
# **What they cannot:** tell how large the scatter is (two runs may lie close together by luck), decide a setting like the one in Figure 8, or order $n = 2$ and $n = 4$.
#
# And what do all our seeds say?

# %%
picture(views.arithmetic.differences)

# %% [markdown]
# Read an interval so: if it lies on one side of zero, the seeds agree well enough that chance alone seldom does that. If it holds zero, the experiment cannot say which n is better, and its *width* tells how large a difference it could have missed. Several intervals side by side need more care: out of twenty true nulls, one lies outside of zero on average. (When each run learnt it: `views.arithmetic.over_tokens(stored)`.)
#
# > **What can go wrong**
# >
# > * **The rule that nobody wrote down.** Composition, the order of brackets, how trees are drawn: the paper gives none of them, and each changes the numbers. Heights of two papers then cannot be compared.
# > * **A test set of few different questions**, asked often. Count the different ones.
# > * **Test questions in the training text.** With 252 questions of one operation, drawing both sets independently would leak all of them. Ours are parted by a hash of the text.
# > * **No baseline.** 20 % right sounds like a beginning; it may be the commonest answer.
# > * **Choosing what to report.** Ten m, two domains, two temperatures, three k, three n, three numbers of pauses: somewhere $n = 2$ wins. Write down the measure before the runs (ours: the mean of 1 to 5, and that of 6 to 10).
# > * **One head's gain taken for all heads'.** Accuracy here is head 1's alone. Head 2 only helped to train it, and to draft.
#
# ## To take with you
#
# * In domain and out of domain are two questions; a model can be good at one and lost at the other.
# * pass@k beside the pass@k of guessing, or not at all.
# * Pause tokens were to test whether several heads share computation between places. The answer is open.
# * A mean of two runs is hardly more than an anecdote. Show all seeds, the interval, and the null results.
#
# <details><summary><b>Think further.</b> You have computing time for twenty runs. Ten seeds of n = 1 and of n = 2 in one setting, or two seeds each in five settings?</summary>
#
# For "is n = 2 better *here*": ten seeds, the smallest visible difference falls from 4.3 scatters to 0.94. For "is n = 2 better *in general*": the five settings, analysed **together** as five pairs, since settings differ more than seeds do, and a claim about one ring and one size is a small claim. What one must not do is to run the five settings and then report the one that came out best.
#
# </details>
#
# **Do it yourself.** In a terminal: `mtp-edu run arithmetic --sizes nano --seeds 0 1 2 3 4 --out runs/arithmetic_nano.json` trains ten small models, some ten minutes each, and can be stopped and resumed; `--pauses 0 5` adds pause tokens. Section 6's prediction is yours to test.
