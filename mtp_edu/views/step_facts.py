"""What happened in one step of self-speculative decoding, from its record: phases, the cache, where tokens came from.

Positions are those of the text; `k` tokens are in a block, the last committed one and k-1 drafts. Of a sampled step,
p(x) and q(x) are a draft's probabilities by head 1 and by the head that drew it, u a uniform number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mtp_edu.decode import DecodeStep
from mtp_edu.decode.sampling import ACCEPTANCES, accept_typical, typical_threshold

PHASES = ("draft", "verify", "commit", "cache")  # what a step does, in this order, within one forward
DRAFT, VERIFY, COMMIT, CACHE = range(4)
OLD, KEPT, GONE, EMPTY = "old", "kept", "gone", "empty"


@dataclass(frozen=True)
class Odds:
    """What a sampled step weighed (decode/sampling.py). Per draft: p(x) by head 1, q(x) that it was drawn with, what
    the rule asks, and the uniform number u. Lossless keeps a draft where u < p/q, typical where p > asked.

    own: the probability of head 1's own token in what it was drawn from; residual: that was what p has more than q.
    """

    acceptance: str
    p: tuple[float, ...]
    q: tuple[float, ...]
    asked: tuple[float, ...]
    u: tuple[float, ...]
    own: float
    residual: bool


def recording(acceptance: str, into: list[Odds]) -> Callable:
    """The rule of that name ("lossless", "typical") for `generate(acceptance=...)` and one prompt: it decides as ever
    and appends what every step weighed.
    """
    rule = ACCEPTANCES[acceptance]

    def watched(target, source, drafts, uniform):
        kept, following = rule(target, source, drafts, uniform)
        places, accepted = drafts.unsqueeze(-1), int(kept[0])
        p, q = (of.gather(-1, places)[0, :, 0] for of in (target[:, :-1], source))  # (k-1,)
        asked = typical_threshold(target[0, :-1]) if rule is accept_typical else uniform[0, :-1] * q
        drawn_from, residual = target[0, accepted], rule is not accept_typical and accepted < len(p)
        if residual:
            left = (drawn_from - source[0, accepted]).clamp(min=0)
            drawn_from = left / left.sum() if left.any() else drawn_from
        numbers = (tuple(of.tolist()) for of in (p, q, asked, uniform[0]))
        into.append(Odds(acceptance, *numbers, float(drawn_from[following[0]]), residual))
        return kept, following

    return watched


def cache_states(step: DecodeStep, tree: bool = False) -> dict[int, str]:
    """Position -> what the step has left in the text's cache there: KEPT or GONE. Before its block all is OLD, behind
    it EMPTY. The token that head 1 adds at the end is not in it: it is the next block's first.

    tree: the accepted path was copied to the text, and copies of its last node behind it.
    """
    width = max(2, len(step.verdicts)) if tree else len(step.block)
    kept = 1 + min(step.accepted, len(step.tokens))
    return {step.position + j: KEPT if j < kept else GONE for j in range(width)}


def cache_before(steps: Sequence[DecodeStep], at: int, tree: bool = False) -> dict[int, str]:
    """Position -> what step `at` finds in the text's cache from its own position on: GONE where the step before has
    left void entries. The rest is EMPTY, and all before it is OLD.
    """
    left = cache_states(steps[at - 1], tree) if at else {}
    return {position: state for position, state in left.items() if position >= steps[at].position}


def origins(step: DecodeStep) -> list[int]:
    """For each token that a step has committed, the head it came from: the draft of head j+1, or head 1's own."""
    return [place + 2 if place < step.accepted else 1 for place in range(len(step.tokens))]
