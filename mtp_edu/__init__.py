"""mtp_edu: multi-token prediction, to be learnt by running it (Gloeckle et al. 2024, arXiv 2404.19737).

text -> tokens -> windows -> trunk -> heads -> loss and gradient -> weights -> drafts -> text
"""

import os

# torch's profiler writes a line to stderr at every start and stop, into notebooks too; torch reads this on import.
os.environ.setdefault("KINETO_LOG_LEVEL", "6")

from mtp_edu import checkpoint, corpus, device, meter, probe
from mtp_edu.backward import forward_backward, head_losses
from mtp_edu.checkpoint import load, load_pretrained, save
from mtp_edu.config import ModelConfig, TrainConfig
from mtp_edu.corpus import future_targets
from mtp_edu.decode import DecodeStep, Generation, generate, stream
from mtp_edu.model import MultiTokenModel
from mtp_edu.progress import progress
from mtp_edu.tokenizer import ByteTokenizer, SentencePieceTokenizer, load_tokenizer
from mtp_edu.train import TrainEvent, evaluate, train

__version__ = "0.1.0"
