"""Leaves the script for GPU machines to `make test-gpu`: it runs every benchmark and experiment once."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "gpu_script" in config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("gpu_script"):
            item.add_marker(pytest.mark.skip(reason="takes a minute: make test-gpu"))
