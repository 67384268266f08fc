"""On which line of a TOML text a key stands; `tomllib` does not tell.

Only for texts that `tomllib` has accepted: this finds places, it checks nothing. Keys inside inline tables and lists
are found at the line of the key that holds them.
"""

import re

KeyPath = tuple[str | int, ...]  # ("partner", 2, "tls", "ca"): a number counts the tables of an array from 0

_TOKEN = re.compile(
    r'''
      (?P<string> """ (?: [^\\] | \\. )*? "{3,5} | \'\'\' .*? \'{3,5} | "(?: [^"\\\n] | \\. )*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<newline> \n )
    | (?P<sign> [][{}=] )
    | (?P<bare> [A-Za-z0-9_-]+ )
    | (?P<other> . )
    ''',
    re.VERBOSE | re.DOTALL,
)


class Places:
    """The line numbers of one text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}  # how many tables an array has so far
        self._scan(text)

    def line(self, path: KeyPath) -> int | None:
        """The line of a key or table, or of the nearest thing around it that has one."""
        while path:
            found = self._lines.get(path) or self._lines.get((*path, 0))
            if found is not None:
                return found
            path = path[:-1]
        return None

    def _scan(self, text: str) -> None:
        line, started, depth = 1, 1, 0
        table: KeyPath = ()
        keys: list[str] = []
        state, brackets = "start", 0
        for match in _TOKEN.finditer(text + "\n"):
            kind, token = match.lastgroup, match[0]
            if state == "start" and (kind in ("string", "bare") or token == "["):
                state, started, keys, brackets = ("header" if token == "[" else "key"), line, [], 0
            if kind == "newline" and depth == 0:
                if state == "header":
                    table = self._enter(keys, brackets > 1, started)
                state = "start"
            elif state == "header" and token == "[":
                brackets += 1
            elif state in ("header", "key") and kind in ("string", "bare"):
                keys.append(token if kind == "bare" else _unquoted(token))
            elif state == "key" and token == "=":
                for end in range(1, len(keys) + 1):
                    self._lines.setdefault((*table, *keys[:end]), started)
                state = "value"
            elif state == "value" and kind == "sign" and token != "=":
                depth += 1 if token in "[{" else -1
            line += token.count("\n")

    def _enter(self, keys: list[str], is_array: bool, line: int) -> KeyPath:
        """Note a [table] or [[array]] header and return the path of what follows."""
        path: KeyPath = ()
        for number, key in enumerate(keys):
            path += (key,)
            if is_array and number == len(keys) - 1:
                self._arrays[path] = self._arrays.get(path, 0) + 1
            if path in self._arrays:
                path += (self._arrays[path] - 1,)
        self._lines.setdefault(path, line)
        return path


def _unquoted(token: str) -> str:
    """A quoted key without its quotes. Escapes are left alone: no key of ours has any."""
    return token[1:-1]
