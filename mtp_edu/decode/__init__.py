"""Decoding: `step.py` is the one forward that verifies and drafts, `tree.py` the same with several candidates of every
head, `sampling.py` what is drawn and which drafts are kept, `generate.py` the loop around them."""

from mtp_edu.decode.generate import METHODS, DecodeStep, Generation, generate, stream
from mtp_edu.decode.sampling import Sampling, accept_lossless, accept_typical, draw
from mtp_edu.decode.step import BlockDecoder, accept_greedy
from mtp_edu.decode.tree import DraftTree, TreeDecoder

__all__ = [
    "METHODS", "BlockDecoder", "DecodeStep", "DraftTree", "Generation", "Sampling", "TreeDecoder", "accept_greedy",
    "accept_lossless", "accept_typical", "draw", "generate", "stream",
]  # fmt: skip
