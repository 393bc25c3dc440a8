"""What `bench decode` has found, for people: the rows, and claims with their aims."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def heading(content: dict) -> str:
    """The model and its text in a few lines."""
    model, forward, cfg = content["model"], content["tokens_per_forward"], content["model"]["config"]
    trained = ", ".join(f"{share:.3f}" for share in content["acceptance"]["main"]["cumulative"])
    off = content["logit_difference"]
    agree = f"logits agree to {off:.0e} of the largest" if isinstance(off, float) else off
    return (
        f"{model['name']}: {model['parameters']:,} parameters, n = {cfg['n_future']}, vocabulary {cfg['vocab_size']}, "
        f"{content['bytes_per_token']:.2f} bytes per token\n"
        f"along held-out text {forward['main']:.2f} tokens per forward (judged by head 1; by the text "
        f"{forward['text']:.2f}), accepted {trained}\n"
        f"{content['new_tokens']} tokens after prompts of {content['prompt_tokens']}; Hugging Face: {agree}"
    )


def table(rows: Sequence[dict]) -> str:
    """The rows of one batch size and format."""
    first = rows[0]
    lines = [
        f"\nbatch {first['batch']}, {first['format']:24}{'tokens/s':>9}{'whole':>9}{'tok/fwd':>9}{'x plain':>9}"
        f"{'bound':>7}{'of it':>7}{'x fastest':>11}{'of floor':>10}{'compile':>9}  text"
    ]
    for row in rows:
        if "absent" in row:
            lines.append(f"{row['name']:32}  {row['absent']}")
            continue
        rate, gain, most = row["tokens_per_second"], row["speed_up"]["median"], row["speed_up_over_fastest"]["median"]
        bound = f"{row['bound']:>7.2f}{row['of_bound']:>7.2f}" if "bound" in row else f"{'':14}"
        floor = f"{row['of_floor']:>10.0%}" if "of_floor" in row else f"{'':10}"
        waited = f"{row['compile_seconds']:>7.0f} s" if row["compile_seconds"] is not None else f"{'':9}"
        lines.append(
            f"{row['name']:32}{rate['decoding']:>10,.0f}{rate['whole']:>9,.0f}{row['tokens_per_forward']:>9.2f}"
            f"{gain:>9.2f}{bound}{most:>11.2f}{floor}{waited}  {same_text(row['exact'])}"
        )
    return "\n".join(lines)


def same_text(exact: dict) -> str:
    """Whether the text is that of plain eager decoding."""
    if exact["equal"] == exact["rows"]:
        return "equal"
    kind = "near ties" if exact["near_ties"] else "NOT near ties"
    looked = f"{kind} in {len(exact['looked_at'])} looked at, {exact['largest_gap']:.0f} ulps"
    return f"{exact['equal']} of {exact['rows']} equal; {looked}"


def bare_table(rows: Sequence[dict]) -> str:
    """Steps without text."""
    about = rows[0]
    head = f"{about['model']}, random weights, {about['format']}, context {about['context']}"
    lines = [f"\n{head:44}{'n':>3}{'step, ms':>10}{'floor':>8}{'of it':>7}{'speed-up*':>11}{'bound':>7}{'of it':>7}"]
    for row in rows:
        name = f"{row.get('kind', '')}, batch {row.get('batch', '')}"
        if "absent" in row:
            lines.append(f"{name:44}{row['absent']}")
            continue
        step = 1000 * statistics.median(row["step_seconds"])
        floor = f"{1000 * row['floor_seconds']:>8.3g}{row['of_floor']:>7.0%}" if "floor_seconds" in row else ""
        gain = f"{row['speed_up']:>11.2f}{row['bound']:>7.2f}{row['of_bound']:>7.2f}" if "bound" in row else ""
        lines.append(f"{name:44}{row['n_future']:>3}{step:>10.3g}{floor}{gain}")
    drafted = next((row for row in rows if "tokens_per_forward" in row), None)
    if drafted:
        lines.append(
            f"* computed with the {drafted['tokens_per_forward']:.2f} tokens per forward of "
            f"{drafted['tokens_per_forward_from']}"
        )
    return "\n".join(lines)


# --- what it amounts to --------------------------------------------------------------------------------------------


# A speed-up this far above its bound was not won by reading less: the bound says nothing of it.
_BEYOND = 1.05


def claims(content: dict, kind_of_device: str) -> list[dict]:
    """The figures that the project states, each with what it should be at least.

    met: None where a speed-up passes its bound by more than 5 %, because then reading did not take all the time and the
    bound does not hold.
    """
    found = []

    def claim(what: str, value: float, aim: float, most: float = math.inf) -> None:
        found.append({"claim": what, "value": value, "aim": aim, "met": None if value > most else value >= aim})

    rows = {(row["batch"], row["name"]): row for row in _chosen(content)}
    n = content["model"]["config"]["n_future"]
    all_heads, plain = f"n_future={n}, compiled", "plain, compiled"
    alike = [row["exact"] for row in _measured(content) if "method" in row]
    same = sum(one["equal"] == one["rows"] or one["near_ties"] for one in alike) / len(alike)
    claim("our ways whose text is that of plain eager decoding, near ties aside", same, 1.0)
    for theirs, aim in (("eager", 2.0), ("compiled", 1.0)):
        pair = [rows.get((1, name), {}).get("decode_seconds") for name in (plain, f"Hugging Face, {theirs}")]
        if all(pair):
            claim(f"batch 1: {plain} over Hugging Face, {theirs}", _ratio(*pair), aim)
    trained = [row for row in _measured(content) if row["name"] == all_heads]
    for row in (*trained, *(row for row in content["bare"] if row.get("kind") == "compiled")):
        if "of_bound" in row and row["batch"] == 1:
            name = f"{row.get('model', content['model']['name'])}, {row['format']}, batch 1"
            what = f"{name}: speed-up of n={row['n_future']}, compiled, by its bound"
            claim(what, row["of_bound"], 0.9, _BEYOND)
    found += _of_the_floor(content) if kind_of_device == "cuda" else []
    for kind in ("eager", "compiled"):
        gains = {
            batch: row["speed_up"]["median"] / row["tokens_per_forward"]  # batches decode different texts
            for (batch, name), row in rows.items()
            if name == f"n_future={n}, {kind}" and "speed_up" in row
        }
        ridge = content["roofline"][content["format"]]["ridge"]
        below = [gain for batch, gain in gains.items() if batch * n <= ridge]
        if len(below) > 1:
            what = f"{kind}: least speed-up of n={n} per tokens per forward, below the ridge over batch 1"
            claim(what, min(below) / gains[1], 0.9)
    return found


def _of_the_floor(content: dict) -> list[dict]:
    """Plain compiled steps of the large models: their share of the bandwidth."""
    found = []
    for row in content["bare"]:
        aim = {"1B": 0.35, "6.7B": 0.6}.get(row["model"])
        if aim and row.get("kind") == "compiled" and row["n_future"] == 1 and row["batch"] == 1 and "of_floor" in row:
            what = f"{row['model']}: plain compiled step at batch 1, share of the bandwidth"
            found.append({"claim": what, "value": row["of_floor"], "aim": aim, "met": row["of_floor"] >= aim})
    return found


def _measured(content: dict) -> list[dict]:
    return [row for row in content["rows"] if "absent" not in row]


def _chosen(content: dict) -> list[dict]:
    """Rows in the format that was the faster one."""
    return [row for row in _measured(content) if row["format"] == content["format"]]


def _ratio(own: Sequence[float], theirs: Sequence[float]) -> float:
    """How many times as fast as theirs, turn by turn."""
    return statistics.median(other / mine for mine, other in zip(own, theirs, strict=True))


def claim_lines(content: dict) -> str:
    """The claims, each with its aim."""
    lines = [""]
    for row in content["claims"]:
        verdict = {True: "ok ", False: "NOT", None: "-  "}[row["met"]]
        lines.append(f"{row['value']:8.3f}  aim {row['aim']:<5} {verdict} {row['claim']}")
    if any(row["met"] is None for row in content["claims"]):
        lines.append("-: above its bound, so reading did not take all the time and the bound decides nothing")
    return "\n".join(lines)
