"""The command line: mtp-edu doctor | demo | train | eval | generate | bench | run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mtp_edu import checkpoint, corpus, demo, meter, probe, recipes
from mtp_edu.config import HEAD_SCHEDULES, PRESETS, ModelConfig, TrainConfig
from mtp_edu.decode import METHODS, generate
from mtp_edu.decode.sampling import ACCEPTANCES
from mtp_edu.device import choose
from mtp_edu.doctor import doctor
from mtp_edu.experiments import commands as experiments
from mtp_edu.model import MultiTokenModel
from mtp_edu.paths import data_dir
from mtp_edu.progress import per_head, progress
from mtp_edu.tokenizer import ByteTokenizer, SentencePieceTokenizer
from mtp_edu.train import TrainEvent, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; bad input ends with one line that says what to do, and exit status 2."""
    options = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Unicode must not cost a finished text
            stream.reconfigure(errors="replace")
    try:
        return options.run(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"mtp-edu {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="mtp-edu", description="Multi-token prediction, to be learnt by running it.")
    commands = top.add_subparsers(dest="command", required=True)

    def command(name, run, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    command("doctor", _doctor, "versions, device, dtype and why; what is missing and how to mend it")

    sub = command("demo", _demo, "train a small n=4 model in a minute, then write the same text both ways")
    sub.add_argument("--seconds", type=float, default=50, help="time for training (default 50)")
    sub.add_argument("--max-new-tokens", type=int, default=120)

    sub = command("train", _train, "train a model on Python source, stories or your own text")
    sub.add_argument("--recipe", choices=recipes.RECIPES, help="make a model that ships, with all its settings")
    sub.add_argument("--data", nargs="+", default=["stories"], help="'stories', 'python', or files and folders")
    sub.add_argument("--stories", type=int, default=10_000, help="how many stories (default 10000)")
    sub.add_argument("--vocab-size", type=int, default=1024, help="of SentencePiece; 257 means bytes (default 1024)")
    sub.add_argument("--size", choices=PRESETS, default="nano")
    sub.add_argument("--n-future", type=int, default=4)
    sub.add_argument("--length", type=int, default=256, help="tokens per window (default 256)")
    sub.add_argument("--steps", type=int, help="optimizer steps (default 500, or the recipe's)")
    sub.add_argument("--batch-size", type=int, default=16, help="windows per step (default 16)")
    sub.add_argument("--micro-batch-size", type=int, help="windows per forward (default: all of a step's)")
    sub.add_argument("--learning-rate", type=float, default=2e-3)
    sub.add_argument("--token-chunk", type=int, help="rows of logits alive at once")
    sub.add_argument("--mode", choices=["memory-efficient", "naive"], default="memory-efficient")
    text = "of heads 1..n in the loss, as 1 0.6 0.36 (default 1 each); a head of weight 0 is not trained"
    sub.add_argument("--head-weights", nargs="+", type=float, metavar="WEIGHT", help=text)
    text = "forward: heads 1..k on, k rising from 1 to n in equal phases; reverse: falling; decay: heads 2..n to 0"
    sub.add_argument("--head-schedule", choices=HEAD_SCHEDULES, default="constant", help=text)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--device")
    sub.add_argument("--dtype")
    sub.add_argument("--compile", action="store_true")
    sub.add_argument("--validate-every", type=int, default=100)
    sub.add_argument("--checkpoint-every", type=int, default=100)
    sub.add_argument("--out", type=Path, help="folder for the model (default runs/NAME)")
    sub.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    sub.add_argument("--overwrite", action="store_true", help="replace what is in the folder")
    text = "print the memory and the time that it would take here, and stop"
    sub.add_argument("--estimate", action="store_true", help=text)

    sub = command("eval", _eval, "loss per head and acceptance of a checkpoint on a text")
    sub.add_argument("checkpoint", help="a folder, or the name of a pretrained model")
    sub.add_argument("--data", nargs="+", default=None, help="files and folders; 'stories' or 'python': held-out part")
    sub.add_argument("--length", type=int, default=256)

    sub = command("generate", _generate, "continue a text")
    sub.add_argument("checkpoint", help="a folder, or the name of a pretrained model")
    sub.add_argument("prompt", help="the text to continue, or - for standard input")
    sub.add_argument("--max-new-tokens", type=int, default=128)
    sub.add_argument("--method", choices=METHODS, default="self-speculative")
    sub.add_argument("--n-future", type=int)
    sub.add_argument("--temperature", type=float, default=0.0, help="0, the default, is greedy")
    sub.add_argument("--top-p", type=float, default=1.0)
    sub.add_argument("--top-k", type=int)
    sub.add_argument("--seed", type=int, help="the same seed draws the same text")
    sub.add_argument("--acceptance", choices=list(ACCEPTANCES), default="lossless", help="typical: not exact")
    sub.add_argument("--compile", action="store_true", help="compiled steps: worth their wait for many texts")
    sub.add_argument("--device", default="cpu")
    sub.add_argument("--quiet", action="store_true", help="the text alone")

    sub = command("bench", _bench, "side-by-side comparisons; results go to data/results")
    sub.add_argument("what", choices=["train", "memory", "decode"])
    sub.add_argument("--out", type=Path, help="file for the result (default data/results/bench_WHAT_DEVICE.json)")
    sub.add_argument("--quick", action="store_true", help="tiny shapes, to try the command")
    sub.add_argument("--eager", action="store_true", help="train, decode: leave the compiled rows out")
    sub.add_argument("--checkpoint", help="decode: a folder, or the name of a pretrained model (default: stories-4)")
    sub.add_argument("--data", nargs="+", help="decode: as in eval; 'stories' (the default) or 'python': held-out part")
    sub.add_argument("--device")

    text = "experiments beside the paper's, with seeds and intervals; results go to data/results"
    experiments.add_to(command("run", None, text))
    return top


def _doctor(options: argparse.Namespace) -> int:
    text, healthy = doctor()
    print(text)
    return 0 if healthy else 1


def _documents(data: Sequence[str], stories: int = 10_000) -> list[corpus.Document]:
    if list(data) == ["stories"]:
        return corpus.stories(stories)
    if list(data) == ["python"]:
        return corpus.python_source()
    return corpus.text_files(data)


def _split(documents: list[corpus.Document]) -> tuple[list[corpus.Document], list[corpus.Document]]:
    """Training and held-out documents; a handful of files may leave one side empty, then nothing is held out."""
    training, held_out = corpus.split(documents)
    if training and held_out:
        return training, held_out
    print("too few unrelated documents to hold any out: the training loss is all there is", file=sys.stderr)
    return documents, []


def _demo(options: argparse.Namespace) -> int:
    return demo.run(options.seconds, options.max_new_tokens)


def _train(options: argparse.Namespace) -> int:
    if options.recipe:
        if options.steps and not options.out:
            raise ValueError("--recipe with other --steps makes another model: say where to with --out")
        plain = vars(parser().parse_args(["train"]))
        free = {"recipe", "steps", "out", "resume", "overwrite", "estimate"}
        given = [name for name, value in vars(options).items() if name not in free and value != plain[name]]
        if given:
            names = ", ".join("--" + name.replace("_", "-") for name in given)
            raise ValueError(f"a recipe fixes {names}: leave it out, or train without --recipe")
        needed = recipes.plan(options.recipe, options.steps)
        print(needed)
        if options.estimate:
            return 0
        needed.check()
        out = options.out or data_dir() / "pretrained" / options.recipe
        # A trial has a folder of its own, so that the recipe itself can be made afterwards.
        folder = Path("runs") / (f"{options.recipe}-{options.steps}-steps" if options.steps else options.recipe)
        if not recipes.make(options.recipe, folder, out, options.resume, options.overwrite, options.steps):
            print("interrupted; go on with the same command and --resume", file=sys.stderr)
            return 130
        print(f"written to {out}")
        return 0
    cfg = ModelConfig.preset(
        options.size, vocab_size=options.vocab_size, n_future=options.n_future, max_seq_len=max(512, options.length)
    )
    config = TrainConfig(
        steps=500 if options.steps is None else options.steps,
        **{
            name: getattr(options, name)
            for name in (
                "batch_size micro_batch_size learning_rate token_chunk mode head_weights head_schedule seed device "
                "dtype compile validate_every checkpoint_every"
            ).split()
        },
    )
    needed = meter.plan(cfg, config, options.length)
    print(needed)
    if options.estimate:
        return 0
    needed.check()
    training, held_out = _split(_documents(options.data, options.stories))
    if options.vocab_size == ByteTokenizer().vocab_size:
        tokenizer = ByteTokenizer()
    else:
        tokenizer = SentencePieceTokenizer.train(training, options.vocab_size)
    windows = corpus.windows(training, tokenizer, options.length, options.n_future)
    validation = _held_out_windows(held_out, tokenizer, options)
    out = options.out or Path("runs") / f"{options.size}-n{options.n_future}"
    print(f"{windows}; {len(held_out)} documents held out")
    model = MultiTokenModel(cfg, seed=options.seed)
    events = train(model, windows, config, validation, out, tokenizer, options.resume, options.overwrite)
    checkpoint.record_documents(out, training)
    last: TrainEvent | None = None
    for last in progress(events):
        if last.validation:
            print(f"step {last.step}: held-out loss per head {per_head(last.validation)}", file=sys.stderr)
    if last is not None and last.interrupted:
        print(f"interrupted at step {last.step}; go on with the same command and --resume", file=sys.stderr)
        return 130
    print(f"written to {out}; try: mtp-edu generate {out} 'Once upon a time'")
    return 0


def _held_out_windows(held_out, tokenizer, options) -> corpus.Windows | None:
    try:
        return corpus.windows(held_out, tokenizer, options.length, options.n_future) if held_out else None
    except ValueError:  # the held-out documents are shorter than one window
        return None


def _eval(options: argparse.Namespace) -> int:
    model, tokenizer = _load(options.checkpoint)
    if options.data is None:
        recipe = recipes.RECIPES.get(Path(options.checkpoint).name)
        options.data = [recipe.data if recipe else "stories"]
        print(f"no --data: the held-out part of '{options.data[0]}'", file=sys.stderr)
    documents = _unseen(options.checkpoint, options.data)
    print(probe.report(model, tokenizer, documents, options.length).markdown())
    return 0


def _generate(options: argparse.Namespace) -> int:
    model, tokenizer = _load(options.checkpoint, options.device)
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    out = generate(
        model,
        tokenizer.encode(prompt),
        options.max_new_tokens,
        options.method,
        options.n_future,
        stop_ids=[tokenizer.eos_id],
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        acceptance=options.acceptance,
        seed=options.seed,
        compile=options.compile,
    )
    print((prompt if not options.quiet else "") + tokenizer.decode(out.tokens))
    if not options.quiet:
        print(f"[{out!r}]", file=sys.stderr)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from mtp_edu.bench import decoding, memory, training  # here, because nothing else needs them

    users = {"eager": ("train", "decode"), "checkpoint": ("decode",), "data": ("decode",)}
    if unused := [f"--{name}" for name, of in users.items() if getattr(options, name) and options.what not in of]:
        raise ValueError(f"bench {options.what} has no {', '.join(unused)}: leave it out")
    # A trial must not take the place of a real result.
    out = options.out or (Path("runs") / f"bench_{options.what}_quick.json" if options.quick else None)
    if options.what == "memory":
        memory.run(out, options.quick, options.device)
    elif options.what == "decode":
        name = options.checkpoint or decoding.default_model(options.quick)
        documents = _unseen(name, options.data) if options.data else None
        decoding.run(out, options.quick, options.device, options.eager, options.checkpoint, documents)
    else:
        training.run(out, options.quick, options.device, options.eager)
    return 0


def _unseen(name: str, data: Sequence[str]) -> list[corpus.Document]:
    """Text that a model may be judged by: of what the package makes itself the held-out part, never what it learnt."""
    documents = _documents(data)
    if list(data) in (["stories"], ["python"]):
        documents = corpus.split(documents)[1]
    seen = set(checkpoint.seen(checkpoint.find(name), documents))
    if len(seen) == len(documents):
        print(f"{name} has learnt from all of this text: so it says what it remembers, no more", file=sys.stderr)
        return documents
    if seen:
        print(f"left out: {len(seen)} of {len(documents)} documents, which {name} has learnt from", file=sys.stderr)
    return [document for document in documents if document not in seen]


def _load(name: str, device: str = "cpu"):
    """A checkpoint folder, or a pretrained model by its name."""
    model, tokenizer = checkpoint.load(checkpoint.find(name), choose(device).device)
    if tokenizer is None:
        raise ValueError(f"{name} was saved without a tokenizer: save it with tokenizer=... to use it on text")
    return model, tokenizer
