"""A4, questions 1 to 3: one step of greedy self-speculative decoding with a cache (paper, section 3.2; DESIGN: one
static step).

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
    model, (prompt,), (text,), (steps,) = reference.story(cases)
    _expect_steps(fn, model, prompt, text, steps)


@A4_3.check("a model whose heads are a chain")
def _(fn, cases):
    model, (prompt,), (text,), (steps,) = reference.story(cases, head_order="causal")
    _expect_steps(fn, model, prompt, text, steps)


@A4_3.check("an unembedding for each head")
def _(fn, cases):
    model = reference.attentive(cases, replicated_unembedding=True)
    prompt = cases.tokens(4, vocab_size=3).tolist()
    text = reference.plain(model, prompt, 14)
    _expect_steps(fn, model, prompt, text, reference.steps(model, prompt, text))


@A4_3.check("one forward")
def _(fn, cases):
    model, (prompt,), _, (steps,) = reference.story(cases)
    caches, block = _read(model, prompt, 3), steps[0].block
    with reference.watched(model) as seen:
        fn(model, caches, list(block), len(prompt))
    sizes = [one.tokens for one in seen]
    if sizes != [len(block)]:
        fail(f"For a block of {len(block)} tokens the trunk ran {len(seen)} times, over {sizes} tokens.",
             "verify and draft are the same forward: the block's latents hold the verdicts and the next drafts",
             "how often run_block is called in one step")  # fmt: skip
