"""A4, questions 4 and 5: the loop around the step, for one prompt and for a batch (paper, section 3.2).

Letters: `B` rows, `T` tokens of a forward, `D` width, `V` vocabulary, `n` future tokens, `k` = n tokens of a block: the
last committed token and k-1 drafts.
"""

from __future__ import annotations

from mtp_edu.grading import reference_decoding as reference
from mtp_edu.grading.a4_step import DECODERS
from mtp_edu.grading.questions import Question, fail

# ---- A4.4

A4_4 = Question("A4.4", "generate", points=4, difficulty=3, minutes=35, lines=14, answers=DECODERS)


def _generated(fn, model, prompt, count, stop_ids=()):
    """The student's tokens and number, and the forwards that were seen."""
    what = f"prompt of {len(prompt)}, count={count}, stop_ids={stop_ids}"
    with reference.watched(model) as seen:
        try:
            got = fn(model, list(prompt), count, stop_ids)
        except AssertionError as problem:
            _explain(problem, seen, model, [prompt], count, stop_ids)
    if type(got) is not tuple or len(got) != 2 or not isinstance(got[0], list):
        fail(f"{what}: the result must be a tuple (tokens, forwards) of a list and a number.", "", "what is returned")
    return got, seen, what


def _explain(problem, seen, model, prompts, count, stop_ids):
    """What went wrong before the student's function raised an error, if the forwards tell it."""
    texts = [reference.plain(model, prompt, count, stop_ids) for prompt in prompts]
    steps = [reference.steps(model, *row) for row in zip(prompts, texts)]
    for row in range(len(prompts)):
        likely, look = _difference(seen, steps, row)
        if likely:
            fail(str(problem).strip(), likely, look)
    if "out of bounds" in str(problem):
        last = [len(prompt) + len(text) - 1 for prompt, text in zip(prompts, texts)]
        if any(slots[0] > end for one in seen[1:] if one.slots for slots, end in zip(one.slots, last)):
            fail(str(problem).strip(), "a row that has ended goes on, until its positions leave the cache",
                 "start of a row that has ended")  # fmt: skip
        fail(str(problem).strip(), "the caches have too few slots: the last block looks up to k places further",
             "the longest prompt, count and k added up")  # fmt: skip
    raise problem


def _expect_text(fn, model, prompt, count, stop_ids=()):
    (tokens, _), seen, what = _generated(fn, model, prompt, count, stop_ids)
    want = reference.plain(model, prompt, count, stop_ids)
    if tokens == want:
        return
    stops, steps = want[-1] in stop_ids, reference.steps(model, prompt, want)
    seen_text = f"{what}: {len(tokens)} tokens, not those {len(want)} of plain decoding."
    if tokens[: len(want)] == want:
        if stops and len(want) == 1:
            fail(seen_text, "it goes on behind the first new token, which is a stop id already",
                 "what comes before the first step")  # fmt: skip
        if stops:
            fail(seen_text, "it goes on behind the stop id, which came inside an accepted run",
                 "each of the tokens that a step adds, in order, up to the first stop id")  # fmt: skip
        fail(seen_text, "the last accepted run goes past the limit", "how many of a step's tokens are still wanted")
    if stops and tokens == want[:-1]:
        fail(seen_text, "the stop id itself is missing: it is the last token of the text", "where the loop ends")
    if tokens == want[1:] or tokens == want[1 : count + 1]:
        fail(seen_text, "the first token is missing: the prompt's own forward gives it", "what the prompt's heads say")
    if tokens == [*prompt, *want]:
        fail(seen_text, "the prompt is returned too", "new tokens only")
    if tokens and tokens[:-1] == want[: len(tokens) - 1] and tokens[-1] in stop_ids and stops is False:
        fail(seen_text, "it stops at another token than a stop id", "stop_ids")
    first = next((i for i, (a, b) in enumerate(zip(tokens, want)) if a != b), min(len(tokens), len(want)))
    likely, look = _difference(seen, [steps], 0)
    fail(f"{seen_text} The first difference is at token {first}.", likely, look or "block and start of every step")


def _difference(seen, steps, row):
    """(likely mistake, look) from the first forward that read another block, or at another place, than it should."""
    first = 1
    for number, step in enumerate(steps[row]):
        if first + number >= len(seen):
            break
        one = seen[first + number]
        if one.slots is None or len(one.slots) <= row:
            break
        start, before = one.slots[row][0], steps[row][number - 1].start if number else None
        where = f"step {number + 1} begins at position {start}; the last committed token stands at {step.start}"
        look = "start: the prompt's length and the tokens committed so far, less one"
        if start != step.start:
            if before is not None and start == before + len(step.block):
                return f"the cache is not rolled back: the next block begins behind the refused drafts ({where})", look
            if start == step.start + 1:
                return f"off by one: the block's first token is the last committed one ({where})", look
            return where, look
        if one.ids is not None and one.ids[row] != step.block:
            read = f"step {number + 1} reads the block {one.ids[row]}; it must be {step.block}"
            if number == 0 and one.ids[row][0] == step.block[0]:
                return (f"the prompt's own drafts are thrown away: its forward gives the first token and the first "
                        f"drafts ({read})", "the latents of heads 2 to k at the prompt's last token")  # fmt: skip
            return f"the next block is not what the step before has returned ({read})", "what goes into the next step"
    return "", ""


@A4_4.check("the same text as plain decoding")
def _(fn, cases):
    model, (prompt,), (text,), _ = reference.story(cases)
    _expect_text(fn, model, prompt, len(text))


@A4_4.check("every length")
def _(fn, cases):
    model, (prompt,), _, _ = reference.story(cases)
    for count in (1, 2, 7, 8, 9, 10):
        _expect_text(fn, model, prompt, count)
    _expect_text(fn, model, prompt[:1], 6)
    _expect_text(fn, model, prompt, model.cfg.max_seq_len - len(prompt))  # to the end of the window


@A4_4.check("stop ids")
def _(fn, cases):
    model, (prompt,), (text,), _, token = reference.stopping_story(cases)
    _expect_text(fn, model, prompt, len(text), (token,))
    _expect_text(fn, model, prompt, len(text), (text[0],))  # the prompt's own forward writes it
    _expect_text(fn, model, prompt, len(text), (99,))


@A4_4.check("other models")
def _(fn, cases):
    for shape in ({"head_order": "anticausal"}, {"n_future": 1}, {"n_future": 4, "replicated_unembedding": True}):
        model = reference.attentive(cases, **shape)
        _expect_text(fn, model, cases.tokens(5, vocab_size=3).tolist(), 14)


@A4_4.check("no more forwards than needed")
def _(fn, cases):
    model, (prompt,), (text,), (steps,) = reference.story(cases)
    (_, forwards), seen, what = _generated(fn, model, prompt, len(text))
    k, allowed = model.cfg.n_future, 1 + len(steps)
    most = max(one.tokens for one in seen[1:]) if len(seen) > 1 else 0
    if most > k + 1:
        fail(f"{what}: a forward after the prompt's runs over {most} tokens; a block has {k}.",
             "the text goes through the model again at every step: what is in the cache is not used",
             "what run_block is given")  # fmt: skip
    if len(seen) > allowed:
        likely, look = _difference(seen, [steps], 0)
        if most == 1:
            likely, look = "this is plain decoding: a block of one token, without drafts", "what a step is given"
        fail(f"{what}: {len(seen)} forwards; {allowed} are enough, the prompt's and {len(steps)} steps.",
             likely or "drafts that the heads did not make, or a forward that nobody needs", look)  # fmt: skip
    if forwards != len(seen) - 1:
        likely = "the prompt's forward is counted too" if forwards == len(seen) else ""
        fail(f"{what}: it says {forwards} forwards; after the prompt's there were {len(seen) - 1}.", likely,
             "where the count grows")  # fmt: skip
    model, (prompt,), (text,), _, token = reference.stopping_story(cases)
    _, seen, what = _generated(fn, model, prompt, len(text), (token,))
    _expect_an_end(model, [prompt], len(text), token, seen, what)


def _expect_an_end(model, prompts, count, token, seen, what):
    """No forwards after the last row has come to the stop id."""
    own = [reference.steps(model, prompt, reference.plain(model, prompt, count, (token,))) for prompt in prompts]
    allowed = 1 + max(map(len, own))
    if len(seen) > allowed:
        fail(f"{what}: {len(seen)} forwards; {allowed} are enough.", "the text is written to its full length and cut "
             "at the stop id afterwards", "what ends the loop")  # fmt: skip


# ---- A4.5

A4_5 = Question("A4.5", "generate_batch", points=4, difficulty=5, minutes=60, lines=24, answers=DECODERS)


def _expect_texts(fn, model, prompts, count, stop_ids=()):
    lengths = [len(prompt) for prompt in prompts]
    what = f"prompts of {lengths} tokens, count={count}, stop_ids={stop_ids}"
    with reference.watched(model) as seen:
        try:
            got = fn(model, [list(prompt) for prompt in prompts], count, stop_ids)
        except AssertionError as problem:
            _explain(problem, seen, model, prompts, count, stop_ids)
    if not isinstance(got, list) or len(got) != len(prompts) or any(not isinstance(row, list) for row in got):
        fail(f"{what}: the result must be a list of {len(prompts)} lists, the new tokens of each row.")
    if len({id(row) for row in got}) < len(got):
        fail(f"{what}: several rows are one list.", "[[]] * B is one list, B times", "[[] for _ in prompts]")
    want = [reference.plain(model, prompt, count, stop_ids) for prompt in prompts]
    steps = [reference.steps(model, *row) for row in zip(prompts, want)]
    for row, (tokens, right) in enumerate(zip(got, want)):
        if tokens == right:
            continue
        text = f"{what}: row {row} has {len(tokens)} tokens, not those {len(right)} of plain decoding."
        if tokens[: len(right)] == right:
            fail(text, "a finished row goes on while others are still at work",
                 "what is added to a row that has its stop id or all its tokens")  # fmt: skip
        if not tokens:
            fail(text, "", "the first token, from the prompt's own forward")
        if tokens == right[: len(tokens)] and any(given == whole for given, whole in zip(got, want)):
            fail(text, "all rows end with the first that ends", "the condition of the loop: all rows, or any")
        ids = seen[0].ids[row] if seen and seen[0].ids and seen[0].rows == len(prompts) else []
        if len(ids) > lengths[row] and ids[-lengths[row] :] == prompts[row]:
            fail(text, "the prompts are padded on the left: a token's position in its text is then not its slot",
                 "the side of the padding")  # fmt: skip
        if tokens[0] != right[0] and lengths[row] < max(lengths):
            fail(text, "the first token of a shorter prompt is read at the padding",
                 "each row's own last place: its length less one")  # fmt: skip
        starts = [one.slots and [slots[0] for slots in one.slots] for one in seen[1:]]
        right_starts = [own[0].start for own in steps if own]
        if starts and starts[0] and len(set(starts[0])) == 1 and len(set(right_starts)) > 1:
            fail(text, "the rows' positions are mixed up: all rows stand at the same place, but their prompts have "
                 "different lengths", "start (B,): each row's own length and tokens")  # fmt: skip
        fail(text, *_difference(seen, steps, row))
    return seen, steps, what


@A4_5.check("one row")
def _(fn, cases):
    model, prompts, (text,), _ = reference.story(cases)
    _expect_texts(fn, model, prompts, len(text))


@A4_5.check("rows of different lengths")
def _(fn, cases):
    for _ in range(2):
        model, prompts, texts, _ = reference.story(cases, rows=3)
        _expect_texts(fn, model, prompts, len(texts[0]))


@A4_5.check("a row that ends first")
def _(fn, cases):
    model, prompts, texts, _, token = reference.stopping_story(cases, rows=3)
    _expect_texts(fn, model, prompts, len(texts[0]), (token,))
    _expect_texts(fn, model, prompts, len(texts[0]), (texts[1][0],))  # one with the prompt's own forward
    _expect_texts(fn, model, prompts, model.cfg.max_seq_len - max(map(len, prompts)), (token,))


@A4_5.check("no more forwards than the slowest row needs")
def _(fn, cases):
    model, prompts, texts, _, token = reference.stopping_story(cases, rows=3)
    seen, steps, what = _expect_texts(fn, model, prompts, len(texts[0]))
    needed = [len(own) for own in steps]
    allowed = 1 + max(needed)
    if len(seen) <= allowed:
        seen, _, what = _expect_texts(fn, model, prompts, len(texts[0]), (token,))
        _expect_an_end(model, prompts, len(texts[0]), token, seen, what)
        return
    state = f"{what}: {len(seen)} forwards; alone the rows need {needed} steps, so {allowed} are enough for all."
    if all(one.rows == 1 for one in seen):
        fail(state, "the rows run one after the other; one forward serves them all", "tokens (B, T) and start (B,)")
    extra = any(one.tokens > model.cfg.n_future for one in seen[1:])
    for number, one in enumerate([] if extra else seen[1:]):
        for row, own in enumerate(steps):
            if one.slots and number < len(own) and len(one.slots) > row and one.slots[row][0] < own[number].start:
                fail(state, "every row waits for the row that kept the fewest drafts; each has its own number",
                     "accepted (B,), not one number for all")  # fmt: skip
    fail(state, "a forward that nobody needs, such as one for each prompt", "the prompts: padded, in one forward")
