"""The command `edge`: ``edge VERB [arguments]``, each with ``--json``.

Exit status 0 is good, 1 a finding, 2 wrong usage or no gateway to ask. `COMMANDS` are all verbs; those that need the
running gateway ask it over its local socket (`edge.admin.client`), which ``--config`` or ``--socket`` name.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from edge import __version__
from edge.admin.checking import check
from edge.admin.client import Client, Refused, Unreachable, socket_of
from edge.admin.commands import reload_command, status_command

DEFAULT_FILE = Path("/etc/edge/edge.toml")

UNUSABLE = 2  # as argparse exits

Run = Callable[[argparse.Namespace, TextIO], int]


@dataclass(frozen=True, slots=True)
class Command:
    """One verb. ``options`` adds its arguments; ``run`` does it and gives the exit status."""

    help: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb with the arguments of the process, or with ``arguments``; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    command: Command = chosen.command
    try:
        return command.run(chosen, sys.stdout)
    except (Unreachable, Refused) as error:
        print(f"edge: {error}", file=sys.stderr)
        return UNUSABLE if isinstance(error, Unreachable) else 1
    except BrokenPipeError:  # as with `edge links | head`
        sys.stderr.close()
        return 0


def asking(run: Callable[[Client, argparse.Namespace, TextIO], int]) -> Run:
    """A verb that asks the running gateway."""

    def asked(chosen: argparse.Namespace, out: TextIO) -> int:
        return run(Client(chosen.socket or socket_of(chosen.config)), chosen, out)

    return asked


# -- private ---------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge", description="A federation gateway between SIP/SIMPLE and XMPP.")
    parser.add_argument("--version", action="version", version=f"edge {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, command in COMMANDS.items():
        one = verbs.add_parser(name, help=command.help, description=command.help)
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--config", type=Path, default=DEFAULT_FILE, metavar="FILE", help=f"default: {DEFAULT_FILE}")
        one.add_argument("--socket", type=Path, metavar="PATH", help="where the gateway listens, if not as in FILE")
        command.options(one)
        one.set_defaults(command=command)
    return parser


def _check(chosen: argparse.Namespace, out: TextIO) -> int:
    return check(chosen.file or chosen.config, as_json=chosen.json, out=out)


def _of_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="an edge.toml")


def _of_reload(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")


def _nothing(parser: argparse.ArgumentParser) -> None:
    pass


COMMANDS = {
    "check": Command("judge a configuration file", _of_check, _check),
    "reload": Command("put the configuration files into force", _of_reload, asking(reload_command)),
    "status": Command("tell what the gateway is, and how it is", _nothing, asking(status_command)),
}


if __name__ == "__main__":
    sys.exit(main())
