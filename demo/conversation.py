"""What romeo and juliet do, step by step; each step waits for all that must come of it."""

from collections.abc import Awaitable, Callable

from demo.child import Child
from demo.setting import SIP_DOMAIN, XMPP_DOMAIN

ROMEO = f"romeo@{SIP_DOMAIN}"
JULIET = f"juliet@{XMPP_DOMAIN}"

Step = Callable[[Child, Child], Awaitable[None]]


async def _juliet_subscribes(contoso: Child, capulet: Child) -> None:
    capulet.order("subscribe", ROMEO)
    await contoso.expect(f"SUBSCRIBE {JULIET}")
    await contoso.expect("200 NOTIFY")  # that he has not decided yet; juliet hears nothing of it
    contoso.order("approve")
    await capulet.expect(f"presence {ROMEO} subscribed")
    await capulet.expect(f"presence {ROMEO} available")
    await contoso.expect("200 NOTIFY")


async def _romeo_subscribes(contoso: Child, capulet: Child) -> None:
    contoso.order("subscribe", JULIET)
    await contoso.expect("200 SUBSCRIBE")
    await contoso.expect("NOTIFY pending")
    await capulet.expect(f"presence {ROMEO} subscribe")
    capulet.order("approve", ROMEO)
    await contoso.expect("NOTIFY active")
    await contoso.expect(f"PIDF pres:{JULIET} open")


async def _both_talk(contoso: Child, capulet: Child) -> None:
    contoso.order("message", JULIET, "Call me but love, and I'll be new baptiz'd.")
    await capulet.expect(f"message {ROMEO} Call me but love")
    await contoso.expect("200 MESSAGE")  # which comes when juliet's server has it, and not before
    capulet.order("message", ROMEO, "Art thou not Romeo, and a Montague?")
    await contoso.expect(f"MESSAGE {JULIET} Art thou not Romeo")


async def _romeo_is_busy(contoso: Child, capulet: Child) -> None:
    contoso.order("presence", "busy")
    await capulet.expect(f"presence {ROMEO} dnd")
    await contoso.expect("200 NOTIFY")


async def _juliet_is_away(contoso: Child, capulet: Child) -> None:
    capulet.order("presence", "away")
    await contoso.expect(f"PIDF pres:{JULIET} open away")


STEPS: tuple[tuple[str, Step], ...] = (
    ("juliet wants to see romeo's presence, and he lets her", _juliet_subscribes),
    ("romeo wants to see juliet's presence, and she lets him", _romeo_subscribes),
    ("each sends the other a message", _both_talk),
    ("romeo becomes busy", _romeo_is_busy),
    ("juliet goes away", _juliet_is_away),
)
