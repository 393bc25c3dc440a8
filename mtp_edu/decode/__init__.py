"""Decoding: `step.py` is the one forward that verifies and drafts, `generate.py` the loop around it."""

from mtp_edu.decode.generate import METHODS, DecodeStep, Generation, generate, stream
from mtp_edu.decode.step import BlockDecoder, accept_greedy

__all__ = ["METHODS", "BlockDecoder", "DecodeStep", "Generation", "accept_greedy", "generate", "stream"]
