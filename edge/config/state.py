"""Where the state is kept, and where the commands find us: judged without making anything, for `edge check`.

The gateway makes the folder and the file itself when it starts. Called by `edge.config.loading`.
"""

import os
from pathlib import Path

from edge.codes import Code
from edge.config.places import KeyPath
from edge.config.tables import PATH_SHOWN, Document, quoted

THROW_AWAY = ":memory:"  # the value of `state` that means: nowhere

LONGEST_SOCKET = 107  # bytes, of which Linux has that many for the name of a socket

_STATE: KeyPath = ("edge", "state")


def state_file(document: Document, name: str) -> Path | None:
    """The file that ``name`` means; None for none. What will keep us from writing it is noted."""
    if name in ("", THROW_AWAY):
        return None
    file = document.beside(name)
    problem = _problem(file)
    if problem:
        document.error(Code.K04, _STATE, f"the state cannot be kept in {quoted(str(file), PATH_SHOWN)}: {problem}")
    return file


def socket_file(document: Document, name: str) -> Path | None:
    """Where the commands of `edge` find the gateway; None for nowhere."""
    if not name:
        return None
    file = document.beside(name)
    if len(os.fsencode(file)) > LONGEST_SOCKET:
        said = f"{quoted(name)} in [admin]: the path of a socket has no more than {LONGEST_SOCKET} bytes"
        document.warn(Code.K04, ("admin", "socket"), f"{said}, so that there will be none")
        return None
    return file


# -- private ---------------------------------------------------------------------------------------------------------


def _problem(file: Path) -> str:
    """What speaks against writing ``file``; "" if nothing does.

    SQLite writes files beside it, so the folder must be ours even if the file is there.
    """
    try:
        if _is_there(file):
            if not file.is_file():
                return "it is no regular file"
            if not os.access(file, os.R_OK | os.W_OK):
                return "it cannot be read and written"
        folder = next(parent for parent in file.parents if parent.exists())
        shown = quoted(str(folder), PATH_SHOWN)
        if not folder.is_dir():
            return f"{shown} is no folder"
        return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {shown} cannot be written to"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "its name is malformed"


def _is_there(file: Path) -> bool:
    """Unlike `Path.exists` this raises when there can be no such file."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
