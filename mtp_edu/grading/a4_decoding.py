"""A4: greedy self-speculative decoding with a cache, then batches (paper, section 3.2; DESIGN: one static step).

Letters: `B` rows, `T` tokens of a forward, `D` width, `V` vocabulary, `n` future tokens, `k` = n tokens of a block: the
last committed token and k-1 drafts.
"""

from __future__ import annotations

import functools

import torch

from mtp_edu.decode import BlockDecoder, TreeDecoder, accept_greedy, generate, stream
from mtp_edu.grading import reference_decoding as reference
from mtp_edu.grading.questions import Question, expect_same, expect_tensor, fail, same

CLOSE = 1e-8  # latents are compared in float64
DECODERS = (
    generate, stream, accept_greedy, BlockDecoder.__init__, BlockDecoder.latents, BlockDecoder.prefill,
    BlockDecoder.step, BlockDecoder._draft, TreeDecoder.step,
)  # fmt: skip

# ---- A4.1

A4_1 = Question("A4.1", "accept", points=3, difficulty=1, minutes=15, lines=5, answers=DECODERS)


def _line(cases, k, accepted):
    """Drafts and verdicts of which exactly `accepted` drafts are kept; behind the first refusal some agree again, and
    the committed token is in no other place."""
    ids = list(range(10, 99))
    cases.random.shuffle(ids)
    verdicts = [ids.pop() for _ in range(k)]
    drafts = list(verdicts[:-1])
    if accepted < k - 1:
        drafts[accepted] = ids.pop()
        if accepted + 2 < k - 1:
            drafts[accepted + 1] = ids.pop()
    return drafts, verdicts


def _expect_accepted(fn, drafts, verdicts):
    what = f"accept({drafts}, {verdicts})"
    try:
        got = fn(list(drafts), list(verdicts))
    except AssertionError as problem:
        if "IndexError" in str(problem) and drafts == verdicts[:-1]:
            fail(f"{str(problem).strip()} {what}", "when all drafts are kept, the count runs past the last of them",
                 "what else ends the count")  # fmt: skip
        raise
    if type(got) is not tuple or len(got) != 2 or not isinstance(got[1], list):
        fail(f"{what} is {got!r}; it must be a tuple (kept, tokens) of a number and a list.", "", "what is returned")

    def leading(agree):
        kept = 0
        while kept < len(drafts) and agree(kept):
            kept += 1
        return kept

    kept = leading(lambda i: drafts[i] == verdicts[i])
    shifted = leading(lambda i: drafts[i] == verdicts[i + 1])
    every = sum(draft == verdict for draft, verdict in zip(drafts, verdicts))
    late, early = min(kept + 1, len(drafts)), max(kept - 1, 0)

    def answer(count, tokens):
        return lambda: [count, *tokens]

    mistakes = [
        ("drafts are compared with the wrong position: verdict i judges draft i, because it was given behind the "
         "token before that draft", answer(shifted, [*drafts[:shifted], verdicts[shifted]]),
         "verdicts[0]: what head 1 says behind the committed token, which is where drafts[0] stands"),
        ("all drafts that agree are counted, also behind a refused one: they follow a text that does not exist",
         answer(every, [*drafts[:every], verdicts[every]]), "what ends the count"),
        ("all drafts that agree are counted, also behind a refused one: they follow a text that does not exist",
         answer(every, verdicts[: every + 1]), "what ends the count"),
        ("all drafts that agree are kept, also behind a refused one: they follow a text that does not exist",
         answer(every, [*(d for d, v in zip(drafts, verdicts) if d == v), verdicts[every]]), "what ends the count"),
        ("all drafts that agree are kept, also behind a refused one: they follow a text that does not exist",
         answer(every, [*(d for d, v in zip(drafts, verdicts) if d == v), verdicts[kept]]), "what ends the count"),
        ("the bonus token is lost: head 1's own token follows the kept drafts, whether or not one was refused",
         answer(kept, drafts[:kept]), "the case in which nothing was kept: a step always adds a token"),
        ("one draft too many: the refused draft itself is kept", answer(late, [*drafts[:late], verdicts[late]]),
         "the draft at which the two differ"),
        ("one draft too many: the refused draft itself is kept", answer(kept, [*drafts[:late], verdicts[late]]),
         "the draft at which the two differ"),
        ("one draft too few: the last one that agrees is not kept",
         answer(early, [*drafts[:early], verdicts[early]]), "what the count is when the loop has come to its end"),
        ("head 1's own token is read at the end of the block; there it has read refused drafts",
         answer(kept, [*drafts[:kept], verdicts[-1]]), "the verdict behind the last kept token: verdicts[kept]"),
        ("the number must count the drafts that are kept, without head 1's own token",
         answer(kept + 1, [*drafts[:kept], verdicts[kept]]), "the case in which nothing was kept"),
    ]  # fmt: skip
    expect_same([*got[:1], *got[1]], [kept, *drafts[:kept], verdicts[kept]], f"{what}, as [kept, *tokens]", mistakes,
                otherwise="the first place at which drafts and verdicts differ")  # fmt: skip


@A4_1.check("a draft is refused")
def _(fn, cases):
    for accepted in (1, 2, 0):
        _expect_accepted(fn, *_line(cases, 6, accepted))


@A4_1.check("all drafts are kept")
def _(fn, cases):
    _expect_accepted(fn, *_line(cases, cases.integer(3, 5), 4))


@A4_1.check("no drafts at all")
def _(fn, cases):
    _expect_accepted(fn, [], [cases.integer(10, 99)])


# ---- A4.2

A4_2 = Question("A4.2", "run_block", points=5, difficulty=4, minutes=40, lines=8, answers=DECODERS)


def _caches(model, rows, places):
    """As `empty_caches` of the notebook makes them."""
    decoder = BlockDecoder(model, model.cfg.n_future, rows, places - model.cfg.n_future)
    return decoder.trunk_caches, decoder.head_caches


def _run(fn, model, caches, tokens, start):
    """The student's latents, and a function that says what is odd in what the trunk was given."""
    given: list = []

    def odd():
        return _odd(model, caches, tokens, start, *given[0]) if given else ("", "")

    def note(_module, args, named):
        args = (*args, None, None)
        given.append((named.get("context", args[1]), named.get("cache", args[2])))

    hook = model.trunk[0].register_forward_pre_hook(note, with_kwargs=True)
    try:
        return fn(model, caches, tokens, start), odd
    except AssertionError as problem:
        likely, look = odd()
        if likely:
            fail(str(problem).strip(), likely, look)
        raise
    finally:
        hook.remove()


def _odd(model, caches, tokens, start, context, cache):
    """(likely mistake, look) from the context and the cache that the trunk's first layer was given."""
    B, T, S = *tokens.shape, caches[0][0].keys.shape[2]
    positions, see = start[:, None] + torch.arange(T), "the mask: every slot up to the token's own position"
    if context.slots is None or context.mask is None:
        return "model.context is for forwards without a cache: it lacks slots and mask", "Context(rope, slots, mask)"
    if cache is None:
        return "the trunk is not given its caches", "the third argument of model.trunk"
    shape = tuple(context.mask.shape)
    if shape[1:] != (1, T, S) or shape[0] not in (1, B):
        return f"the mask has shape {shape}; it must be {(B, 1, T, S)} (B, 1, T, S)", "the dimension of attention heads"
    if context.mask.dtype != torch.bool:
        return f"the mask is of {context.mask.dtype}, so it is added to the scores", "a comparison gives torch.bool"
    if not same(context.slots, positions):
        if same(context.slots, positions[:1].expand(B, T)):
            return "all rows stand at row 0's position; each row has its own start", "start[:, None]"
        return "keys and values go to other slots: a token at position p belongs into slot p", "slots (B, T)"
    at, right = torch.arange(S), torch.arange(S) <= positions[:, None, :, None]
    for likely, wrong in (
        ("a token does not see itself: the mask is off by one", at < positions[:, None, :, None]),
        ("the mask is the wrong way round: True is a slot that may be looked at", ~right),
        ("all tokens of the block see what its first one sees", right[:, :, :1].expand_as(right)),
    ):
        if torch.equal(context.mask.expand_as(right), wrong):
            return likely, see
    if not torch.equal(context.mask.expand_as(right), right):
        return "the mask is not the one of these positions", see
    if not same(context.rope, model.rope_at(positions), CLOSE):
        return "the rotary angles are not those of the tokens' positions", "model.rope_at(positions)"
    return "", ""


def _expect_latents(run, want, what, mistakes=()):
    got, odd = run
    n, shape = len(want), tuple(want[0].shape)
    if type(got) not in (list, tuple) or len(got) != n:
        fail(f"{what}: the result must be a list of {n} latents, one for each head.", "", "what model.heads returns")
    for latent in got:
        expect_tensor(latent, shape, torch.float64, f"{what}: a latent", "B, T, D")
    got, want = torch.stack(list(got)), torch.stack(want)
    if not same(got, want, CLOSE):
        likely, look = odd()
        mistakes = [*mistakes, (likely, lambda: got, look)] if likely else mistakes
    expect_same(got, want, f"{what}: the latents, at [head, row, token, number]", mistakes, CLOSE,
                "positions, slots and mask of the Context, printed for a small case")  # fmt: skip


def _latents(model, rows, first, **eyes):
    """Reference latents of the places from `first` on, rows one by one; eyes: the mistake to make."""
    found = []
    for row, begin in zip(rows, first):
        ref = reference.Seen(model)
        for name, eye in eyes.items():
            setattr(ref, name, functools.partial(eye, b=begin))
        found.append([latent[:, begin:] for latent in ref.heads_of(torch.tensor([row]))])
    return [torch.cat(of_head) for of_head in zip(*found)]


def _mistakes(model, rows, first, places):
    T = len(rows[0]) - first[0]  # the same for all rows
    lost = "the block does not see the text before it"
    see, stand = "the mask: every slot up to the token's own position", "model.rope_at(positions)"
    return [
        (f"{lost}: what was read before is not in the cache, or the mask hides it",
         lambda: _latents(model, rows, first, sees=lambda t, b: range(b if t >= b else 0, t + 1)), see),
        ("the heads' layers do not see the text before the block: they have caches, too",
         lambda: _latents(model, rows, first, sees_in_heads=lambda t, b: range(b if t >= b else 0, t + 1)),
         "what model.heads is given"),
        ("all rows stand at row 0's position; each row has its own start",
         lambda: _latents(model, rows, first, stands=lambda t, b: t - b + first[0] if t >= b else t), stand),
        ("the block's positions begin at 0 again: rotary angles count from the beginning of the text",
         lambda: _latents(model, rows, first, stands=lambda t, b: t - b if t >= b else t), stand),
        ("the positions are one too high", lambda: _latents(model, rows, first, stands=lambda t, b: t + (t >= b)),
         stand),
        ("each token sees all tokens of its block, also those that come after it: drafts judge themselves",
         lambda: _latents(model, rows, first, sees=lambda t, b: range(b + T if t >= b else t + 1)), see),
        ("a token sees slots behind its own, which hold zeros or stale entries: the mask must end at its own position",
         lambda: _latents(model, rows, first, sees=lambda t, b: range(b + T if t >= b else t + 1),
                          empty=lambda t, b: places - b - T if t >= b else 0), see),
        ("a token does not see itself: the mask is off by one",
         lambda: _latents(model, rows, first, sees=lambda t, b: range(t if t >= b and t else t + 1)), see),
    ]  # fmt: skip


@A4_2.check("a prompt")
def _(fn, cases):
    model = reference.attentive(cases, vocab_size=7)
    tokens, places = cases.tokens(1, cases.integer(4, 6), vocab_size=7), 12
    rows = tokens.tolist()
    got = _run(fn, model, _caches(model, 1, places), tokens, torch.tensor([0]))
    _expect_latents(got, _latents(model, rows, [0]), "a prompt at position 0", _mistakes(model, rows, [0], places))


@A4_2.check("a block behind it")
def _(fn, cases):
    model = reference.attentive(cases, vocab_size=7)
    places, first, T = 14, cases.integer(3, 5), 3
    rows = cases.tokens(1, first + T, vocab_size=7).tolist()
    caches = _caches(model, 1, places)
    text = torch.tensor(rows)
    fn(model, caches, text[:, :first], torch.tensor([0]))
    got = _run(fn, model, caches, text[:, first:], torch.tensor([first]))
    what = f"{first} tokens, then a block of {T} at position {first}"
    _expect_latents(got, _latents(model, rows, [first]), what, _mistakes(model, rows, [first], places))


@A4_2.check("a refused draft is overwritten")
def _(fn, cases):
    model = reference.attentive(cases, vocab_size=7)
    places, first, T = 14, cases.integer(3, 5), 3
    text = cases.tokens(1, first + 1 + T, vocab_size=7)
    caches = _caches(model, 1, places)
    fn(model, caches, text[:, :first], torch.tensor([0]))
    refused = torch.cat([text[:, first : first + 1], (text[:, first + 1 : first + T] + 1) % 7], dim=1)
    fn(model, caches, refused, torch.tensor([first]))
    got = _run(fn, model, caches, text[:, first + 1 :], torch.tensor([first + 1]))
    behind = _latents(model, [[*text[0, :first].tolist(), *refused[0].tolist(), *text[0, first + 1 :].tolist()]],
                      [first + T], stands=lambda t, b: t - T + 1 if t >= b else t)  # fmt: skip
    mistakes = [
        ("the refused drafts are still in the cache and seen: the next block must be written over them",
         lambda: behind, "where keys and values go: slots at the tokens' own positions, however much was written"),
    ]  # fmt: skip
    rows = text.tolist()
    what = f"a block at position {first} whose drafts are refused, then one at {first + 1}"
    _expect_latents(got, _latents(model, rows, [first + 1]), what,
                    mistakes + _mistakes(model, rows, [first + 1], places))  # fmt: skip


@A4_2.check("rows at different positions")
def _(fn, cases):
    model = reference.attentive(cases, vocab_size=7)
    places, T, starts = 14, 3, [4, 2, 5]
    cases.random.shuffle(starts)
    rows = [cases.tokens(start + T, vocab_size=7).tolist() for start in starts]
    caches = _caches(model, len(rows), places)
    padded = torch.tensor([row[:start] + [0] * (5 - start) for row, start in zip(rows, starts)])
    _run(fn, model, caches, padded, torch.zeros(len(rows), dtype=torch.long))
    block = torch.tensor([row[-T:] for row in rows])
    got = _run(fn, model, caches, block, torch.tensor(starts))
    _expect_latents(got, _latents(model, rows, starts), f"blocks at positions {starts}",
                    _mistakes(model, rows, starts, places))  # fmt: skip


@A4_2.check("one forward")
def _(fn, cases):
    model = reference.attentive(cases, vocab_size=7)
    caches, tokens = _caches(model, 2, 12), cases.tokens(2, 4, vocab_size=7)
    with reference.watched(model) as seen:
        fn(model, caches, tokens, torch.tensor([0, 2]))
    if len(seen) != 1 or seen[0].tokens != 4:
        sizes = [one.tokens for one in seen]
        fail(f"For a block of 4 tokens the trunk ran {len(seen)} times, over {sizes} tokens.",
             "tokens or rows run one after the other; one forward serves them all",
             "a Context for (B, T) positions at once")  # fmt: skip


# ---- A4.3

A4_3 = Question("A4.3", "speculative_step", points=4, difficulty=3, minutes=30, lines=7, answers=DECODERS)


def _story(cases, rows=1, **shape):
    """A model, prompts, texts that plain decoding writes and their steps, in which every number of kept drafts comes
    up."""
    count = 20 if rows == 1 else 12
    while True:
        model = reference.attentive(cases, **shape)
        vocab_size, k = model.cfg.vocab_size, model.cfg.n_future
        lengths = cases.random.sample(range(2, 8), rows)
        prompts = [cases.tokens(length, vocab_size=vocab_size).tolist() for length in lengths]
        texts = [reference.plain(model, prompt, count) for prompt in prompts]
        steps = [reference.steps(model, *row) for row in zip(prompts, texts)]
        if {step.accepted for own in steps for step in own[:-1]} == set(range(k)):
            return model, prompts, texts, steps


def _stops(prompts, texts, steps, vocab_size):
    """A stop id whose first place in row 0 is inside an accepted run, if there is one."""
    for token in range(vocab_size):
        if token in texts[0][1:] and token != texts[0][0]:
            at = len(prompts[0]) + texts[0].index(token)
            for step in steps[0][:-1]:
                if step.start < at <= step.start + step.accepted:
                    return token
    return None


def _stopping_story(cases, **shape):
    while True:
        story = _story(cases, **shape)
        model, prompts, texts, steps = story
        token = _stops(prompts, texts, steps, model.cfg.vocab_size)
        if token is not None:
            return *story, token


def _read(model, prompt, count):
    """Caches that hold the prompt, with room for `count` tokens more."""
    decoder = BlockDecoder(model, model.cfg.n_future, 1, len(prompt) + count)
    decoder.prefill(torch.tensor([prompt]))
    return decoder.trunk_caches, decoder.head_caches


def _expect_steps(fn, model, prompt, text, steps):
    """Step by step along the text, each from the right block."""
    caches, whole = _read(model, prompt, len(text)), [*prompt, *text]
    found = []  # of each step: what it was, and for its tokens and its next block (got, wanted, mistakes)
    for number, step in enumerate(steps[:-1], start=1):
        what = f"step {number}, block {step.block} at position {step.start}"
        with reference.watched(model) as seen:
            got = fn(model, caches, list(step.block), step.start)
        if type(got) is not tuple or len(got) != 2 or any(not isinstance(part, list) for part in got):
            fail(f"{what}: the result must be a tuple (tokens, next_block) of two lists.", "", "what is returned")
        if seen and seen[0].slots and seen[0].slots[0][0] != step.start:
            fail(f"{what}: it is run at position {seen[0].slots[0][0]}.",
                 "the block's first token stands at `start`", "what run_block is given")  # fmt: skip
        after, a = reference.said(model, whole[: step.start] + step.block)[step.start :], step.accepted  # (k, n)
        tokens, following = [*step.block[1 : a + 1], after[a][0]], after[a]
        found.append((what, [(got[0], tokens, _token_mistakes(step, tokens, after)),
                             (got[1], following, _block_mistakes(model, whole, step, tokens, after))]))  # fmt: skip
    looks = ("the verdicts: head 1's most likely token behind each token of the block",
             "the most likely tokens of heads 1 to k at the last kept token")  # fmt: skip
    for what, parts in found:
        for part, (got, want, mistakes) in enumerate(parts):
            if same(got, want):
                continue
            # With few ids many mistakes look alike in one step: one is named only if it explains all steps.
            every = [own[part] for _, own in found]
            likely = [mistake for i, mistake in enumerate(mistakes)
                      if all(same(given, others[i][1]()) for given, _, others in every)]  # fmt: skip
            name = ("the tokens that it adds", "the next block")[part]
            expect_same(got, want, f"{what}: {name}", likely, otherwise=looks[part])


def _token_mistakes(step, tokens, after):
    whole = 0  # drafts that are kept where the committed token is taken for the first of them
    while whole < len(step.block) - 1 and step.block[whole] == after[whole][0]:
        whole += 1
    return [
        ("the verdict behind the last kept token is lost: it is the token that every step adds", lambda: tokens[:-1],
         "what `accept` returns"),
        ("the committed token that the block began with is counted again", lambda: [step.block[0], *tokens],
         "what the step before has added already"),
        ("`accept` is given the whole block; the drafts are what follows its first token",
         lambda: [*step.block[:whole], after[whole][0]], "block[1:]"),
        ("head 1's own token is read at the end of the block; there it has read refused drafts",
         lambda: [*tokens[:-1], after[-1][0]], "verdicts[kept]"),
    ]  # fmt: skip


def _block_mistakes(model, whole, step, tokens, after):
    a, k, following, place = step.accepted, len(step.block), after[step.accepted], "the place of the last kept token"
    end = "the next drafts are taken from the end of the block; there the heads have read refused drafts"
    return [
        (end, lambda: [tokens[-1], *after[-1][1:]], place),
        (end, lambda: after[-1], place),
        ("the next drafts are taken one place too late, behind the first refused draft",
         lambda: [tokens[-1], *after[min(a + 1, k - 1)][1:]], f"{place}: index `kept` of the block"),
        ("the next block is taken one place too late, behind the first refused draft",
         lambda: after[min(a + 1, k - 1)], f"{place}: index `kept` of the block"),
        ("the next drafts are taken one place too early", lambda: [tokens[-1], *after[a - 1][1:]],
         f"{place}: index `kept` of the block"),
        ("the next block is taken one place too early", lambda: after[a - 1], f"{place}: index `kept` of the block"),
        ("the next drafts are always taken from the block's first place", lambda: [tokens[-1], *after[0][1:]], place),
        ("the next block is always taken from the block's first place", lambda: after[0], place),
        ("off by one head: the drafts are those of heads 1 to k-1; head 1's token is in the block already",
         lambda: [tokens[-1], *following[:-1]], "heads 2 to k draft"),
        ("all drafts are read through head 1's unembedding; each head may have its own",
         lambda: _through_the_first(model, whole, step), "model.unembed(x, i)"),
        ("the next block begins with the last kept token; it must begin with head 1's own",
         lambda: [step.block[a], *following[1:]], "the last token that is committed"),
        ("the next block begins with the committed token of this one; it must begin with head 1's own",
         lambda: [step.block[0], *following[1:]], "the last token that is committed"),
        ("the next block lacks the committed token", lambda: following[1:],
         "a block is one committed token and k-1 drafts"),
    ]  # fmt: skip


def _through_the_first(model, whole, step):
    """The next block, if the unembedding of head 1 served all heads."""
    ids = torch.tensor([whole[: step.start] + step.block[: step.accepted + 1]])
    return [int(model.unembed(latent[0, -1], 0).argmax()) for latent in reference.Seen(model).heads_of(ids)]


@A4_3.check("tokens and next block")
def _(fn, cases):
    model, (prompt,), (text,), (steps,) = _story(cases)
    _expect_steps(fn, model, prompt, text, steps)


@A4_3.check("a model whose heads are a chain")
def _(fn, cases):
    model, (prompt,), (text,), (steps,) = _story(cases, head_order="causal")
    _expect_steps(fn, model, prompt, text, steps)


@A4_3.check("an unembedding for each head")
def _(fn, cases):
    model = reference.attentive(cases, replicated_unembedding=True)
    prompt = cases.tokens(4, vocab_size=3).tolist()
    text = reference.plain(model, prompt, 14)
    _expect_steps(fn, model, prompt, text, reference.steps(model, prompt, text))


@A4_3.check("one forward")
def _(fn, cases):
    model, (prompt,), _, (steps,) = _story(cases)
    caches, block = _read(model, prompt, 3), steps[0].block
    with reference.watched(model) as seen:
        fn(model, caches, list(block), len(prompt))
    sizes = [one.tokens for one in seen]
    if sizes != [len(block)]:
        fail(f"For a block of {len(block)} tokens the trunk ran {len(seen)} times, over {sizes} tokens.",
             "verify and draft are the same forward: the block's latents hold the verdicts and the next drafts",
             "how often run_block is called in one step")  # fmt: skip


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
    model, (prompt,), (text,), _ = _story(cases)
    _expect_text(fn, model, prompt, len(text))


@A4_4.check("every length")
def _(fn, cases):
    model, (prompt,), _, _ = _story(cases)
    for count in (1, 2, 7, 8, 9, 10):
        _expect_text(fn, model, prompt, count)
    _expect_text(fn, model, prompt[:1], 6)
    _expect_text(fn, model, prompt, model.cfg.max_seq_len - len(prompt))  # to the end of the window


@A4_4.check("stop ids")
def _(fn, cases):
    model, (prompt,), (text,), _, token = _stopping_story(cases)
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
    model, (prompt,), (text,), (steps,) = _story(cases)
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
    model, (prompt,), (text,), _, token = _stopping_story(cases)
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
    model, prompts, (text,), _ = _story(cases)
    _expect_texts(fn, model, prompts, len(text))


@A4_5.check("rows of different lengths")
def _(fn, cases):
    for _ in range(2):
        model, prompts, texts, _ = _story(cases, rows=3)
        _expect_texts(fn, model, prompts, len(texts[0]))


@A4_5.check("a row that ends first")
def _(fn, cases):
    model, prompts, texts, _, token = _stopping_story(cases, rows=3)
    _expect_texts(fn, model, prompts, len(texts[0]), (token,))
    _expect_texts(fn, model, prompts, len(texts[0]), (texts[1][0],))  # one with the prompt's own forward
    _expect_texts(fn, model, prompts, model.cfg.max_seq_len - max(map(len, prompts)), (token,))


@A4_5.check("no more forwards than the slowest row needs")
def _(fn, cases):
    model, prompts, texts, _, token = _stopping_story(cases, rows=3)
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
