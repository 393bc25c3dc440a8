"""`mtp-edu bench decode`: plain, self-speculative and tree decoding side by side, and Hugging Face's on our weights.

Trained weights continue the beginnings of held-out documents, greedily and to a fixed length: every way of decoding,
eager and compiled, at several batch sizes, taking turns within one run. A speed-up is over plain decoding of the same
kind (eager or compiled), batch and number format, turn by turn, and again over the faster kind; beside it stands the
most that the bytes allow (meter.bound). Decoding counts from the first new token on, a whole call from the prompt;
compiling is in neither: what it costs is stated apart, as it is when nothing lies in torch's cache on the disk.
Models of random weights that no cache holds are timed step by step, without text.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from mtp_edu import checkpoint, corpus, device, meter, probe
from mtp_edu.bench import decoding_tables, paper_decoding, rival_decoders
from mtp_edu.bench.bare_steps import BARE, Bare, bare_steps
from mtp_edu.bench.decoding_rows import batch_rows
from mtp_edu.bench.results import store
from mtp_edu.decode import DraftTree
from mtp_edu.device import DTYPES
from mtp_edu.model import MultiTokenModel
from mtp_edu.paths import atomic_path, data_dir

DEFAULTS = ("stories-4", "stories-nano")  # the first that is there; the last to try the command


@dataclass(frozen=True)
class Shape:
    """How much is measured: `texts` of `length` tokens, half of it prompt; in larger batches they are repeated."""

    texts: int
    length: int
    batches: tuple[int, ...]
    compiled: tuple[int, ...]  # batches at which plain decoding, all heads and the tree are compiled; at 1 all ways
    turns: int
    formats: tuple[str, ...]  # of the weights, at batch 1 and without text; the other batches take the faster one
    nodes: int  # of the tree
    documents: int  # stories, of which a twentieth is held out
    windows: int  # of held-out text that acceptance and the tree are measured on
    bare: tuple[Bare, ...]
    few: bool = False  # compile plain decoding and all heads alone


_BATCHES = (1, 2, 4, 8, 16, 32)
SHAPES = {
    "quick": Shape(2, 64, (1, 2), (1,), 2, ("float32",), 6, 600, 4, BARE["quick"], few=True),
    "cpu": Shape(8, 256, _BATCHES, _BATCHES, 3, ("float32", "bfloat16"), 16, 3000, 64, BARE["cpu"]),
    "cuda": Shape(4, 256, _BATCHES, (1, 32), 5, ("bfloat16",), 16, 3000, 64, BARE["cuda"]),
}


def run(
    out: Path | None = None,
    quick: bool = False,
    device_name: str | None = None,
    eager_only: bool = False,
    name: str | None = None,
    documents: Sequence[corpus.Document] | None = None,
) -> dict:
    """Measure, print the tables, store the result and its picture.

    name: a checkpoint folder or a pretrained model, by default the larger story model if it is there. documents: text
    that the model has not seen, by default held-out stories. If the run is stopped, what is finished stays in
    NAME_partial.json beside the result. Raises ValueError for a model or text that nothing can be measured on, and
    RuntimeError if Hugging Face's logits are not ours.
    """
    where = device.choose(device_name)
    shape = SHAPES["quick" if quick else where.device.type]
    subject = _subject(name or default_model(quick), shape, where, documents)
    path = Path(out or data_dir() / "results" / f"bench_decode_{where.device.type}.json")
    partial = path.with_name(f"{path.stem}_partial.json")
    command = "mtp-edu bench decode" + " --quick" * quick + " --eager" * eager_only
    command += f" --checkpoint {subject.name}" if name else ""
    compiling = "left out (--eager)" if eager_only else device.compiler_problem(where.device)
    content = _about(subject, shape)
    # An empty cache: what compiling costs would otherwise depend on what this machine has compiled before.
    cache = contextlib.nullcontext() if quick else torch._inductor.utils.fresh_cache()
    try:
        with cache:
            for _ in _sections(content, subject, shape, where, compiling):
                store("bench_decode", command, where.device, content | {"complete": False}, partial)
    except KeyboardInterrupt:
        print(f"stopped; the sections that were finished are kept in {partial}", flush=True)
        raise
    content |= {"claims": decoding_tables.claims(content, where.device.type), "complete": True}
    store("bench_decode", command, where.device, content, path)
    partial.unlink(missing_ok=True)
    from mtp_edu.views.decoding import bytes_table, speed_table  # here, because measuring needs no pictures

    print(decoding_tables.claim_lines(content), speed_table(content), bytes_table(content), sep="\n\n")
    print(f"stored in {path}, drawn in {draw(content, path).name}")
    return content


def draw(content: dict, path: Path) -> Path:
    """The picture of a stored result, beside it: speed-up against batch size."""
    from mtp_edu.views.decoding import batch_curves

    with atomic_path(path.with_suffix(".png")) as picture:
        batch_curves(content).savefig(picture, format="png", dpi=160)
    return path.with_suffix(".png")


# --- what is measured on -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """A trained model with text that it has not seen: every other document for acceptance and tree, or for prompts."""

    name: str
    models: dict[str, MultiTokenModel]  # by the format of their weights
    accepted: probe.Acceptance
    tree: DraftTree
    prompts: list[list[int]]
    new: int  # tokens written after each prompt
    about: dict  # more that the result says of the text


def default_model(quick: bool = False) -> str:
    """The name of the pretrained model that is measured if no other is asked for."""
    if quick:
        return DEFAULTS[-1]
    there = (name for name in DEFAULTS if (data_dir() / "pretrained" / name / checkpoint.MODEL_FILE).is_file())
    return next(there, DEFAULTS[-1])


def _subject(name: str, shape: Shape, where: device.Device, documents: Sequence[corpus.Document] | None) -> Subject:
    model, tokenizer = checkpoint.load(checkpoint.find(name), where.device)
    if tokenizer is None:
        raise ValueError(f"{name} was saved without a tokenizer: save it with tokenizer=... to use it on text")
    if model.cfg.n_future < 2:
        raise ValueError(f"{name} has a single head: speculation needs n_future of at least 2")
    if documents is None:
        documents = corpus.split(corpus.stories(shape.documents))[1]
    length = min(shape.length, model.cfg.max_seq_len)
    prompt = length // 2
    ids = [tokenizer.encode(document.text) for document in documents]
    long_enough = [own for own in ids[1::2] if len(own) >= length] or [own for own in ids[1::2] if len(own) >= prompt]
    if len(long_enough) < shape.texts:
        raise ValueError(
            f"{shape.texts} prompts of {prompt} tokens are needed, and every other one of the {len(documents)} "
            f"held-out documents gives {len(long_enough)}: use more text"
        )
    windows = corpus.windows(documents[::2], tokenizer, length, model.cfg.n_future)
    pieces = long_enough[: shape.texts]
    return Subject(
        name=Path(name).name,
        models={form: copy.deepcopy(model).to(DTYPES[form]) for form in shape.formats},
        accepted=probe.acceptance(model, windows, shape.windows),
        tree=DraftTree.sparse(probe.draft_ranks(model, windows, shape.windows), shape.nodes),
        prompts=[own[:prompt] for own in pieces],
        new=length - prompt,
        about={
            "bytes_per_token": sum(len(document.text.encode("utf-8")) for document in documents) / sum(map(len, ids)),
            "text_repetition": statistics.mean(probe.repeated_share(own[prompt:length]) for own in pieces),
            "logit_difference": _logit_difference(model, torch.tensor([pieces[0][:length]], device=where.device)),
        },
    )


def _logit_difference(model: MultiTokenModel, tokens: torch.Tensor) -> float | str:
    """Between Hugging Face's model and ours in float32, or why theirs is absent."""
    try:
        return rival_decoders.difference(model, tokens)
    except ImportError:
        return rival_decoders.MISSING
    except ValueError as refusal:
        return str(refusal)


def _about(subject: Subject, shape: Shape) -> dict:
    cfg, accepted = next(iter(subject.models.values())).cfg, subject.accepted
    return {
        "shape": asdict(shape),
        "model": {"name": subject.name, "parameters": cfg.parameters(), "config": cfg.to_dict()},
        "prompt_tokens": len(subject.prompts[0]),
        "new_tokens": subject.new,
        **subject.about,
        "acceptance": asdict(accepted),
        "tokens_per_forward": {  # along held-out text, drafts judged by head 1 and by the text
            "main": accepted.main.tokens_per_forward,
            "text": accepted.text.tokens_per_forward,
        },
        "tree": [list(node) for node in subject.tree.nodes],
        "paper": paper_decoding.numbers(),
        "roofline": {},
        "rows": [],
        "bare": [],
    }


# --- the sections --------------------------------------------------------------------------------------------------


def _sections(content: dict, subject: Subject, shape: Shape, where: device.Device, compiling: str | None) -> Iterator:
    """Fill the result; after each section it can be stored."""

    cumulative, length = subject.accepted.main.cumulative, len(subject.prompts[0]) + subject.new
    n = len(cumulative) + 1

    def measure(form: str, batch: int) -> list[dict]:
        compiled = (1, n, "tree") if batch > 1 else (1, n) if shape.few else (*range(1, n + 1), "tree", "rival")
        why_not = "left out (--quick)" if shape.few else "compiled at batch 1 only"
        if compiling or batch not in shape.compiled:
            compiled, why_not = (), compiling or why_not
        # The same texts at every batch: other texts would be other tokens per forward.
        rows, machine = max(shape.texts, batch), meter.roofline(where.device, DTYPES[form])
        prompts = list(itertools.islice(itertools.cycle(subject.prompts), rows))
        measured = subject.models[form], subject.tree, prompts, subject.new
        rows = batch_rows(*measured, batch, shape.turns, machine, compiled, why_not)
        print(decoding_tables.table(rows), flush=True)
        content["rows"] += rows
        return rows

    print(decoding_tables.heading(content), flush=True)
    fastest = {}
    for form in shape.formats:
        machine = meter.roofline(where.device, DTYPES[form])
        content["roofline"][form] = asdict(machine) | {"ridge": machine.ridge}
        fastest[form] = max(row["tokens_per_second"]["decoding"] for row in measure(form, 1) if "method" in row)
        yield
    content["format"] = form = max(fastest, key=fastest.get)
    for batch in shape.batches[1:]:
        measure(form, batch)
        yield
    able = compiling is None and not shape.few
    found = meter.draft_length(subject.models[form], cumulative, 1, length, compile=able)
    content["draft_length"] = asdict(found)
    print(found.markdown(), flush=True)
    yield
    used = min(n, 4)  # of the bare models' four heads
    forward = next(row["tokens_per_forward"] for row in content["rows"] if row["name"] == f"n_future={used}, eager")
    for bare, own in itertools.product(shape.bare, shape.formats):
        rows = bare_steps(bare, own, used, forward, subject.name, where, compiling)
        print(decoding_tables.bare_table(rows), flush=True)
        content["bare"] += rows
        yield
