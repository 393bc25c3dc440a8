"""What every test gets: a cache folder of its own, the checkout's data, one torch thread per worker, fixed seeds."""

import os
import random
import shutil
import sys
import tempfile

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # before torch is imported: workers that each take every core slow one another down
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # a worker inherits the controller's folder, so that all share one cache
    os.environ.pop("MTP_EDU_DATA", None)
    config.mtp_edu_cache = os.environ["MTP_EDU_CACHE"] = tempfile.mkdtemp(prefix="mtp-edu-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "mtp_edu_cache"):
        shutil.rmtree(config.mtp_edu_cache, ignore_errors=True)


# What a plain `pytest` leaves out, though all of it is there: marker -> what runs it
ON_REQUEST = {"browser": "make test-browser", "colab": "make test-colab", "gpu_script": "make test-gpu"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked_for = config.getoption("markexpr")
    for item in items:
        for marker, command in ON_REQUEST.items():
            if marker not in asked_for and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"runs with: {command}"))


@pytest.fixture(autouse=True)
def seeds() -> None:
    """The same random numbers whatever ran before; torch and numpy only where a test has imported them."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


try:
    from hypothesis import settings
except ImportError:  # the tests that need it say so themselves
    pass
else:
    settings.register_profile("course", derandomize=True, deadline=None, max_examples=50)
    settings.load_profile("course")
