"""Side-by-side comparisons. Each is a command, stores its result in data/results, and compares within one run."""
