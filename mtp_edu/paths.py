"""Where things lie on this machine, and how a file is written so that it is never half there.

- `data_dir()`: the small texts, tokenizers, pretrained models and results that come with the project.
- `cache_dir()`: what is made once and kept, such as a tokenizer trained on this machine's corpus.
- `atomic_write()`, `atomic_path()`: the old file or the new one, never a torn one.
"""

import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def data_dir() -> Path:
    """The folder `data`: $MTP_EDU_DATA, else the checkout's, else the copy inside the installed package.

    Raises FileNotFoundError naming what was tried; a variable that points nowhere is an error, never passed over.
    """
    if chosen := os.environ.get("MTP_EDU_DATA"):
        folder = Path(chosen).expanduser()
        if folder.is_dir():
            return folder.resolve()
        raise FileNotFoundError(
            f"MTP_EDU_DATA is {chosen!r}, which is not a folder (looked at {folder.absolute()}). "
            "Set it to an existing folder, or unset it to use the data that comes with mtp_edu."
        )
    checkout, inside = PACKAGE.parent / "data", PACKAGE / "_data"
    # pyproject.toml tells a checkout from site-packages, where another package may have left a folder named data
    if checkout.is_dir() and (PACKAGE.parent / "pyproject.toml").is_file():
        return checkout
    if inside.is_dir():
        return inside
    raise FileNotFoundError(
        f"mtp_edu's data is missing. Tried: $MTP_EDU_DATA (not set), {checkout} (a checkout) and {inside} "
        "(an installed wheel). Install mtp_edu again, or set MTP_EDU_DATA to the folder `data` of a checkout."
    )


def cache_dir() -> Path:
    """The folder for what can be made again: $MTP_EDU_CACHE, else `mtp_edu` in the platform's cache folder.

    It need not exist yet: writing with `atomic_path` creates it.  Raises NotADirectoryError if a file is in its place.
    """
    if chosen := os.environ.get("MTP_EDU_CACHE"):
        folder = Path(chosen).expanduser().absolute()
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "mtp_edu"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "mtp_edu" / "cache"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        # the XDG rules say that a relative path is to be ignored
        folder = (base if base.is_absolute() else Path.home() / ".cache") / "mtp_edu"
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(
            f"the cache folder {folder} is a file. Remove it, or set MTP_EDU_CACHE to a folder that may be written to."
        )
    return folder


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, of the same suffix; what was written there then replaces `path`.

    If the block fails or is interrupted, the temporary file is removed and the old file stays as it was.
    A missing parent folder is created.  Raises OSError naming the folder when the disk is full.
    """
    path = Path(os.path.realpath(path))  # a link stays a link: what it points to is replaced
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        mode = temporary.stat().st_mode  # what the umask makes of a new file: safetensors would leave 0600
        temporary.unlink()
        yield temporary
        temporary.chmod(mode)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if _disk_is_full(error):
            free = shutil.disk_usage(path.parent).free / 2**20
            raise OSError(
                errno.ENOSPC,
                f"the disk is full: {path.parent} has {free:.0f} MiB free, too little for {path.name}. Free some space "
                "or write to another folder; what was there before is unchanged.",
            ) from error
        raise


def atomic_write(path: str | Path, data: bytes) -> None:
    """Writes `data` to `path`, whole or not at all; see `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _disk_is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    # safetensors reports the system's error only as text
    return "No space left on device" in str(error)
