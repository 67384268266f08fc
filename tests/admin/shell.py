"""The command `edge` in front of a gateway whose answers are made up."""

from contextlib import redirect_stdout
from io import StringIO
from typing import Any
from unittest.mock import patch

from edge.admin import cli


class Shell:
    """``answers`` by the name of the verb; ``asked`` is what the command has asked for."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[tuple[str, str, dict[str, object]]] = []

    def get(self, name: str, /, **said: object) -> Any:
        self.asked.append(("GET", name, said))
        return self.answers[name]

    def post(self, name: str, /, **said: object) -> Any:
        self.asked.append(("POST", name, said))
        return self.answers[name]

    def patient(self, seconds: float) -> "Shell":
        return self

    def run(self, *words: str) -> tuple[int, str]:
        """Exit status and output."""
        out = StringIO()
        with patch.object(cli, "_client", lambda chosen: self), redirect_stdout(out):
            status = cli.main(words)
        return status, out.getvalue()
