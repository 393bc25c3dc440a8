"""The scaling sweep as tables for people, with the paper's Tables S7 and 1 below its own."""

from __future__ import annotations

from mtp_edu.config import PRESETS
from mtp_edu.experiments.runs import markdown
from mtp_edu.experiments.statistics import shown

# Table S7: size -> per cent at n = 1, 2, 4, each (MBPP pass@1, 10, 100, HumanEval pass@1, 10, 100)
_TABLE_S7 = {
    "0.3B": ((1.8, 10.4, 29.9, 1.9, 5.0, 10.9), (1.7, 10.1, 27.2, 1.5, 4.4, 10.3), (1.0, 6.3, 20.1, 1.2, 4.0, 8.6)),
    "0.6B": ((4.7, 21.0, 45.2, 2.9, 8.5, 16.7), (4.6, 21.0, 44.7, 3.2, 8.9, 16.2), (3.0, 15.6, 38.0, 2.7, 7.7, 15.5)),
    "1.3B": (
        (6.8, 27.0, 51.0, 4.6, 13.1, 24.3),
        (7.3, 27.5, 51.7, 5.4, 13.6, 23.3),
        (7.4, 27.6, 50.1, 4.8, 12.3, 22.5),
    ),
    "3B": (
        (11.1, 36.4, 60.4, 7.2, 17.2, 29.8),
        (11.8, 37.2, 60.5, 8.0, 18.2, 31.2),
        (12.7, 37.6, 61.1, 7.2, 18.5, 33.3),
    ),
    "6.7B": (
        (23.9, 54.2, 74.7, 12.8, 29.3, 51.7),
        (24.7, 54.8, 76.4, 13.2, 32.2, 53.9),
        (26.0, 55.8, 76.0, 13.8, 33.2, 58.5),
    ),
    "13B": (
        (26.0, 57.1, 77.0, 14.1, 33.6, 56.0),
        (30.5, 60.5, 79.4, 15.2, 36.9, 60.0),
        (30.5, 61.0, 79.2, 15.8, 38.6, 63.5),
    ),
}
TABLE_S7 = [
    {"size": size, "n_future": n, "MBPP": list(scores[:3]), "HumanEval": list(scores[3:])}
    for size, of_size in _TABLE_S7.items()
    for n, scores in zip((1, 2, 4), of_size, strict=True)
]
# Table 1, 7B: (epochs, n) -> per cent, as above
TABLE_1 = [
    {"epochs": 0.8, "n_future": 1, "MBPP": [30.0, 53.8, 73.7], "HumanEval": [22.8, 36.4, 62.0]},
    {"epochs": 0.8, "n_future": 4, "MBPP": [33.8, 55.9, 76.9], "HumanEval": [24.0, 40.1, 66.1]},
    {"epochs": 4, "n_future": 1, "MBPP": [40.7, 65.4, 83.4], "HumanEval": [31.7, 57.6, 83.0]},
    {"epochs": 4, "n_future": 4, "MBPP": [43.1, 65.9, 83.7], "HumanEval": [31.6, 57.3, 86.2]},
]


def tables(content: dict) -> str:
    """Every part as a Markdown table, with the paper's numbers below; 95 % intervals in brackets."""
    seeds, sweep = len(content["seeds"]), content["sweep"]
    blocks = [
        f"Held-out nats per token after {sweep['tokens']:,} tokens of {sweep['data']}; mean [95 % interval over "
        "seeds]. '- n = 1': head 1's loss less that of n = 1 on the same windows.",
    ]
    titles = {
        "size": "By size, at equal parameters",
        "epochs": "By epochs, at equal tokens seen",
        "curricula": "By weights and curricula",
        "added": "Layers added: larger models than what they are compared with",
    }
    for part in sweep["parts"]:
        rows = [row for row in content["rows"] if part in row["parts"]]
        rows.sort(key=lambda row: (list(PRESETS).index(row["size"]), row["n_future"], row["epochs"]))
        names = ["size", "parameters", "trunk + heads", "MFLOPs/token", "n", "epochs", "weights", "seeds", "head 1",
                 "- n = 1", "all heads", "tokens/forward"]  # fmt: skip
        lines = [_cells(row, seeds) for row in rows]
        blocks.append(f"{titles[part]}\n\n{markdown(names, lines)}" if rows else f"{titles[part]}: nothing to compare")
        if part == "size":
            blocks.append(_paper_s7(content["paper_table_s7"]))
        if part == "epochs":
            names = ["the paper, 7B: epochs", "n", "MBPP @1", "@10", "@100", "HumanEval @1", "@10", "@100"]
            lines = [[f"{row['epochs']:g}", row["n_future"], *row["MBPP"], *row["HumanEval"]]
                     for row in content["paper_table_1"]]  # fmt: skip
            blocks.append(f"Table 1, per cent solved\n\n{markdown(names, lines)}")
    return "\n\n".join(blocks)


def _cells(row: dict, seeds: int) -> list:
    heads = " ".join(f"{loss['mean']:.3f}" for loss in row["losses"]) or "-"
    return [
        row["size"], f"{row['parameters']:,}", f"{row['trunk_layers']} + {row['head_layers']}",
        f"{row['flops_per_token'] / 1e6:.1f}", row["n_future"], f"{row['epochs']:.2g}", row["weights"],
        f"{len(row['runs'])} of {seeds}", shown(row["losses"][0] if row["losses"] else None),
        shown(row["head_1_minus_n1"], sign="+") if row["n_future"] > 1 else "", heads,
        f"{row['tokens_per_forward']['mean']:.2f}" if row["runs"] else "-",
    ]  # fmt: skip


def _paper_s7(rows: list[dict]) -> str:
    base = {row["size"]: row for row in rows if row["n_future"] == 1}
    names = ["the paper: size", "n", "MBPP @1", "@10", "@100", "HumanEval @1", "@10", "@100"]
    lines = []
    for row in rows:
        scores, own = (one["MBPP"] + one["HumanEval"] for one in (row, base[row["size"]]))
        more = [f"{a - b:+.1f}" if row["n_future"] > 1 else f"{a:.1f}" for a, b in zip(scores, own, strict=True)]
        lines.append([row["size"], row["n_future"], *more])
    title = "Table S7, code: per cent solved at n = 1, and what n = 2 and 4 add (more is better)"
    return f"{title}\n\n{markdown(names, lines)}"
