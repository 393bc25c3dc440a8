"""Tests that need the packages of tests/colab/constraints.txt: `make test-colab` runs them in .venv-colab."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "colab: needs Colab's versions of the packages; runs with -m colab")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "colab" in config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("colab"):
            item.add_marker(pytest.mark.skip(reason="needs Colab's packages: make test-colab"))
