"""The paper's own numbers about self-speculative decoding, to stand beside ours: Tables S2 and S3, Fig S10.

Gloeckle et al. 2024, arXiv 2404.19737v1: 7B parameters, greedy, on GPUs that it does not name for this. S2: 4,200
prompts of 512 tokens and 512 written, batch 42, n = 4. S3: bytes of code, 4,096 prompts of 1,024 bytes and 1,024
written, batch 16. S10: the code model of S2, throughput over k = 1 at the same batch, read off the figure's vectors.
"""

# heads used: (speed-up, tokens per forward) for each text
TABLE_S2 = {
    "wiki": {1: (1.00, 1.00), 2: (1.79, 1.88), 3: (2.35, 2.57), 4: (2.74, 3.12)},
    "books": {1: (1.00, 1.00), 2: (1.77, 1.87), 3: (2.32, 2.56), 4: (2.67, 3.09)},
    "code": {1: (1.00, 1.00), 2: (1.85, 1.94), 3: (2.54, 2.78), 4: (3.05, 3.50)},
}

# the same for each n that was trained; bytes per forward
TABLE_S3 = {
    8: {1: (1.00, 1.00), 2: (1.94, 1.98), 4: (3.67, 3.84), 8: (6.39, 7.04)},
    16: {1: (1.00, 1.00), 2: (1.94, 1.98), 4: (3.63, 3.81), 8: (6.25, 6.92), 12: (8.07, 9.36), 16: (9.24, 11.20)},
    32: {
        1: (1.00, 1.00), 2: (1.93, 1.97), 4: (3.62, 3.80), 8: (6.22, 6.89), 12: (8.01, 9.30), 16: (9.15, 11.15),
        20: (9.83, 12.61), 24: (10.34, 13.67), 28: (10.55, 14.58), 32: (10.84, 15.35),
    },
}  # fmt: skip

# heads used: throughput over k = 1, at each of the batch sizes
FIGURE_S10_BATCHES = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 42)
FIGURE_S10 = {
    2: (1.7557, 1.8073, 1.7884, 1.7994, 1.8358, 1.7902, 1.8411, 1.835, 1.8448, 1.8452, 1.8346, 1.8379, 1.8529, 1.8426,
        1.8522, 1.8516, 1.8509),
    3: (2.5109, 2.5841, 2.5051, 2.5126, 2.5158, 2.4808, 2.5283, 2.5535, 2.5179, 2.5454, 2.5162, 2.5429, 2.5605, 2.5514,
        2.5441, 2.5541, 2.5456),
    4: (3.0578, 3.1636, 3.1007, 3.0587, 3.0748, 3.0651, 3.1135, 3.0888, 3.0565, 3.0781, 3.0695, 3.1136, 3.0724, 3.0976,
        3.0676, 3.0728, 3.0543),
}  # fmt: skip


def numbers() -> dict:
    """As a result stores them beside what was measured."""
    return {
        "source": "Gloeckle et al. 2024, arXiv 2404.19737v1, Tables S2 and S3, Fig S10",
        "table_s2": {text: {str(k): pair for k, pair in rows.items()} for text, rows in TABLE_S2.items()},
        "table_s3": {str(n): {str(k): pair for k, pair in rows.items()} for n, rows in TABLE_S3.items()},
        "figure_s10": {"batches": FIGURE_S10_BATCHES, "throughput": {str(k): own for k, own in FIGURE_S10.items()}},
    }
