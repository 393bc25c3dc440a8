"""What `mtp-edu bench memory` amounts to: the figures that the project states, each with its aim, and the tables."""

from __future__ import annotations

import statistics


def claims(result: dict) -> list[dict]:
    """The figures that the project states, each with its aim."""
    shape = result["shape"]
    most, least = max(shape["ns"]), min(shape["ns"])
    growth = {(row["kind"], row["n"], row["method"]): row for row in result["growth"]}
    found = []

    def claim(what: str, value: float, aim: float) -> None:
        found.append({"claim": what, "value": value, "aim": aim, "met": value <= aim})

    def peak(kind: str, n: int, method: str) -> int:
        return growth[kind, n, method]["peak_bytes"]

    for kind in ("parallel", "linear"):
        for method in ("memory-efficient", "chunked"):
            ratio = peak(kind, most, method) / peak(kind, least, method)
            claim(f"{kind}: peak of n={most} over n={least}, {method}", ratio, 1.02)
        claim(f"{kind}, n={most}: chunked over naive", peak(kind, most, "chunked") / peak(kind, most, "naive"), 0.06)
        kept = growth[kind, most, "chunked"]["kept_bytes"]
        claim(f"{kind}, n={most}: chunked over what trunk and head keep", peak(kind, most, "chunked") / kept, 1.15)
    for row in result["matched"]:
        ratio = row["peak_bytes"] / row["n1_peak_bytes"]
        claim(f"{row['kind']}: peak of n={row['n']} over n=1 of equal parameters, chunked", ratio, 1.02)
    worst = max(abs(row["estimate_bytes"] / row["peak_bytes"] - 1) for row in result["growth"])
    claim("closed form: largest relative error of a peak", worst, 0.05)
    times = {row["name"]: row["milliseconds"] for row in result["methods"] if "milliseconds" in row}

    def time(own: str, other: str, aim: float) -> None:
        if own in times and other in times:
            ratio = statistics.median(a / b for a, b in zip(times[own], times[other], strict=True))
            claim(f"n={most}: time of {own} over {other}", ratio, aim)

    ours = f"memory-efficient, {shape['token_chunk']} rows"
    time("memory-efficient", "naive", 1.0)
    time(ours, "naive", 0.8)
    for row in result["methods"]:
        if "equal_peak_to" in row:
            time(row["name"], row["equal_peak_to"], 1.0)
    for row in result["time"]:
        if row["n"] != least:
            own = row["time_ratio"]["median"] / row["flops_ratio"]
            claim(f"V={row['vocab_size']:,}: time of n={row['n']} over n=1, by the ratio of FLOPs", own, 1.05)
    return found


def table(result: dict) -> str:
    """The tables for people; memory in MB of 10^6 bytes."""
    shape = result["shape"]
    lines = [f"{shape['rows']:,} rows, V = {shape['vocab_size']:,}, D = {shape['dim']}, {result['dtype']}: peak in MB"]
    lines.append(f"{'':12}{'n':>3}{'naive':>12}{'head by head':>14}{'chunked':>10}   (closed form)")
    rows = {(row["kind"], row["n"], row["method"]): row for row in result["growth"]}
    for kind in dict.fromkeys(row["kind"] for row in result["growth"]):
        for n in shape["ns"]:
            found = [rows[kind, n, method] for method in ("naive", "memory-efficient", "chunked")]
            cells = [f"{row['peak_bytes'] / 1e6:,.1f}" for row in found]
            closed = " ".join(f"{row['estimate_bytes'] / 1e6:,.1f}" for row in found)
            lines.append(f"{kind:12}{n:>3}{cells[0]:>12}{cells[1]:>14}{cells[2]:>10}   ({closed})")
    lines.append(f"\nn = {max(shape['ns'])}, parallel heads{'':22}{'MB':>10}{'ms':>10}{'error':>11}")
    for row in result["methods"]:
        if "absent" in row:
            lines.append(f"{row['name']:42}absent: {row['absent']}")
            continue
        middle = statistics.median(row["milliseconds"])
        lines.append(f"{row['name']:42}{row['peak_bytes'] / 1e6:>10,.1f}{middle:>10,.0f}{row['error']:>11.1e}")
    lines.append("")
    for row in result["claims"]:
        lines.append(f"{row['value']:8.3f}  aim {row['aim']:<5} {'ok ' if row['met'] else 'NOT'} {row['claim']}")
    return "\n".join(lines)
