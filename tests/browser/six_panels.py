"""The six panels, each with a text of about 1,000 tokens: cells for a notebook, and what a learner moves in each.

The models' windows are shorter than that, so they read on with positions that they have never seen: what they say at
the end is worth little, and their panels look and cost as they would.
"""

SETUP = """
import dataclasses

import torch

import mtp_edu as mtp
from mtp_edu import meter, views


def longer(name, window=1_100):
    model, tok = mtp.load_pretrained(name, device="cpu")
    wider = mtp.MultiTokenModel(dataclasses.replace(model.cfg, max_seq_len=window)).eval()
    wider.load_state_dict(model.state_dict())
    return wider, tok


code, python = longer("python-4")
before, _ = longer("python-1")
tales, stories = longer("stories-nano")
source = open(mtp.corpus.__file__, encoding="utf-8").read()
program = python.decode(python.encode(source)[:1_000])
story = stories.decode(stories.encode(" ".join(tale.text for tale in mtp.corpus.stories(20)))[:1_000])
tokens = torch.tensor([stories.encode(story)])
"""

# name -> its cell
CELLS = {
    "HeadExplorer": """
views.HeadExplorer(code, python, program, compare=("python-1", before, python), name="python-4")
""",
    "StepThrough": """
views.StepThrough(code, python, python.decode(python.encode(program)[:960]), max_new_tokens=32)
""",
    "TrainingMonitor": """
data = mtp.corpus.windows(mtp.corpus.stories(100), stories, length=32, n_future=4)
config = mtp.TrainConfig(steps=120, batch_size=2, validate_every=30, validation_windows=4, checkpoint_every=0)
small = mtp.MultiTokenModel(mtp.ModelConfig(vocab_size=stories.vocab_size, dim=32, n_layers=5, n_future=4))
watch = views.TrainingMonitor(
    mtp.train(small, data, config, validation=data, quiet=True),
    title="120 steps of a small model",
    sample=lambda: stories.decode(mtp.generate(small, stories.encode("Once"), 12).tokens),
    sample_every=60,
)
for event in watch:
    pass
""",
    "DecodingRace": """
views.DecodingRace(tales, stories, "Once upon a time", max_new_tokens=1_000)
""",
    "MemoryTimeline": """
targets = mtp.future_targets(tokens, 4)
views.MemoryTimeline({
    mode: meter.memory(lambda mode=mode: mtp.forward_backward(tales, tokens, targets, mode=mode), tales)
    for mode in ("naive", "memory-efficient")
})
""",
    "InductionExplorer": """
checkpoints = {step: mtp.MultiTokenModel(tales.cfg, seed=step) for step in (0, 500)} | {1_000: tales}


def right(model):
    return (model(tokens, n_future=1)[0, :-1, 0].argmax(-1) == tokens[0, 1:]).float().mean().item()


views.InductionExplorer(checkpoints, stories, story, right)
""",
}

# panel -> what is moved, as (selector inside the panel, key for a slider's handle or None for a click)
MOVES = {
    "HeadExplorer": [(".mtp-slider-page .noUi-handle", "ArrowRight"), (".mtp-slider-page .noUi-handle", "ArrowLeft")],
    "StepThrough": [("button.mtp-phase-forth", None)],
    "MemoryTimeline": [("button.mtp-back", None), ("button.mtp-forth", None)],
    "InductionExplorer": [(".mtp-slider-token .noUi-handle", "ArrowLeft")],
}
