"""What the partner list says about single messages; tests/transcripts/policy shows it from outside."""

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
