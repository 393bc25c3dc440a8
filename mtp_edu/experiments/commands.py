"""The experiments' part of the command line: mtp-edu run head-kinds | scaling | induction | arithmetic."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path


def add_to(command: argparse.ArgumentParser) -> None:
    """Give `mtp-edu run` a command for each experiment. What they need is imported when one runs."""
    experiments = command.add_subparsers(dest="what", required=True)

    def experiment(name, run, text):
        one = experiments.add_parser(name, help=text, description=text)
        one.set_defaults(run=run)
        one.add_argument("--out", type=Path, help="file for the result (default data/results/NAME_DEVICE.json)")
        one.add_argument("--quick", action="store_true", help="tiny sizes, to try the command")
        one.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
        one.add_argument("--folder", type=Path, help=f"where finished runs are kept (default runs/{name})")
        return one

    experiment("head-kinds", _run_head_kinds, "Table S4: every kind of head, small, on stories")
    sub = experiment("scaling", _run_scaling, "Table S7: n > 1 from nano to 100M and more, resumable")
    text = "what is compared (default all); `added` are larger models, with n = 4 and 8 where they do not fit"
    sub.add_argument("--parts", nargs="+", metavar="PART", help=f"{text}: size epochs curricula added")
    text = "presets (default nano 1M 3M 10M; on a GPU to 100M)"
    sub.add_argument("--sizes", nargs="+", metavar="SIZE", help=text)
    sub.add_argument("--at", metavar="SIZE", help="of the parts epochs and curricula (default nano; on a GPU 10M)")
    sub.add_argument("--tokens", type=int, help="seen by every run (default 2.1 million; on a GPU 8.4)")
    sub.add_argument("--data", help="python or stories (default python)")
    sub.add_argument("--store-finished", action="store_true", help="train nothing: store what has finished")

    def sweep(name, text):
        one = experiment(name, _run_sweep, text)
        one.add_argument("--sizes", nargs="+", metavar="SIZE", help="presets (default 1M; on a GPU 1M to 30M)")
        one.add_argument(
            "--n", type=int, nargs="+", dest="n_futures", help="future tokens (default 1 2; on a GPU 1 2 4)"
        )
        one.add_argument("--tokens", type=int, help="seen by every run")
        one.add_argument("--processes", type=int, help="runs at a time (default half of the cores; on a GPU at most 4)")
        one.add_argument("--store-finished", action="store_true", help="train nothing: store what has finished")
        one.add_argument(
            "--draw", action="store_true", dest="draw_only", help="train nothing: draw the stored result again"
        )
        return one

    sub = sweep("induction", "Fig 7: names of two tokens, seen once and asked for again")
    text = "of training stories with such names (default 0.5 1; on a GPU 0.2 1)"
    sub.add_argument("--shares", type=float, nargs="+", help=text)
    sub.add_argument("--fixed-pairs", type=int, help="draw the training names from a list of so many")
    text = "characters are he and she, too (default: on a GPU); --no-pronouns: always their names"
    sub.add_argument("--pronouns", action=argparse.BooleanOptionalAction, default=None, help=text)
    sub = sweep("arithmetic", "Fig 8: arithmetic with polynomials")
    sub.add_argument("--p", type=int, help="coefficients are 0 to p-1, p a prime (default 5; on a GPU 7)")
    sub.add_argument("--limit", type=int, help="coefficients of a polynomial (default 2; on a GPU 5)")
    sub.add_argument("--pauses", type=int, nargs="+", help="pause tokens before the answer (default 0)")
    text = "the tokens of questions are targets, too (default: they are not)"
    sub.add_argument("--question-loss", action=argparse.BooleanOptionalAction, default=None, help=text)


def _run_head_kinds(options: argparse.Namespace) -> int:
    from mtp_edu.experiments import head_kinds

    head_kinds.run(options.out, options.quick, options.seeds, options.folder)
    return 0


def _run_scaling(options: argparse.Namespace) -> int:
    from mtp_edu.experiments import scaling

    changes = {name: getattr(options, name) for name in ("parts", "sizes", "at", "tokens", "data")}
    scaling.run(options.out, options.quick, options.seeds, options.folder, options.store_finished, **changes)
    return 0


def _run_sweep(options: argparse.Namespace) -> int:
    from mtp_edu.experiments import arithmetic, induction, sweeps

    defaults = {"induction": induction.DEFAULTS, "arithmetic": arithmetic.DEFAULTS}[options.what]
    names = {field.name for field in dataclasses.fields(defaults["cpu"])}
    changes = {name: value for name, value in vars(options).items() if name in names and value is not None}
    shared = ("out", "quick", "seeds", "folder", "processes", "store_finished", "draw_only")
    sweeps.run(defaults, **{name: getattr(options, name) for name in shared}, **changes)
    return 0
