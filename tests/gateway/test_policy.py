"""What the partner list says about single messages; tests/transcripts/policy shows it from outside."""

import pytest

from edge.domains import Domain
from edge.gateway import guard, notification, subscription
from edge.gateway.counters import UNLISTED
from edge.gateway.guard import FEWEST, STRANGERS
from edge.sip import layer
from tests.transcript import Performance

CAST = """[lync]  partner  sip  contoso.example  {settings}
[capulet]  inside  component  capulet.example
"""


def played(settings: str, scenes: str) -> Performance:
    performance = Performance(CAST.format(settings=settings) + scenes)
    performance.play()
    return performance


NOTIFY = """
lync sends:
    NOTIFY sip:edge.example.net SIP/2.0
    From: <sip:romeo@contoso.example>;tag=a
    To: <sip:juliet@capulet.example>;tag=b
    Event: presence
    Subscription-State: active

lync receives:
    SIP/2.0 481 {any}
"""


def test_what_answers_a_request_is_neither_counted_nor_refused() -> None:
    performance = played("burst=1 messages_per_s=0.1 allow=outgoing", NOTIFY * 3)
    assert performance.stage.gateway.policy.rates._buckets == {}


MESSAGE = """
lync sends:
    MESSAGE sip:juliet@capulet.example SIP/2.0
    From: <sip:romeo@contoso.example>;tag=1
    To: <sip:juliet@capulet.example>
    Content-Type: text/plain

    Hello

lync receives:
    SIP/2.0 403 {any}
"""


def test_refused_messages_are_counted_as_rejected() -> None:
    performance = played("traffic=presence-only", MESSAGE * 2)
    counts = performance.stage.gateway.node.counters.messages
    assert counts == {("lync", "sip", "in", "rejected"): 2}


OURS = """
capulet sends:
    <message from="juliet@capulet.example/x" to="romeo@contoso.example" id="m{number}"><body>Hello</body></message>

lync receives:
    MESSAGE sip:romeo@contoso.example SIP/2.0
lync sends:
    SIP/2.0 200 OK
"""


def test_our_own_systems_are_not_limited() -> None:
    scenes = "".join(OURS.replace("{number}", str(number)) for number in range(3))
    performance = played("burst=1 messages_per_s=0.1", scenes)
    assert performance.stage.gateway.policy.rates._buckets == {}


def test_unreadable_address_is_left_to_those_who_serve_the_request() -> None:
    scenes = """
lync sends:
    MESSAGE sip:@capulet.example SIP/2.0
    From: <sip:romeo@contoso.example>;tag=1
    To: <sip:juliet@capulet.example>
    Content-Type: text/plain

    Hello

lync receives:
    SIP/2.0 400 {any}
"""
    played("identity=unverified", scenes)


# -- where one side is on no list ------------------------------------------------------------------------------------

OPEN = """[stranger]  unlisted  sip  {domains}  unknown_domains=discover
[capulet]  inside  s2s  capulet.example
"""

ASKS = """
capulet sends:
    <message from="juliet@capulet.example" to="iago@s{number}.example" type="chat" id="m{number}"><body>?</body>
    </message>
"""

HEARD = """
stranger receives:
    MESSAGE sip:iago@s{number}.example SIP/2.0
stranger sends:
    SIP/2.0 200 OK
"""

TOO_MANY = """
capulet receives:
    <message type="error" id="m{number}"><error type="wait"><resource-constraint xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">EDGE-L01 a user may write to {any}</text></error></message>
"""  # noqa: E501


def test_user_of_ours_may_write_to_so_many_strangers() -> None:
    numbers = range(STRANGERS + 1)
    text = OPEN.format(domains=" ".join(f"s{number}.example" for number in numbers))
    text += "".join((ASKS + HEARD).format(number=number) for number in numbers[:-1])
    text += (ASKS + TOO_MANY).format(number=STRANGERS, any="{any}") + (ASKS + HEARD).format(number=0)
    Performance(text).play()


SAYS = """
stranger sends:
    MESSAGE sip:juliet@capulet.example SIP/2.0
    From: <sip:iago@s0.example>;tag={number}
    To: <sip:juliet@capulet.example>
    Content-Type: text/plain

    Listen
"""


def test_stranger_most_of_whose_messages_fail_is_slowed_down() -> None:
    text = OPEN.format(domains="s0.example") + "\ncapulet is down\n"
    text += "".join(
        SAYS.format(number=number) + "\nstranger receives:\n    SIP/2.0 504 {any}\n" for number in range(FEWEST)
    )
    text += "\ncapulet is up\n\n61 seconds pass\n"
    good = "\ncapulet receives:\n    <message><body>Listen</body></message>\nstranger receives:\n    SIP/2.0 200 OK\n"
    slow = '\nstranger receives:\n    SIP/2.0 500 {any}\n    Retry-After: 1\n    Warning: 399 edge "EDGE-L01 {any}"\n'
    text += SAYS.format(number=100) + good + SAYS.format(number=101) + slow
    text += "\n1 second passes\n" + SAYS.format(number=102) + good
    performance = Performance(text)
    performance.play()
    (stranger,) = performance.stage.directory.discovered
    policy = performance.stage.gateway.policy
    assert not policy.holds(stranger)
    policy.forget(stranger)
    assert set(performance.stage.gateway.node.counters.messages) == {
        (UNLISTED, "sip", "in", result) for result in ("delivered", "failed", "rejected")
    }


def test_stranger_whom_somebody_sees_is_held() -> None:
    text = OPEN.format(domains="s0.example") + """
capulet sends:
    <presence from="juliet@capulet.example" to="iago@s0.example" type="subscribe"/>
stranger receives:
    SUBSCRIBE sip:iago@s0.example SIP/2.0
"""
    performance = Performance(text)
    performance.play()
    (stranger,) = performance.stage.directory.discovered
    assert performance.stage.gateway.policy.holds(stranger)


CROWDED = """[strangers] unlisted sip a.evil.example b.evil.example  unknown_domains=discover messages_per_s=0.1 burst=1
[capulet]  inside  component  capulet.example
"""
FROM_ONE = """
strangers sends:
    MESSAGE sip:juliet@capulet.example SIP/2.0
    From: <sip:iago@{domain}>;tag=1
    To: <sip:juliet@capulet.example>
    Content-Type: text/plain

    Hello
"""
TAKEN = "\ncapulet receives:\n    <message/>\nstrangers receives:\n    SIP/2.0 200 OK\n"
LATER = "\nstrangers receives:\n    SIP/2.0 500 {any}\n    Retry-After: 10\n    Warning: 399 edge \"EDGE-L01 {any}\"\n"


def test_neighbours_of_a_stranger_share_what_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them for his part sends no more than he may: here there is room for one of all at a time."""
    monkeypatch.setattr(guard, "CROWD", 1)
    one, other = (FROM_ONE.format(domain=domain) for domain in ("a.evil.example", "b.evil.example"))
    performance = Performance(CROWDED + one + TAKEN + other + LATER + "\n10 seconds pass\n" + other + TAKEN)
    performance.play()


STRANGE = """[jabber]  unlisted  s2s  jabber.example  unknown_domains=discover messages_per_s=0.1 burst=2
[office]  inside  sip  office.example
"""
PING = """
jabber sends:
    <iq from="jabber.example" to="office.example" type="get" id="p1"><ping xmlns="urn:xmpp:ping"/></iq>

jabber receives:
    <iq id="p1" type="{type}"/>
"""


def test_questions_of_a_stranger_are_counted_too() -> None:
    Performance(STRANGE + "".join(PING.format(type=kind) for kind in ("result", "result", "error"))).play()


REFRESHED = """[lync]  unlisted  sip  contoso.example  unknown_domains=discover messages_per_s=0.1 burst=2
[capulet]  inside  component  capulet.example

lync sends:
    SUBSCRIBE sip:juliet@capulet.example SIP/2.0
    From: <sip:romeo@contoso.example>;tag=r1
    To: <sip:juliet@capulet.example>
    Call-ID: watch@lync
    CSeq: 1 SUBSCRIBE
    Event: presence
    Accept: application/pidf+xml
    Expires: 3600
lync receives:
    SIP/2.0 200 OK
    To: <sip:juliet@capulet.example>;tag={ours}
lync receives:
    NOTIFY sip:lync.example:5061;transport=tls SIP/2.0
capulet receives:
    <presence type="subscribe"/>
lync sends:
    SIP/2.0 200 OK
"""
REFRESH = """
lync sends:
    SUBSCRIBE sip:edge.example.net:5061;transport=tls SIP/2.0
    From: <sip:romeo@contoso.example>;tag=r1
    To: <sip:juliet@capulet.example>;tag={ours}
    Call-ID: watch@lync
    Event: presence
    Accept: application/pidf+xml
    Expires: 3600
"""
REFUSED = """
lync receives:
    SIP/2.0 500 {any}
    Warning: 399 edge "EDGE-L01 {any}"
"""


def test_refreshes_of_a_stranger_are_counted_too() -> None:
    told = """
lync receives:
    SIP/2.0 200 OK
lync receives:
    NOTIFY sip:lync.example:5061;transport=tls SIP/2.0
lync sends:
    SIP/2.0 200 OK
"""
    Performance(REFRESHED + REFRESH + told + REFRESH + REFUSED).play()


FLOODED = """[lync]  partner  sip  contoso.example  traffic=presence-only
[fabrikam]  partner  sip  fabrikam.example
[capulet]  inside  component  capulet.example
"""
INVITATION = """
lync sends:
    INVITE sip:juliet@capulet.example SIP/2.0
    From: <sip:romeo@contoso.example>;tag=r1
    To: <sip:juliet@capulet.example>

lync receives:
    SIP/2.0 100 Trying
lync receives:
    SIP/2.0 403 {any}
"""
OVERLOADED = INVITATION.replace("SIP/2.0 100 Trying\nlync receives:\n    SIP/2.0 403", "SIP/2.0 503")
MINE = """
fabrikam sends:
    MESSAGE sip:juliet@capulet.example SIP/2.0
    From: <sip:tybalt@fabrikam.example>;tag=1
    To: <sip:juliet@capulet.example>
    Content-Type: text/plain

    Hello
capulet receives:
    <message/>
fabrikam receives:
    SIP/2.0 200 OK
"""


def test_partner_who_never_acknowledges_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused INVITE is open for half a minute (Timer H), whether or not its sender may send so many."""
    monkeypatch.setattr(layer, "MAX_TRANSACTIONS", 8)
    Performance(FLOODED + INVITATION * 4 + OVERLOADED * 20 + MINE * 3).play()


WATCHER = """
lync sends:
    SUBSCRIBE sip:juliet@capulet.example SIP/2.0
    From: <sip:{user}@contoso.example>;tag=r1
    To: <sip:juliet@capulet.example>
    Event: presence
    Accept: application/pidf+xml
    Expires: 3600
"""


def test_stranger_has_only_so_many_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them asks somebody of ours, is kept on the disk, and lasts as long as he wants."""
    monkeypatch.setattr(notification, "MAX_OF_STRANGER", 1)
    monkeypatch.setattr(subscription, "MAX_OF_STRANGER", 1)
    refused = '\nlync receives:\n    SIP/2.0 403 {any}\n    Warning: 399 edge "EDGE-L01 {any}"\n'
    first = REFRESHED.replace("burst=2", "burst=20")
    Performance(first + WATCHER.format(user="tybalt") + refused).play()
    asks = """
jabber sends:
    <presence from="{user}@jabber.example" to="peter@office.example" type="{type}"/>
"""
    asked = "office receives:\n    SUBSCRIBE sip:peter@office.example SIP/2.0\n"
    refused = "jabber receives:\n    <presence type='error'/>\n"
    scenes = [STRANGE.replace("burst=2", "burst=20"), asks.format(user="nurse", type="subscribe"), asked]
    scenes += [asks.format(user="iago", type=kind) + refused for kind in ("subscribe", "probe")]
    Performance("".join(scenes)).play()


ONCE = MINE.replace("fabrikam", "lync").replace("tybalt@lync.example", "romeo@contoso.example")


def test_partner_that_comes_back_to_the_list_begins_anew() -> None:
    again = "the partner list loses lync\nthe partner list takes lync back\n"
    played("burst=1 messages_per_s=0.1", f"{ONCE}{again}{ONCE}")


def test_stranger_that_is_discovered_anew_begins_anew() -> None:
    performance = Performance(FLOODED.replace("partner  sip  contoso.example  traffic=presence-only",
                              "unlisted  sip  contoso.example  unknown_domains=discover local_users=1") + ONCE)
    performance.play()
    stage = performance.stage
    system = stage.directory.system_of(Domain("contoso.example"))
    assert system is not None and system.discovered
    policy = stage.gateway.policy
    assert policy.guard.inbound("nurse@capulet.example", system, 0) is not None
    policy.forget(system)
    assert policy.guard.inbound("nurse@capulet.example", system, 0) is None
