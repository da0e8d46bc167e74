"""Files that are this user's alone, for what nobody else may read or change: looked at, opened, replaced. Blocking."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class NotPrivateError(Exception):
    """What stands at a path could be somebody else's doing, or somebody else's to read; the text says why."""


def make_directory(directory: str) -> None:
    """Make *directory*, if it is not there, with mode 0700; what it stands in must be there."""
    try:
        os.mkdir(directory, 0o700)  # noqa: PTH102 - pathlib's mkdir makes parents with other modes
    except FileExistsError:
        return


def check_directory(directory: str) -> None:
    """Raise if others could put something else in place of what stands in *directory*."""
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivateError(f"{directory} is no plain directory (a link?), and links are not followed")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        raise NotPrivateError(f"{directory} can be written by others, who could replace what is in it; use mode 0700")


def check_file(found: os.stat_result, path: str) -> None:
    """Raise if others can read or change the file, or made it, or if it is none."""
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivateError(f"{path} is no plain file (a link?), and links are not followed")
    if found.st_uid != os.geteuid() or found.st_mode & OTHERS:
        raise NotPrivateError(f"{path} must be this user's, with mode 0600: others could read it or have changed it")


def open_file(path: str, flags: int) -> int:
    """Give a descriptor of the file at *path*, once it has been looked at; with O_CREAT it may be new."""
    check_directory(os.path.dirname(path))  # noqa: PTH120 - as pathlib does, without making a Path each time
    try:
        # without O_NONBLOCK a pipe would be waited for
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError:
        check_file(os.lstat(path), path)  # a link, a socket or a directory is named as what it is
        raise
    try:
        check_file(os.fstat(handle), path)
    except NotPrivateError:
        os.close(handle)
        raise
    return handle


def replace_file(path: str, pieces: Iterable[bytes]) -> None:
    """Put *pieces* in place of the file at *path*, or of none, wholly and durably: whoever reads finds old or new."""
    beside = f"{path}.{secrets.token_hex(8)}.new"
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - it is open already
            file.writelines(pieces)
            file.flush()
            os.fsync(handle)
        os.replace(beside, path)  # noqa: PTH105 - as above
    except BaseException:
        os.unlink(beside)  # noqa: PTH108 - as above
        raise
    sync(os.path.dirname(path))  # noqa: PTH120 - as above


def sync(path: str) -> None:
    """Wait until the file or the directory at *path* is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
