"""The command `edge`: ``edge VERB [arguments]``, each with ``--json``.

Exit status 0 is good, 1 a finding, 2 wrong usage or no gateway to ask. `COMMANDS` are all verbs; those that need the
running gateway ask it over its local socket (`edge.admin.client`), which ``--config`` or ``--socket`` name.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from platform import python_version
from pyexpat import EXPAT_VERSION
from typing import TextIO

from edge import __version__
from edge.admin.cert_commands import cert_command
from edge.admin.cert_commands import options as _of_cert
from edge.admin.checking import check
from edge.admin.client import Client, Refused, Unreachable, socket_of
from edge.admin.commands import audit_command, code_command, moment, reload_command, status_command
from edge.admin.dns_commands import dns_command
from edge.admin.link_commands import link_command, links_command
from edge.admin.onboard_commands import onboard_command
from edge.admin.onboard_pages import SPEAKS
from edge.admin.partner_commands import allow_command, block_command, partners_command
from edge.admin.probe_commands import test_command
from edge.admin.sub_commands import explain_command, sub_command, subs_command
from edge.admin.trace_commands import trace_command

DEFAULT_FILE = Path("/etc/edge/edge.toml")

# with what reads XML, because its weaknesses are asked about most
VERSION = f"edge {__version__} (Python {python_version()}, {EXPAT_VERSION.replace('_', ' ')})"

UNUSABLE = 2  # as argparse exits
ABOUT = "Asks and steers a running gateway between SIP/SIMPLE and XMPP, and judges its files."
INTERRUPTED = 130  # by Ctrl-C, as shells have it
STATUSES = "Exit status: 0 all is well, 1 a finding or a refusal, 2 wrong usage or no gateway to ask."

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
        out = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # the process ends with it
        status = command.run(chosen, out)
        out.flush()
        return status
    except (Unreachable, Refused) as error:
        _complain(error)
        return UNUSABLE if isinstance(error, Unreachable) else 1
    except BrokenPipeError:  # as with `edge links | head`
        _write_no_more()
        return 0
    except KeyboardInterrupt:
        _write_no_more()
        return INTERRUPTED
    except OSError as error:
        _complain(": ".join(filter(None, (error.filename, error.strerror or str(error)))))
        _write_no_more()
        return UNUSABLE


def asking(run: Callable[[Client, argparse.Namespace, TextIO], int]) -> Run:
    """A verb that asks the running gateway."""

    def asked(chosen: argparse.Namespace, out: TextIO) -> int:
        return run(_client(chosen), chosen, out)

    return asked


# -- private ---------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge", description=ABOUT, epilog=f"`edge VERB --help` has more. {STATUSES}")
    parser.add_argument("--version", action="version", version=VERSION)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, command in COMMANDS.items():
        one = verbs.add_parser(name, help=command.help, description=command.help)
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--config", type=Path, default=DEFAULT_FILE, metavar="FILE", help=f"default: {DEFAULT_FILE}")
        one.add_argument("--socket", type=Path, metavar="PATH", help="where the gateway listens, if not as in FILE")
        command.options(one)
        one.set_defaults(command=command)
    return parser


def _complain(about: object) -> None:
    if sys.stderr is not None:
        print(f"edge: {about}", file=sys.stderr)


def _write_no_more() -> None:
    """What is still to be written goes nowhere, so that Python has nothing to complain about at the end."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check(chosen: argparse.Namespace, out: TextIO) -> int:
    return check(chosen.file or chosen.config, as_json=chosen.json, out=out)


def _of_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="an edge.toml")


def _cert(chosen: argparse.Namespace, out: TextIO) -> int:
    return cert_command(chosen, out, lambda: _client(chosen))


def _client(chosen: argparse.Namespace) -> Client:
    return Client(chosen.socket or socket_of(chosen.config))


def _of_allow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domain", metavar="DOMAIN", help='"contoso.com", or "*.contoso.com" for all below it')
    parser.add_argument("--via", choices=["sip", "xmpp"], help="which protocol it speaks (default: as it came, or sip)")
    parser.add_argument("--name", metavar="NAME", help="what the partner is to be called (default: its first label)")


def _of_block(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domain", metavar="DOMAIN", help='"contoso.com", or "*.contoso.com" for all below it')
    parser.add_argument("--reason", metavar="TEXT", help="why, for administrators; never sent anywhere")


def _of_onboard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("partner", metavar="PARTNER", help="a partner, or one of its domains")
    parser.add_argument("--for", dest="kind", choices=sorted(SPEAKS), help="what they run (default: lync, or prosody)")


def _of_links(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("partner", nargs="?", metavar="PARTNER", help="only this one, with the ways that are idle")


def _of_link(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["close", "retry"], help="close in good order; dial now")
    parser.add_argument("partner", metavar="PARTNER", help="a partner, or one of its domains")


def _of_partners(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=["seen"], help="who came and is not listed")


def _of_subs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", nargs="?", metavar="USER", help="on either side: alice@example.com")
    parser.add_argument("partner", nargs="?", metavar="PARTNER", help="only with this one")


def _of_sub(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["refresh", "end"], help="see what is true now; end both halves")
    parser.add_argument("user", metavar="USER", help="on either side: alice@example.com")
    parser.add_argument("partner", nargs="?", metavar="PARTNER", help="only with this one")


def _of_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("one", metavar="ADDRESS", help="a user or a domain")
    parser.add_argument("other", nargs="?", metavar="ADDRESS", help="with whom it wants to talk")


def _of_code(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="EDGE-C05 or C05; all if none is given")
    parser.add_argument("--page", action="store_true", help="all of them as the page docs/codes.md")


def _of_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", type=moment, metavar="WHEN", help="90m, 2h, 3d, or a day or time in UTC")


def _of_test(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("partner", nargs="?", metavar="PARTNER", help="a partner, or one of its domains")
    which.add_argument("--all", action="store_true", help="every domain of every partner")
    parser.add_argument("--resolver", metavar="ADDRESS", help="ask this one too, and tell what it says otherwise")
    parser.add_argument("--html", action="store_true", help="a page that can be sent to the partner")


def _of_trace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="a user or a domain, on either side")
    parser.add_argument("--with", dest="other", metavar="ADDRESS", help="only what is between the two")
    parser.add_argument("--minutes", type=float, metavar="N", help="after which it ends (default: 10; at most 60)")
    parser.add_argument("--bodies", action="store_true", help="show what people say")
    parser.add_argument("--transcript", action="store_true", help="at the end print it as a test, with neutral names")


def _of_dns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domain", nargs="?", metavar="DOMAIN", help="one of ours (default: all)")


def _of_reload(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")


def _nothing(parser: argparse.ArgumentParser) -> None:
    pass


COMMANDS = {
    "allow": Command("list a domain as a partner", _of_allow, asking(allow_command)),
    "audit": Command("tell who has changed what", _of_audit, asking(audit_command)),
    "block": Command("have nothing to do with a domain", _of_block, asking(block_command)),
    "cert": Command("show, request and pin certificates", _of_cert, _cert),
    "check": Command("judge a configuration file", _of_check, _check),
    "code": Command("tell what a reason code means, and what to do", _of_code, code_command),
    "dns": Command("tell what to publish for our domains, and what is published", _of_dns, dns_command),
    "explain": Command("tell whether two may talk, and why", _of_explain, asking(explain_command)),
    "link": Command("close the links with a partner, or dial it now", _of_link, asking(link_command)),
    "links": Command("list the links, and the ways that are down", _of_links, asking(links_command)),
    "onboard": Command("write a page for a partner's administrator", _of_onboard, onboard_command),
    "partners": Command("list the partners, and how each is", _of_partners, asking(partners_command)),
    "reload": Command("put the configuration files into force", _of_reload, asking(reload_command)),
    "status": Command("tell what the gateway is, and how it is", _nothing, asking(status_command)),
    "sub": Command("ask for the presence around a user anew, or end it", _of_sub, asking(sub_command)),
    "subs": Command("list who watches whom, both halves", _of_subs, asking(subs_command)),
    "test": Command("go the whole way to a partner, and tell what is wrong on it", _of_test, asking(test_command)),
    "trace": Command("show what passes of a user, as it passes", _of_trace, asking(trace_command)),
}


if __name__ == "__main__":
    sys.exit(main())
