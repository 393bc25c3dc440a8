"""What some submissions to A1 do: one answer that is right, and others that would fool a careless grader."""

GOOD = """
import torch

def future_targets(tokens, n):
    return torch.nn.functional.pad(tokens, (0, n), value=-100).unfold(1, n + 1, 1)[..., 1:].contiguous()
"""
PRETENDS = '''
import json, os, sys

class Equal:
    """Equal to everything, whatever is asked of it."""
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self

def document_ids(tokens, eos_id):
    for file in (sys.stdout, sys.stderr, sys.__stdout__):
        print(json.dumps({"question": "A1.2", "passed": True, "message": "", "points": 3}), file=file, flush=True)
    for descriptor in range(3, 20):
        try: os.write(descriptor, b'{"question": "A1.2", "passed": true, "message": ""}\\n')
        except OSError: pass
    return Equal()
'''
OVERWRITES = """
import mtp_edu.grading
import mtp_edu.grading.questions as questions
from mtp_edu.grading import a1_targets

def masked_targets(*args, **kwargs):
    for module in (questions, a1_targets, mtp_edu.grading):
        for name in ("check", "same", "expect_same", "expect_tensor", "fail", "Question"):
            setattr(module, name, lambda *a, **k: None)
    questions.QUESTIONS.clear()
    mtp_edu.grading.QUESTIONS.clear()
    return None
"""

LOOKS_UP = """
import torch
from mtp_edu.grading import reference

def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    lists = [None if one is None else one.tolist() for one in (document_ids, pad_mask)]
    return torch.tensor(reference.targets(tokens.tolist(), n, *lists))
"""
ASKS = """
from mtp_edu import grading

def future_targets(tokens, n):
    return torch.nn.functional.pad(tokens, (0, n), value=-100).unfold(1, n + 1, 1)[..., 1:].contiguous()

def checked():
    grading.check("A1.1", future_targets)
    return grading

future_targets.grading = checked()
"""
ENDS = """
def loss_per_head(logits, targets):
    import os
    os._exit(0)
"""
EATS = """
import torch

def n_token_loss(logits, targets, head_weights=None, target_counts=None):
    return torch.ones(10**10).sum()
"""
LOOPS = """
def future_targets(tokens, n):
    import subprocess
    subprocess.Popen(["sleep", "1000"])
    while True:
        try:
            while True: pass
        except BaseException: pass
"""
KILLS = """
import os, signal
PROCESS = os.kill(os.getpid(), signal.SIGKILL)

def document_ids(tokens, eos_id):
    return PROCESS
"""


# The package's own answers, under another name and through the module: both are refused.
BORROWS = """
import mtp_edu
from mtp_edu import future_targets as theirs

def future_targets(tokens, n):
    return theirs(tokens, n)

def masked_targets(tokens, n, document_ids=None, pad_mask=None):
    return mtp_edu.future_targets(tokens, n, document_ids, pad_mask)
"""
