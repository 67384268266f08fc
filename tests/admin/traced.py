"""A conversation on the stage that somebody traces: what the tests of `edge trace` share."""

from pathlib import Path
from typing import Any

from edge.admin.traces import Traces
from tests.stage import Stage
from tests.transcript import Performance

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"

CAST = """
[lync]     partner  sip        contoso.example
[capulet]  inside   component  capulet.example
"""

SIP_SPEAKS = """
lync sends:
    MESSAGE sip:juliet@capulet.example SIP/2.0
    From: <sip:romeo@contoso.example>;tag=1
    To: <sip:juliet@capulet.example>
    Call-ID: call-of-romeo
    Content-Type: text/plain

    Art thou not Romeo?
capulet receives:
    <message from="romeo@contoso.example" to="juliet@capulet.example"><body>Art thou not Romeo?</body></message>
lync receives:
    SIP/2.0 200 OK
"""

XMPP_SPEAKS = """
capulet sends:
    <message from="juliet@capulet.example" to="romeo@contoso.example" type="chat" id="m1"><body>Ay me!</body></message>
lync receives:
    MESSAGE sip:romeo@contoso.example SIP/2.0
"""


def traces_of(stage: Stage) -> Traces:
    """The traces of a gateway on the stage."""
    return Traces(stage.driver, stage.gateway.node, stage.clock, lambda: 1_700_000_000 + stage.clock.seconds())


def traced(text: str, /, **said: str) -> dict[str, Any]:
    """Play ``text`` with a trace, by default of contoso.example, and tell what it has kept."""
    performance = Performance(text)
    traces = traces_of(performance.stage)
    trace = traces.start({"address": "contoso.example", "minutes": "60", **said})
    performance.play()
    return dict(traces.read({"id": str(trace["id"])}))
