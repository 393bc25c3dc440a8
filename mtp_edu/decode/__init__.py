"""Decoding: `step.py` is the one forward that verifies and drafts, `sampling.py` what is drawn and which drafts are
kept, `generate.py` the loop around them."""

from mtp_edu.decode.generate import METHODS, DecodeStep, Generation, generate, stream
from mtp_edu.decode.sampling import Sampling, accept_lossless, accept_typical, draw
from mtp_edu.decode.step import BlockDecoder, accept_greedy

__all__ = [
    "METHODS", "BlockDecoder", "DecodeStep", "Generation", "Sampling", "accept_greedy", "accept_lossless",
    "accept_typical", "draw", "generate", "stream",
]  # fmt: skip
