"""`edge cert list | csr | chain | pin | peers | reload`, as people see them.

`edge.admin.cli` hangs `options` and `cert_command` in as one verb. What can be told from the files alone is told
without a running gateway: `csr`, `chain`, `pin` of ours or of a file, and our part of `list`.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from cryptography.hazmat.primitives.serialization import Encoding

from edge.admin.certificates import listed
from edge.admin.client import Client, Unreachable
from edge.admin.shown import ago, as_json, printable, table
from edge.certificates.csr import csr, key_pem, new_key, wanted_names
from edge.certificates.examination import examine
from edge.certificates.identity import IdentityError, authorities, private_key
from edge.certificates.reload import contents
from edge.certificates.trust import pin_of
from edge.config import Config, read
from edge.config.addresses import domain_name

GOOD, FINDING = 0, 1
NAMES_SHOWN = 2  # in a table; the others are a number
ISSUER_SHOWN = 40  # characters


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edge cert`."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, command in _COMMANDS.items():
        one = verbs.add_parser(name, help=command.__doc__, description=command.__doc__)
        # what `edge cert` takes may also stand behind the word that follows
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
        for place, about in (("--config", "an edge.toml"), ("--socket", "where the gateway listens, if not as there")):
            one.add_argument(place, type=Path, default=argparse.SUPPRESS, metavar="FILE", help=about)
        names = _NAMES.get(name)
        if names:
            one.add_argument("names", nargs="*", metavar="NAME", help=names)
        if name == "csr":
            one.add_argument("--key", type=Path, required=True, metavar="FILE", help="the key; made if it is not there")
            one.add_argument("--kind", choices=["ec", "rsa"], default="ec", help="of which kind a new key is")
            one.add_argument("--xmpp-address", action="store_true", help="ask for XMPP addresses too")
            one.add_argument("--srv-name", action="store_true", help="ask for SRV names too")
        elif name == "peers":
            one.add_argument("--rejected", action="store_true", help="those that proved nothing")


def cert_command(chosen: argparse.Namespace, out: TextIO, client: Callable[[], Client]) -> int:
    """Run one of them. ``client`` is called only if the gateway has to be asked."""
    return _COMMANDS[chosen.what](chosen, out, client)


def list_lines(answer: dict[str, Any]) -> list[str]:
    """The table of `edge cert list`, and what is wrong with ours below it."""
    rows = [
        (each["use"], _names(each["names"]), each["not_after"][:10], str(each["days"]), each["key"],
         ",".join(each["purposes"]) if each["purposes"] is not None else "any", each["issuer"][:ISSUER_SHOWN])
        for each in answer["own"]
    ]
    rows += [
        (f"peer {each['partner']}", _names(each["names"]), each["not_after"][:10], str(each["days"]), "", "",
         each["issuer"][:ISSUER_SHOWN])
        for each in answer["peers"]
    ]
    lines = table(("USE", "NAMES", "ENDS", "DAYS", "KEY", "PURPOSE", "ISSUER"), rows)
    for each in answer["own"]:
        for finding in each["findings"]:
            kind = "warn " if finding["severity"] == "warning" else "error"
            lines.append(f"  {kind} {finding['code'].removeprefix('EDGE-')}  {finding['text']}")
    return lines


def peers_lines(answer: dict[str, Any]) -> list[str]:
    """The tables of `edge cert peers`."""
    rows = [
        (each["partner"] or each["code"], _names(each["names"]), each["not_after"][:10], str(each["days"]),
         each["first_seen"][:10], each["last_seen"][:10], each["issuer"][:ISSUER_SHOWN], each["fingerprint"][:16])
        for each in answer["certificates"]
    ]
    whose = "CODE" if rows and not any(each["partner"] for each in answer["certificates"]) else "PARTNER"
    header = (whose, "NAMES", "ENDS", "DAYS", "FIRST SEEN", "LAST SEEN", "ISSUER", "SHA-256")
    lines = table(header, rows) if rows else ["There are no such certificates."]
    if answer["revocation"]:
        known = [
            (each["source"], each["issuer"][:ISSUER_SHOWN], ago(each["age_seconds"]), each["since"], each["until"],
             each["url"])
            for each in answer["revocation"]
        ]
        lines += ["", *table(("REVOCATION", "ISSUER", "AGE", "SINCE", "UNTIL", "FROM"), known)]
    return lines


# -- private ---------------------------------------------------------------------------------------------------------

Asks = Callable[[], Client]


def _list(chosen: argparse.Namespace, out: TextIO, client: Asks) -> int:
    """all certificates, and what is wrong with ours"""
    try:
        answer = client().get("certificates")
    except Unreachable:
        config = _config(chosen, out)
        if config is None:
            return FINDING
        now = datetime.now(UTC)
        answer = listed(config.identities, examine(config.identities, config.name, config.systems, now), now)
    _write(out, as_json(answer) if chosen.json else [printable(line) for line in list_lines(answer)])
    bad = any(finding["severity"] == "error" for each in answer["own"] for finding in each["findings"])
    return FINDING if bad else GOOD


def _peers(chosen: argparse.Namespace, out: TextIO, client: Asks) -> int:
    """those that partners have shown"""
    answer = client().get("certificates/peers", rejected="true" if chosen.rejected else "")
    if chosen.names:
        answer["certificates"] = [each for each in answer["certificates"] if each["partner"] in chosen.names]
    _write(out, as_json(answer) if chosen.json else [printable(line) for line in peers_lines(answer)])
    return GOOD


def _reload(chosen: argparse.Namespace, out: TextIO, client: Asks) -> int:
    """read ours again, and show what is new from now on"""
    answer = client().post("certificates/reload")
    lines = [f"  {each}" for each in answer["changes"]] + [f"  error  {each}" for each in answer["errors"]]
    text = [printable(line) for line in lines] or ["There is nothing new."]
    _write(out, as_json(answer) if chosen.json else text)
    return GOOD if answer["accepted"] else FINDING


def _chain(chosen: argparse.Namespace, out: TextIO, client: Asks) -> int:
    """what we send, to be given to a partner"""
    config = _config(chosen, out)
    if config is None:
        return FINDING
    chains = [identity.chain for identity in config.identities]
    if chosen.json:
        _write(out, as_json({"chains": [[_pem(each) for each in chain] for chain in chains]}))
        return GOOD
    for each in (certificate for chain in chains for certificate in chain):
        subject, issuer = each.subject.rfc4514_string(), each.issuer.rfc4514_string()
        _write(out, [printable(f"# {subject or 'no subject'}, issued by {issuer}"), _pem(each).rstrip()])
    return GOOD


def _pin(chosen: argparse.Namespace, out: TextIO, client: Asks) -> int:
    """the pins of ours, of a partner or of a file"""
    found: list[dict[str, str]] = []
    missing: list[str] = []
    if not chosen.names:
        config = _config(chosen, out)
        if config is None:
            return FINDING
        found = [{"of": each.names[0] if each.names else "", "pin": pin_of(each.leaf)} for each in config.identities]
    for name in chosen.names:
        if Path(name).is_file():
            try:
                found += [{"of": name, "pin": pin_of(each)} for each in authorities(contents(Path(name)))]
            except (IdentityError, OSError) as error:
                _write(out, [printable(f"{name}: {getattr(error, 'strerror', None) or error}")])
                return FINDING
        else:
            seen = client().get("certificates/peers")["certificates"]
            theirs = [{"of": name, "pin": each["pin"]} for each in seen if each["partner"] == name]
            found += theirs
            missing += [] if theirs else [f"{name} is neither a file nor a partner that has shown a certificate."]
    lines = [printable(line) for line in (*(f"{each['pin']}  {each['of']}" for each in found), *missing)]
    _write(out, as_json({"pins": found}) if chosen.json else lines)
    return FINDING if missing else GOOD


def _csr(chosen: argparse.Namespace, out: TextIO, client: Asks) -> int:
    """a request for a certificate with all our names"""
    try:
        names = tuple(domain_name(name) for name in chosen.names)
    except ValueError as error:
        _write(out, [str(error)])
        return FINDING
    if not names:
        config = _config(chosen, out)
        if config is None:
            _write(out, ["Until the configuration is good, give the names: edge cert csr --key FILE NAME..."])
            return FINDING
        names = wanted_names(config.name, config.systems)
    try:
        key = private_key(contents(chosen.key)) if chosen.key.exists() else new_key(chosen.kind)
        if not chosen.key.exists():
            with open(os.open(chosen.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(key_pem(key))
            print(printable(f"edge: a new key was written to {chosen.key}"), file=sys.stderr)
    except (IdentityError, OSError) as error:
        _write(out, [printable(f"{chosen.key}: {getattr(error, 'strerror', None) or error}")])
        return FINDING
    request = csr(names, key, xmpp_addresses=chosen.xmpp_address, srv_names=chosen.srv_name).decode()
    _write(out, [json.dumps({"names": names, "request": request}) if chosen.json else request.rstrip()])
    return GOOD


_NAMES = {
    "csr": "the names to ask for, if not those of the configuration",
    "pin": "a partner, or a file with a certificate",
    "peers": "a partner",
}
_COMMANDS = {"list": _list, "csr": _csr, "chain": _chain, "pin": _pin, "peers": _peers, "reload": _reload}


def _config(chosen: argparse.Namespace, out: TextIO) -> Config | None:
    reading = read(chosen.config)
    if reading.config is None:
        _write(out, [printable(f"  error {fault}") for fault in reading.faults if not fault.warning])
    return reading.config


def _pem(certificate: Any) -> str:
    return str(certificate.public_bytes(Encoding.PEM).decode())


def _names(names: Sequence[str]) -> str:
    more = f", +{len(names) - NAMES_SHOWN}" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _write(out: TextIO, lines: Sequence[str]) -> None:
    out.write("\n".join(lines) + "\n")
