"""Draws the README's picture, data/results/race.png, and stores its numbers beside it: python notebooks/source/picture.py

The shipped stories model continues one beginning both ways; each way is run five times and the fastest is drawn, since
other programs disturb some.
"""

import torch

import mtp_edu as mtp
from mtp_edu import views
from mtp_edu.bench.results import store
from mtp_edu.paths import atomic_path, data_dir

PROMPT = "Once upon a time, there was a little fox"


def main() -> None:
    torch.set_num_threads(1)  # as the notebooks: the model is small
    model, tok = mtp.load_pretrained("stories-nano")
    runs = {}
    for method in ("autoregressive", "self-speculative"):
        every = [mtp.generate(model, tok.encode(PROMPT), 160, method=method) for _ in range(5)]
        runs[method] = every
    plain, quick = (min(every, key=lambda out: out.seconds) for every in runs.values())
    figure = views.race_curves(plain, quick)
    with atomic_path(data_dir() / "results" / "race.png") as path:
        figure.savefig(path, format="png", dpi=160)
    rows = {
        method: {"seconds": [out.seconds for out in every], "forwards": every[0].forwards, "tokens": len(every[0].tokens)}
        for method, every in runs.items()
    }
    content = {
        "model": "stories-nano",
        "prompt": PROMPT,
        "same_text": plain.tokens == quick.tokens,
        "tokens_per_forward": quick.tokens_per_forward,
        "repeated_8_grams": mtp.probe.repeated_share(quick.tokens),
        "times_as_fast": plain.seconds / quick.seconds,
        "bound": quick.tokens_per_forward * 13 / 16,  # a plain step runs 13 of the 16 layers
        "runs": rows,
    }
    store("race", "python notebooks/source/picture.py", torch.device("cpu"), content)
    print({name: value for name, value in content.items() if name != "runs"})


if __name__ == "__main__":
    main()
