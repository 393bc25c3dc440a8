"""A1, questions 1 to 3: targets and masks (paper, section 2).

Letters: `B` batch, `L` tokens of a row, `T` time, `V` vocabulary, `n` future tokens; head k = 1 is the next token.
"""

from __future__ import annotations

import torch

from mtp_edu import corpus
from mtp_edu.grading import reference
from mtp_edu.grading.questions import Question, expect_same, expect_tensor

NONE = reference.NONE
TARGETS = (corpus.future_targets, corpus.Windows.batch)

# ---- A1.1

A1_1 = Question("A1.1", "future_targets", points=3, difficulty=1, minutes=15, lines=5, answers=TARGETS)


@A1_1.check("shape")
def _(fn, cases):
    B, L, n = 2, cases.integer(7, 9), 3
    expect_tensor(fn(cases.tokens(B, L, vocab_size=50), n), (B, L, n), torch.int64, "the result", "B, L, n")


@A1_1.check("head 1 is the next token")
def _(fn, cases):
    tokens = cases.tokens(2, 8, vocab_size=50)
    _expect_targets(fn(tokens, 1), tokens, 1)


@A1_1.check("every head")
def _(fn, cases):
    tokens = cases.tokens(cases.integer(2, 3), cases.integer(7, 9), vocab_size=50)
    _expect_targets(fn(tokens, 4), tokens, 4)


@A1_1.check("a row shorter than n")
def _(fn, cases):
    for L in (3, 1):
        tokens = cases.tokens(2, L, vocab_size=50)
        _expect_targets(fn(tokens, 5), tokens, 5)


def _expect_targets(got, tokens, n, documents=None, padding=None):
    B, L = tokens.shape
    expect_tensor(got, (B, L, n), torch.int64, "the result", "B, L, n")
    rows = tokens.tolist()
    want = reference.targets(rows, n, documents, padding)

    def shifted(by):
        """As if head k had to name token t + by(k); -100 past the end."""
        return [
            [[row[t + by(k)] if t + by(k) < L else NONE for k in range(1, n + 1)] for t in range(L)] for row in rows
        ]

    def past_the_end(filled):
        """Right, but for the places past the end."""
        return [
            [[row[t + k] if t + k < L else filled(row, t + k) for k in range(1, n + 1)] for t in range(L)]
            for row in rows
        ]

    def without_head_n():
        return [[[*place[:-1], NONE] for place in row] for row in want]

    end = "the last k positions of head k: the row has ended there"
    mistakes = [
        ("off by one: head k must name token t+k, yours names t+k-1 (head 1 copies its own token)",
         lambda: shifted(lambda k: k - 1), "`[..., k-1]` is head k: index 0 is head 1, and head 1 looks one token on"),
        ("off by one: head k must name token t+k, yours names t+k+1", lambda: shifted(lambda k: k + 1),
         "head 1, the next token: index 0, and one token on"),
        ("the shift goes the wrong way: yours names t-k, a token that has been read",
         lambda: [[[row[t - k] if t >= k else NONE for k in range(1, n + 1)] for t in range(L)] for row in rows],
         "`tokens[:, k:]` is what lies k ahead, and it goes to the first places"),
        ("head n has no targets: range(1, n) ends before n", without_head_n, "the loop over k, which must reach n"),
        ("every head names the next token", lambda: shifted(lambda k: 1), "where k enters the shift"),
        ("the heads stand in reverse order", lambda: shifted(lambda k: n + 1 - k), "`[..., 0]`: it belongs to head 1"),
        ("it wraps around: past the end the row's first tokens come again (torch.roll does that)",
         lambda: past_the_end(lambda row, i: row[i % L]), end),
        ("past the end stands 0, which is a token like any other", lambda: past_the_end(lambda *_: 0), end),
        ("past the end the last token is repeated", lambda: past_the_end(lambda row, _: row[-1]), end),
    ]  # fmt: skip
    expect_same(got, want, "targets [b][t][k-1]", mistakes, otherwise="one row of a small case, by hand")


# ---- A1.2

A1_2 = Question(
    "A1.2", "document_ids", points=3, difficulty=2, minutes=15, lines=3, answers=(corpus.Windows.batch, corpus.windows)
)
EOS = 9


def _documents(cases, rows=2, length=12):
    """Rows with ends of text among them, two of them side by side and one at the very start."""
    tokens = cases.tokens(rows, length, vocab_size=EOS)
    for b in range(rows):
        first = cases.integer(2, 4)
        for t in (0, first, first + 1, first + cases.integer(4, 6)):
            if b == 0 or t > 0:
                tokens[b, t] = EOS
    return tokens


def _partition(rows):
    """Each id replaced by the place where its run begins: two numberings of the same documents become equal. An id that
    comes back later is another document's, so it keeps its number."""
    return [[row.index(value) for value in row] for row in rows]


@A1_2.check("shape")
def _(fn, cases):
    tokens = _documents(cases)
    expect_tensor(fn(tokens, EOS), tuple(tokens.shape), torch.int64, "the result", "B, L")


@A1_2.check("which tokens belong together")
def _(fn, cases):
    tokens = _documents(cases)
    got = fn(tokens, EOS)
    expect_tensor(got, tuple(tokens.shape), torch.int64, "the result", "B, L")
    rows = tokens.tolist()

    def numbered(ends_its_own, per_row=True):
        out, document = [], 0
        for row in rows:
            document = 0 if per_row else document
            out.append([])
            for token in row:
                if not ends_its_own and token == EOS:
                    document += 1
                out[-1].append(document)
                if ends_its_own and token == EOS:
                    document += 1
        return _partition(out)

    mistakes = [
        ("the end-of-text token was given to the document that follows; it belongs to the one that it ends",
         lambda: numbered(False), "the token right before a boundary: head 1 must learn to end the text there"),
        ("the ids mark the ends only (1 where a text ends, 0 elsewhere): all documents look alike",
         lambda: _partition([[int(token == EOS) for token in row] for row in rows]), "a running count: cumsum"),
        ("all tokens have the same id", lambda: [[0] * len(row) for row in rows], "`tokens == eos_id`"),
        ("ids counted along the batch, not along the row (cumsum over dimension 0)",
         lambda: _partition(_columns([_counted(column) for column in _columns(rows)])), "cumsum's dimension"),
    ]  # fmt: skip
    expect_same(_partition(got.tolist()), numbered(True), "where each token's document begins", mistakes,
                otherwise="a row with one end of text, by hand: [5, 6, EOS, 7] is [0, 0, 0, 1]")  # fmt: skip


def _columns(rows):
    return [list(column) for column in zip(*rows)]


def _counted(row):
    found, out = 0, []
    for token in row:
        out.append(found)
        found += token == EOS
    return out


# ---- A1.3

A1_3 = Question("A1.3", "masked_targets", points=4, difficulty=2, minutes=25, lines=9, answers=TARGETS)


@A1_3.check("without masks")
def _(fn, cases):
    tokens = cases.tokens(2, 7, vocab_size=50)
    _expect_targets(fn(tokens, 3), tokens, 3)


def _boundaries(cases, rows=3, length=10):
    """Ids of short documents; the numbers of a row are all different, and they fall as well as rise."""
    out = []
    for _ in range(rows):
        row = []
        for document in cases.random.sample(range(1, 30), length):
            row += [document] * cases.integer(1, 4)
        out.append(row[:length])
    return torch.tensor(out)


@A1_3.check("document boundaries")
def _(fn, cases):
    tokens, ids = cases.tokens(3, 10, vocab_size=50), _boundaries(cases)
    got, rows, documents, n = fn(tokens, 4, ids), tokens.tolist(), ids.tolist(), 4
    expect_tensor(got, (3, 10, n), torch.int64, "the result", "B, L, n")
    want = reference.targets(rows, n, documents)

    def by(keep):
        free = reference.targets(rows, n)
        for b, t, k in ((b, t, k) for b in range(3) for t in range(10) for k in range(1, n + 1)):
            if t + k < 10 and not keep(documents[b], t, k):
                free[b][t][k - 1] = NONE
        return free

    mistakes = [
        ("the documents are ignored: targets leak across the boundary", lambda: reference.targets(rows, n),
         "a position whose token t+k is in another document (`masked_fill` returns a new tensor)"),
        ("only a larger number counts as another document; any other number does",
         lambda: by(lambda d, t, k: d[t] >= d[t + k]), "`>` where `!=` is meant"),
        ("only a smaller number counts as another document; any other number does",
         lambda: by(lambda d, t, k: d[t] <= d[t + k]), "`<` where `!=` is meant"),
        ("a leaking boundary: only the next token's document is compared, so heads 2..n see into the next document",
         lambda: by(lambda d, t, k: d[t] == d[t + 1]), "document t+k, once for every head"),
        ("a leaking boundary: tokens t+k-1 and t+k are compared, but the boundary may lie before both",
         lambda: by(lambda d, t, k: d[t + k - 1] == d[t + k]), "the position's own document, and that of token t+k"),
        ("too much is masked: a position loses all its targets as soon as one of them is in another document",
         lambda: by(lambda d, t, k: t + n < 10 and d[t] == d[t + n]), "each head for itself"),
        ("the mask is turned round: what stays is in the other document", lambda: by(lambda d, t, k: d[t] != d[t + k]),
         "which of == and != marks a target to remove"),
    ]  # fmt: skip
    expect_same(got, want, "targets [b][t][k-1]", mistakes, otherwise="document_ids[b, t] and document_ids[b, t+k]")


@A1_3.check("padding")
def _(fn, cases):
    tokens, L, n = cases.tokens(2, 9, vocab_size=50), 9, 3
    pads = []
    for _ in range(2):  # on the left and on the right: both occur
        left, right = cases.integer(1, 2), cases.integer(1, 3)
        pads.append([t < left or t >= L - right for t in range(L)])
    got, rows = fn(tokens, n, pad_mask=torch.tensor(pads)), tokens.tolist()
    expect_tensor(got, (2, L, n), torch.int64, "the result", "B, L, n")

    def by(keep):
        free = reference.targets(rows, n)
        for b, t, k in ((b, t, k) for b in range(2) for t in range(L) for k in range(1, n + 1)):
            if t + k < L and not keep(pads[b], t, k):
                free[b][t][k - 1] = NONE
        return free

    mistakes = [
        ("padding is ignored", lambda: reference.targets(rows, n), "pad_mask: True where there is padding"),
        ("padding is no target any more, but still a place to predict from", lambda: by(lambda p, t, k: not p[t + k]),
         "positions t that are padding themselves"),
        ("nothing is predicted from padding, but padding is still a target", lambda: by(lambda p, t, k: not p[t]),
         "targets t+k that are padding"),
        ("only where position and target are both padding is there none; one of them is enough",
         lambda: by(lambda p, t, k: not (p[t] and p[t + k])), "`&` where `|` is meant"),
        ("the mask is turned round: pad_mask is True where there IS padding",
         lambda: by(lambda p, t, k: p[t] and p[t + k]), "what True means"),
        ("the mask is turned round: pad_mask is True where there IS padding",
         lambda: by(lambda p, t, k: p[t] or p[t + k]), "what True means"),
    ]  # fmt: skip
    expect_same(got, reference.targets(rows, n, padding=pads), "targets [b][t][k-1]", mistakes)


@A1_3.check("both masks")
def _(fn, cases):
    tokens, ids = cases.tokens(2, 9, vocab_size=50), _boundaries(cases, 2, 9)
    pads = [[t >= 9 - cases.integer(1, 3) for t in range(9)] for _ in range(2)]
    for L in (9, 2):
        row, documents, padding = tokens[:, :L], ids[:, :L], torch.tensor(pads)[:, :L]
        got = fn(row, 4, document_ids=documents, pad_mask=padding)
        expect_tensor(got, (2, L, 4), torch.int64, "the result", "B, L, n")
        masks = documents.tolist(), padding.tolist()
        one, other, both = (reference.targets(row.tolist(), 4, *m) for m in (masks[:1], (None, masks[1]), masks))
        mistakes = [
            ("together, the second mask undoes the first", lambda other=other: other,
             "the tensor that each mask starts from"),
            ("together, only the documents count", lambda one=one: one, "`elif`: both masks may be given at once"),
        ]  # fmt: skip
        expect_same(got, both, f"targets of a row of {L} tokens", mistakes)
