"""Where data and cache are found, and that a failed write leaves the old file and nothing else."""

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from mtp_edu import paths
from mtp_edu.paths import atomic_path, atomic_write, cache_dir, data_dir

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The package seems to lie in tmp_path/mtp_edu; returns that folder."""
    package = tmp_path / "mtp_edu"
    package.mkdir()
    monkeypatch.setattr(paths, "PACKAGE", package)
    monkeypatch.delenv("MTP_EDU_DATA", raising=False)
    return package


def test_a_checkout_uses_its_own_data():
    assert data_dir() == ROOT / "data"


def test_the_variable_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("MTP_EDU_DATA", str(tmp_path))
    assert data_dir() == tmp_path


def test_a_variable_that_points_nowhere_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MTP_EDU_DATA", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match=r"MTP_EDU_DATA.*gone.*unset"):
        data_dir()


def test_an_installed_package_uses_the_copy_inside_it(elsewhere):
    (elsewhere / "_data").mkdir()
    (elsewhere.parent / "data").mkdir()  # site-packages/data: somebody else's
    assert data_dir() == elsewhere / "_data"


def test_missing_data_names_what_was_tried(elsewhere):
    with pytest.raises(FileNotFoundError) as caught:
        data_dir()
    for tried in ("MTP_EDU_DATA", str(elsewhere.parent / "data"), str(elsewhere / "_data"), "Install mtp_edu again"):
        assert tried in str(caught.value)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.cache/mtp_edu"),
        ("linux", {"XDG_CACHE_HOME": "{}/xdg"}, "xdg/mtp_edu"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/mtp_edu"),
        ("darwin", {"XDG_CACHE_HOME": "{}/xdg"}, "home/Library/Caches/mtp_edu"),
        ("win32", {"LOCALAPPDATA": "{}/local"}, "local/mtp_edu/cache"),
        ("win32", {}, "home/AppData/Local/mtp_edu/cache"),
        ("linux", {"MTP_EDU_CACHE": "{}/mine"}, "mine"),
    ],
)
def test_the_cache_lies_where_the_platform_wants_it(platform, variables, expected, tmp_path, monkeypatch):
    for name in ("MTP_EDU_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_dir() == tmp_path / expected
    assert not cache_dir().exists()


def test_a_cache_that_is_a_file_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MTP_EDU_CACHE", str(tmp_path / "file"))
    with pytest.raises(NotADirectoryError, match="MTP_EDU_CACHE"):
        cache_dir()


def test_tests_have_a_cache_of_their_own():
    assert Path(os.environ["MTP_EDU_CACHE"]).name.startswith("mtp-edu-tests-")


def test_atomic_write_replaces_and_creates_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "a.bin"
    atomic_write(path, b"old")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["a.bin"]


@pytest.mark.skipif(os.name != "posix", reason="file modes and links")
def test_others_may_read_it_and_a_link_stays_a_link(tmp_path):
    old_mask = os.umask(0o022)
    try:
        with atomic_path(tmp_path / "far.bin") as temporary:
            temporary.write_bytes(b"1")
            temporary.chmod(0o600)  # as safetensors does
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((tmp_path / "far.bin").stat().st_mode) == 0o644
    (tmp_path / "link.bin").symlink_to(tmp_path / "far.bin")
    atomic_write(tmp_path / "link.bin", b"2")
    assert (tmp_path / "link.bin").is_symlink()
    assert (tmp_path / "far.bin").read_bytes() == b"2"


def test_the_temporary_file_is_beside_it_with_the_same_suffix(tmp_path):
    with atomic_path(tmp_path / "model.safetensors") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".safetensors")
        assert not (tmp_path / "model.safetensors").exists()
        temporary.write_bytes(b"weights")
    assert (tmp_path / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no"), PermissionError("no")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.bin"
    atomic_write(path, b"old")
    with pytest.raises(type(error)) as caught, atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_block_that_writes_nothing_fails(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.bin"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full"), RuntimeError("I/O error: No space left on device (os error 28)")],
)
def test_a_full_disk_is_named_with_its_folder(tmp_path, error):
    path = tmp_path / "a.bin"
    atomic_write(path, b"old")
    with pytest.raises(OSError, match="disk is full") as caught, atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert caught.value.errno == errno.ENOSPC
    assert str(tmp_path) in str(caught.value)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["a.bin"])
