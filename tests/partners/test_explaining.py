"""Why two domains may talk, or may not."""

import dataclasses
from itertools import product

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.partners import Admit, Block, Directory, HostPort, Peer, System
from edge.partners.explaining import explain

OFFICE = System("office", True, "xmpp", (domain("office.example"),), place="edge.toml line 9")
CONTOSO = System(
    "contoso", False, "sip", (domain("contoso.com"),), hosts=(HostPort("edge.contoso.com", 5061),),
    wildcards=(domain("contoso.com"),), place="partners.toml line 3",
)
JABBER = System("jabber", False, "xmpp", (domain("jabber.example"),), "s2s", place="partners.toml line 9")
SPAM = Block((domain("spam.contoso.com"),), (), "abuse report of March", place="partners.toml line 20")


def told(directory: Directory, sender: str, recipient: str) -> list[str]:
    explanation = explain(directory, domain(sender), domain(recipient))
    return [f"{step.rule}: {step.text}" + (f" [{step.code}]" if step.code else "") for step in explanation.steps]


def test_a_pair_that_may_talk() -> None:
    assert told(Directory([OFFICE, CONTOSO]), "office.example", "branch.contoso.com") == [
        "from: office.example belongs to inside office (edge.toml line 9)",
        "to: branch.contoso.com belongs to partner contoso by the wildcard *.contoso.com (partners.toml line 3)",
        "pair: inside office (xmpp) and partner contoso (sip) may talk",
        "route: partner contoso is reached at edge.contoso.com:5061",
    ]


@pytest.mark.parametrize(
    ("sender", "recipient", "said"),
    [
        ("stranger.example", "office.example", "from: stranger.example is on no list [EDGE-A01]"),
        ("office.example", "stranger.example", "to: stranger.example is on no list [EDGE-A01]"),
        ("contoso.com", "stranger.example", "to: stranger.example is on no list [EDGE-A06]"),
        (
            "spam.contoso.com", "office.example",
            "from: spam.contoso.com is blocked (partners.toml line 20): abuse report of March [EDGE-A02]",
        ),
        (
            "jabber.example", "office.example",
            "pair: both are xmpp systems: nothing is carried between two of the same protocol [EDGE-A08]",
        ),
        (
            "jabber.example", "contoso.com",
            "pair: both are partners, and partner jabber, partner contoso has no transit [EDGE-A08]",
        ),
    ],
)
def test_the_first_rule_that_refuses_is_the_last_one_told(sender: str, recipient: str, said: str) -> None:
    assert told(Directory([OFFICE, CONTOSO, JABBER], [SPAM]), sender, recipient)[-1] == said


def test_a_partner_with_conditions() -> None:
    contoso = dataclasses.replace(
        CONTOSO, hosts=None, allow="outgoing", traffic="im-only", identity="unverified", direction="we-see-them"
    )
    assert told(Directory([OFFICE, contoso]), "contoso.com", "office.example")[3:] == [
        'direction: partner contoso has allow = "outgoing" [EDGE-A03]',
        'traffic: partner contoso has traffic = "im-only" [EDGE-A04]',
        'presence: partner contoso has direction = "we-see-them" [EDGE-A03]',
        'identity: partner contoso has identity = "unverified": it reaches only who has the sender as a contact',
        "limits: partner contoso may send 100 messages a second, 500 at once",
        "route: inside office is reached by DNS: _xmpps-server._tcp, _xmpp-server._tcp.office.example",
    ]


SETTINGS = [
    {}, {"allow": "incoming"}, {"allow": "outgoing"}, {"traffic": "im-only"}, {"traffic": "presence-only"},
    {"direction": "they-see-us"}, {"transit": True},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_what_is_explained_is_what_is_decided(settings: dict[str, str]) -> None:
    systems = [OFFICE, dataclasses.replace(CONTOSO, **settings), dataclasses.replace(JABBER, transit=True)]  # type: ignore[arg-type]
    directory = Directory(systems, [SPAM])
    names = ["office.example", "contoso.com", "a.contoso.com", "spam.contoso.com", "jabber.example", "x.example"]
    for sender, recipient in product(map(domain, names), repeat=2):
        explanation = explain(directory, sender, recipient)
        system = directory.system_of(sender)
        proved = frozenset((system.name,)) if system is not None else frozenset[str]()
        peer = Peer(system.protocol if system else "sip", frozenset((sender,)), proved)
        decision = directory.admit(peer, sender, recipient)
        if isinstance(decision, Admit):
            watches = directory.may_watch(decision.sender, decision.recipient)
            presence = decision.presence or (None if watches else Code.A03)
            assert (explanation.im, explanation.presence) == (decision.im, presence)
        else:
            assert explanation.im is explanation.presence is decision.code
            assert explanation.steps[-1].code is decision.code


def test_a_domain_that_would_be_discovered() -> None:
    template = System(
        "", False, "sip", (), discovered=True, messages_per_s=20, burst=20, subscribe="deny",
        place="partners.toml line 2",
    )
    directory = Directory([OFFICE, CONTOSO], [SPAM], template)
    assert told(directory, "stranger.example", "office.example") == [
        "from: stranger.example is on no list, and discovered if it proves that name (partners.toml line 2)",
        "to: office.example belongs to inside office (edge.toml line 9)",
        "pair: discovered partner stranger.example (sip) and inside office (xmpp) may talk",
        'presence: discovered partner stranger.example has subscribe = "deny": nobody is asked, and nothing is shown',
        "limits: discovered partner stranger.example may send 20 messages a second, 20 at once, to 1000 of our users "
        "in an hour",
        "route: inside office is reached by DNS: _xmpps-server._tcp, _xmpp-server._tcp.office.example",
    ]
    assert told(directory, "office.example", "stranger.example")[-1] == (
        "route: discovered partner stranger.example is reached by DNS: _sipfederationtls._tcp.stranger.example, at "
        "public addresses only"
    )
    assert told(directory, "contoso.com", "stranger.example")[-1] == "to: stranger.example is on no list [EDGE-A06]"
    assert len(directory.discovered) == 0, "to ask changes nothing"


def test_a_clearing_house_is_called_one() -> None:
    hub = dataclasses.replace(CONTOSO, name="hub", kind="clearinghouse")
    assert told(Directory([OFFICE, hub]), "office.example", "contoso.com")[1] == (
        "to: contoso.com belongs to clearing house hub (partners.toml line 3)"
    )
