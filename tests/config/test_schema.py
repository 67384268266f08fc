"""The schema and docs/configuration.md tell of the same keys, and the documented example works."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from edge.config.loading import SIP_LISTEN, XMPP_LISTEN
from edge.config.presence import ASK, BOTH
from edge.config.schema import (
    Admin,
    Blocked,
    Defaults,
    DefaultTls,
    DiscoveredLimits,
    Dns,
    Edge,
    Entry,
    IdentityFiles,
    Limits,
    Listeners,
    PartnersFile,
    PeerTls,
    Presence,
    SipListeners,
    SystemPresence,
    SystemStreams,
    Tls,
)
from edge.config.systems import BUILT_IN
from edge.config.trust import BUILT_IN as TRUST
from edge.mapping.profile import DEFAULT
from tests.config.written import Written

DOCUMENT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "`[edge]`": Edge,
    "`[tls]`": Tls,
    "`[[tls.identity]]`": IdentityFiles,
    "`[sip]`": SipListeners,
    "`[xmpp]`": Listeners,
    "`[dns]`": Dns,
    "`[presence]`": Presence,
    "`[admin]`": Admin,
    "At the top": PartnersFile,
    "`[defaults]`": Defaults,
    "`[defaults.tls]`": DefaultTls,
    "`[defaults.limits]`": Limits,
    "`[defaults.presence]`": SystemPresence,
    "`[discovered.limits]`": DiscoveredLimits,
    "`[[partner]]`": Entry,
    "`[[blocked]]`": Blocked,
    "`[partner.tls]`": PeerTls,
    "`[partner.xmpp]`": SystemStreams,
    "`[partner.limits]`": Limits,
    "`[partner.presence]`": SystemPresence,
}


def documented(section: str) -> dict[str, str]:
    """key -> default, as the table of a section tells."""
    text = re.split(rf"\n##+ {re.escape(section)}\n", DOCUMENT, maxsplit=1)[1]
    text = re.split(r"\n##+ ", text, maxsplit=1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]
    return {row[0].strip("` "): row[2] for row in rows}


def is_table(field: msgspec.structs.FieldInfo) -> bool:
    return "Struct" in str(getattr(field.type, "__mro__", "")) or "list[edge" in str(field.type)


@pytest.mark.parametrize(("section", "kind"), SECTIONS.items(), ids=SECTIONS)
def test_document_lists_exactly_the_keys_that_are_accepted(section: str, kind: type[msgspec.Struct]) -> None:
    keys = [field.name for field in msgspec.structs.fields(kind) if not is_table(field)]
    assert list(documented(section)) == keys


@pytest.mark.parametrize(("section", "kind"), SECTIONS.items(), ids=SECTIONS)
def test_document_says_which_keys_are_required(section: str, kind: type[msgspec.Struct]) -> None:
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    assert {key for key, default in documented(section).items() if default == "required"} == required


def test_document_tells_the_defaults_that_apply() -> None:
    limits = {key: json.loads(default.strip("`")) for key, default in documented("`[partner.limits]`").items()}
    assert limits == msgspec.to_builtins(BUILT_IN.limits)
    assert documented("`[defaults.limits]`") == documented("`[partner.limits]`")
    presence = {key: json.loads(default.strip("`")) for key, default in documented("`[presence]`").items()}
    assert presence == msgspec.to_builtins(Presence())
    assert documented("`[edge]`")["state"] == f'`"{Edge("x", "x").state}"`'
    assert documented("`[edge]`")["state_sync"] == f'`"{Edge("x", "x").state_sync}"`'
    told = {key: json.loads(default.strip("`")) for key, default in documented("`[partner.presence]`").items()}
    assert told == {
        "outbound": DEFAULT.outbound, "notes": DEFAULT.notes, "direction": BOTH, "subscribe": ASK,
        "format": BUILT_IN.presence.format, "piggyback": BUILT_IN.presence.piggyback, "map": {},
    }
    assert documented("`[defaults.presence]`") == documented("`[partner.presence]`")
    strangers = {key: json.loads(default.strip("`")) for key, default in documented("`[discovered.limits]`").items()}
    assert strangers == msgspec.to_builtins(DiscoveredLimits())
    for section in ("`[[partner]]`", "`[defaults]`"):
        assert documented(section)["page_type"] == f'`"{BUILT_IN.page_type}"`'
        assert documented(section)["im_mode"] == f'`"{BUILT_IN.im_mode}"`'
        assert documented(section)["html"] == f'`"{BUILT_IN.html}"`'
        assert documented(section)["encrypted"] == f'`"{BUILT_IN.encrypted}"`'
        assert documented(section)["verification_marker"] == f'`"{BUILT_IN.verification_marker}"`'
    for section in ("`[partner.tls]`", "`[defaults.tls]`"):
        assert documented(section)["min_version"] == f'`"{BUILT_IN.tls.min_version}"`'
        for key in ("eku", "names", "revocation"):
            assert documented(section)[key] == f'`"{getattr(TRUST, key)}"`'
    for section, listen in (("`[sip]`", SIP_LISTEN), ("`[xmpp]`", XMPP_LISTEN)):
        assert json.loads(documented(section)["listen"].strip("`")) == [str(each) for each in listen]


def test_documented_example_works(tmp_path: Path) -> None:
    edge, partners, presence = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    written = Written(tmp_path).write(edge.replace("../certs", "certs"), partners + presence)
    reading = written.read()
    assert reading.config is not None, reading.faults
    assert [system.name for system in reading.config.systems] == ["office", "contoso"]
