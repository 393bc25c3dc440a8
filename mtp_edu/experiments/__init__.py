"""Experiments with seeds and intervals: what the paper found at 7B, asked again of models that train in minutes."""
