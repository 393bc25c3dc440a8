"""Memory: measured over time, limited, and in closed form. Decoding: what a step must cost, and what it does.

    memory(fn, model)    which tensors lived when, whose they were and what for: recorded while `fn` runs
    limit(bytes)         a block of code that may not hold more than so many bytes, on any machine
    estimate(cfg, ...)   the same peak computed from the shape of the model alone; `what_fits` asks it of machines
    step_cost(cfg, ...)  bytes and FLOPs of a decode step; `bound`: what speculation can gain; `roofline`: the machine
    draft_length(...)    the best n_future here, measured
    plan(cfg, ...)       memory and time of a training run before it starts, and what would fit if it does not
"""

from mtp_edu.meter.closed_form import MACHINES, REACHED, USABLE, Estimate, Fit, estimate, what_fits
from mtp_edu.meter.decoding import (
    DraftLength,
    Roofline,
    StepCost,
    bandwidth,
    bound,
    decode_step,
    draft_length,
    roofline,
    step_cost,
)
from mtp_edu.meter.limiting import MemoryLimitExceeded, limit
from mtp_edu.meter.planning import DoesNotFit, Plan, free_memory, plan
from mtp_edu.meter.recording import KINDS, Allocation, MemoryTimeline, cuda_changes, memory

__all__ = ["KINDS", "MACHINES", "REACHED", "USABLE", "Allocation", "Estimate", "Fit", "MemoryLimitExceeded",
           "MemoryTimeline", "cuda_changes", "estimate", "limit", "memory", "what_fits"]

__all__ += ["DraftLength", "Roofline", "StepCost", "bandwidth", "bound", "decode_step", "draft_length", "roofline",
            "step_cost"]

__all__ += ["DoesNotFit", "Plan", "free_memory", "plan"]
