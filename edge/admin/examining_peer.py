"""What a test has found out about the other side itself: its TLS, its certificate, its answers.

Pure; the other half of `edge.admin.examining`.
"""

from datetime import UTC, datetime

from edge.admin.evidence import Facts, Fault, Reach, Shown
from edge.admin.remedies import remedy
from edge.admin.shown import count
from edge.admin.steps import FAIL, OK, WARN, XMPP, Step, failed, words_of
from edge.codes import Code
from edge.domains import unicode

ENDS_SOON = 14  # days
NAMES = 8  # of one certificate that are shown
REFUSALS = frozenset({401, 403, 407, 603, 606})  # of a request that says nothing but who we are


def tls(facts: Facts, reach: Reach) -> Step:
    """How the connection is protected."""
    if reach.fault is not None and reach.stage == "tls":
        step = failed(facts, "tls", reach.fault, reach)
        if reach.asked:
            step.details.append("our certificate had been asked for and sent")
        if reach.fault.code is Code.N02:
            step.there = f"look for why the server on {reach.where} takes connections and does not shake hands"
        return step
    ours, outside = "they asked for our certificate, we sent it", "you asked for our certificate, we sent it"
    if not reach.asked:
        ours = "they did not ask for our certificate, so they cannot know us by it"
        outside = "you did not ask for our certificate, so you cannot know us by it"
    how = ""
    if facts.system.protocol == "xmpp":
        how = "direct, " if reach.direct else "STARTTLS, "
    protection = f"{how}{reach.tls_version.replace('TLSv', 'TLS ')} {reach.cipher}"
    return Step("tls", OK, f"{protection}, {ours}", outside=f"{protection}, {outside}")


def certificate(facts: Facts, reach: Reach) -> Step:
    """Whose certificate came, and what is wrong with it."""
    shown = reach.shown
    fault = reach.fault if reach.stage == "cert" else reach.minded
    if fault is not None:
        step = failed(facts, "cert", fault, reach, FAIL if reach.stage == "cert" else WARN)
        if step.status == WARN:
            step.text += "; dialback is allowed, so it is not all"
    elif shown is None:
        return Step("cert", FAIL, "no certificate came")
    else:
        step = Step("cert", OK, "")
    if shown is None:
        return step
    days = (shown.not_after - datetime.fromtimestamp(facts.when, UTC)).days
    ends = f"ends in {count(days, 'day')} ({shown.not_after:%Y-%m-%d})" if days >= 0 else (
        f"ended on {shown.not_after:%Y-%m-%d}"
    )
    if fault is None:
        good = f", good by {reach.proof.upper()}" if reach.proof else ""
        step.text = f"{ends}, issued by {shown.issuer}, {_purpose(shown.purposes)}{good}"
        if days < ENDS_SOON:
            step.status, step.fault = WARN, Fault(Code.C02, ends)
            step.here, step.there = remedy(Code.C02, words_of(facts, step.fault, reach))
        step.details = list(shown.chain[1:])
        return step
    return _told(facts, step, fault, reach, ends)


def _told(facts: Facts, step: Step, fault: Fault, reach: Reach, ends: str) -> Step:
    """A certificate that does not do, with what is wrong about it."""
    shown = reach.shown
    assert shown is not None
    names = ", ".join(shown.names[:NAMES]) or "none"
    if fault.code in (Code.C03, Code.C04):
        step.wanted = " or ".join(reach.expected)
        step.found = f"{shown.subject or 'no subject'}  SAN={names}"
    elif fault.code is Code.C12:
        step.wanted, step.found = ", ".join(sorted(facts.system.trust.pins)), shown.pin
    elif fault.code is Code.C02:
        step.found = ends
    elif fault.code is Code.C09:
        now = datetime.fromtimestamp(facts.when, UTC)
        step.found = f"good from {shown.not_before:%Y-%m-%d %H:%M} UTC on; our clock says {now:%Y-%m-%d %H:%M} UTC"
    elif fault.code is Code.C05:
        step.wanted, step.found = "serverAuth", _purpose(shown.purposes)
    elif fault.code is Code.C11 and shown.weak:
        step.found = shown.weak
    elif fault.code is Code.T02:
        step.wanted, step.found = f"TLS {facts.system.min_version}", reach.tls_version
    elif fault.code is Code.C07 and _dead(facts, shown):
        step.found = _dead(facts, shown)
    else:
        step.found = f"issued by {shown.issuer}, SHA-256 {shown.fingerprint}"
    step.details = ["sent:", *(f"  {each}" for each in shown.chain)]
    return step


def _dead(facts: Facts, shown: Shown) -> str:
    """The certificates of issuers that were sent although their time is over."""
    sent = list(zip(shown.chain, shown.ends, strict=False))[1:]
    return "; ".join(text for text, end in sent if end.timestamp() < facts.when)


def _purpose(purposes: tuple[str, ...] | None) -> str:
    if purposes is None:
        return "good for any purpose"
    if set(purposes) == {"server"}:
        return "EKU serverAuth only (accepted)"
    return f"EKU {', '.join(purposes) or 'none that can be read'}"


def options(facts: Facts, reach: Reach) -> Step:
    """What a SIP server answered."""
    took = f" in {reach.milliseconds['options']} ms" if "options" in reach.milliseconds else ""
    if reach.fault is not None:
        step = failed(facts, "options", reach.fault, reach)
    elif not reach.status:
        return Step("options", WARN, "OPTIONS was sent, and nobody has answered it")
    elif reach.status in REFUSALS:
        fault = Fault(Code.A11, f"the partner refused us: OPTIONS was answered {reach.status}")
        step = failed(facts, "options", fault, reach)
    elif reach.status >= 500 and reach.status != 501:
        said = f"OPTIONS was answered {reach.status}{took}"
        step = Step("options", WARN, f"{said}: they take requests, and cannot serve")
        step.outside = f"{said}: your server takes requests, and cannot serve"
    else:
        step = Step("options", OK, f"OPTIONS was answered {reach.status}{took}")
    if reach.answer and (step.status != OK or ";" in reach.answer):
        step.details.append(reach.answer)
    return step


def streams(facts: Facts, reach: Reach) -> list[Step]:
    """Stream, authentication and ping."""
    offered = [f"sasl {' '.join(reach.mechanisms)}"] if reach.mechanisms else []
    offered += [each for each in reach.features if each not in ("mechanisms", "starttls")]
    stream = Step("stream", OK, f"features: {', '.join(offered) or 'none'}")
    auth = Step("auth", OK, f"{proof(reach.proved)} in {reach.milliseconds.get('auth', 0)} ms")
    took = reach.milliseconds.get("ping", 0)
    ping = Step("ping", OK, f"answered in {took} ms, on a stream that they have opened to us")
    ping.outside = f"answered in {took} ms, on a stream that you have opened to us"
    if reach.fault is not None and reach.stage == "stream":
        stream = failed(facts, "stream", reach.fault, reach)
    if reach.fault is not None and reach.stage == "auth":
        auth = failed(facts, "auth", reach.fault, reach)
        if reach.fault.code is Code.A11 and "EXTERNAL" not in reach.mechanisms:
            words = words_of(facts, reach.fault, reach)
            mostly = "they offer no SASL EXTERNAL, mostly because they do not take our certificate"
            auth.here = f"{mostly}; {words['purpose']}"
            trust = f"trust the issuer of our certificate: {words['issuer']}"
            auth.there = f"offer SASL EXTERNAL to {words['local']}, and {trust}"
    elif reach.fell_back:
        auth.status, auth.fault = WARN, Fault(Code.A11, reach.fell_back)
        auth.details.append(reach.fell_back)
        auth.here, auth.there = remedy(Code.T05, words_of(facts, auth.fault, reach))  # it is our certificate they mind
    if reach.fault is not None and reach.stage == "ping":
        ping = failed(facts, "ping", reach.fault, reach)
    elif "ping" not in reach.milliseconds:
        ping = Step("ping", WARN, "no answer came; it would come on a stream that they open to us")
        ping.outside = "no answer came; it would come on a stream that you open to us"
        local = unicode(facts.local) if facts.local else facts.ours.name
        ping.here, ping.there = f"edge dns {local}", f"see that the server can reach {local} ({XMPP[-1]}{local})"
    return [stream, auth, ping]


def proof(how: str) -> str:
    """By what somebody is known."""
    return "SASL EXTERNAL" if how == "external" else how or "nothing"


def component(facts: Facts, reach: Reach) -> Step:
    """Whether a server of ours takes us as its component."""
    if facts.in_use:
        return Step("handshake", OK, "our component link is up; another one would disturb it, so none was tried")
    if reach.fault is not None:
        step = failed(facts, "handshake", reach.fault, reach)
        if reach.fault.code is Code.A11:
            step.here, step.there = "compare secret_file and the component's name with the server's configuration", ""
        return step
    return Step("handshake", OK, "the server knows our component and its secret")
