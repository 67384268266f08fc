"""A trace as a transcript: what `tests/transcript.py` plays, so that a report from the field becomes a test.

What came in is what the systems of the cast send, with neutral names (`edge.admin.neutral`); of what went out that is
written which must be the same whenever this happens. A link that failed is "down", an XMPP system that did not confirm
what it then refused is "silent". Used by `edge.admin.trace_commands`.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lxml import etree

from edge.admin.hiding import is_told
from edge.admin.neutral import Event, Names
from edge.xmpp.conditions import NS_STANZA_ERRORS

SHORT = 0.5  # seconds that nobody notices: they are not told

# Headers that decide something. All others are left out.
SENT = frozenset((
    "from", "to", "call-id", "cseq", "contact", "record-route", "route", "event", "expires", "min-expires", "accept",
    "supported", "require", "proxy-require", "unsupported", "allow", "content-type", "content-encoding",
    "content-disposition", "mime-version", "subscription-state", "session-expires", "min-se", "retry-after",
    "user-agent", "server", "warning", "reason", "ms-diagnostics", "ms-diagnostics-public", "ms-text-format",
    "ms-conversation-id", "p-asserted-identity", "subject", "max-forwards", "date", "rack", "rseq",
))
RECEIVED = frozenset((
    "from", "to", "call-id", "cseq", "content-type", "event", "subscription-state", "warning", "require",
))
OF_THE_DAY = frozenset(("timestamp", "lastactive", "datetime", "message-id", "contact"))  # different each time
MANY_HOPS = re.compile("[1-9][0-9]")  # a Max-Forwards that decides nothing
LINKS = "NTCD"  # areas of reason codes: why a link could not be had
SETTINGS = {"presence_format": "format"}  # what a transcript calls a setting, if otherwise


def transcript(summary: Mapping[str, Any], events: Sequence[Event], systems: Mapping[str, Any]) -> list[str]:
    """The lines of the file."""
    return list(_Transcript(summary, events, systems).lines())


class _Transcript:
    def __init__(self, summary: Mapping[str, Any], events: Sequence[Event], systems: Mapping[str, Any]) -> None:
        self._events = list(events)
        self._systems = systems
        self._names = Names(events, systems)
        self._said = ""  # all that has come in so far
        self._requests: dict[tuple[str, str], str] = {}  # by Call-ID and CSeq of ours: the name that is bound to it
        self._branches: set[str] = set()
        self._before: dict[int, list[str]] = {}
        self._after: dict[int, list[str]] = {}
        self._undelivered: set[int] = set()
        self._vague: set[int] = set()
        self._verdict = summary["verdict"]

    def lines(self) -> Iterator[str]:
        """Comment, cast and scenes."""
        self._failures()
        yield f"# {self._names.neutral(self._verdict)}"
        if self._began_before():
            yield "# It had begun before it was traced: what was said before is missing here."
        yield ""
        yield from self._cast()
        last = self._events[0]["at"] if self._events else 0.0
        for number, event in enumerate(self._events):
            if event["side"] == "edge":
                continue
            yield from self._passing(event["at"] - last, event["way"] == "out")
            last = event["at"]
            yield from self._before.get(number, ())
            if number not in self._undelivered:
                yield ""
                yield f"{self._names.actor(event)} {'sends' if event['way'] == 'in' else 'receives'}:"
                lines = self._sip(number, event) if event["side"] == "sip" else self._stanza(number, event)
                yield from (f"    {line}".rstrip() for some in lines for line in some.split("\n"))
            if event["way"] == "in":
                self._said += event["wire"]
            yield from self._after.get(number, ())

    # --- private --------------------------------------------------------------------------------------

    def _cast(self) -> Iterator[str]:
        for (side, real), name in self._names.cast.items():
            facts = self._systems.get(real, {})
            how = "sip" if side == "sip" else facts.get("link", "s2s")
            kind = facts.get("kind", "unlisted")
            settings = {SETTINGS.get(key, key): value for key, value in facts.get("settings", {}).items()}
            if facts.get("discovered"):
                kind, settings = "unlisted", settings | {"unknown_domains": "discover"}
            words = [f"{key}={_written(value)}" for key, value in settings.items()]
            domains = self._names.domains[name] or [f"{name}.example"]
            yield "  ".join([f"[{name}]", kind, how, " ".join([*domains, *words])])

    def _passing(self, seconds: float, ours: bool) -> Iterator[str]:
        """Time. What we do by a clock must be due when it is received."""
        if seconds < SHORT:
            return
        whole = math.ceil(seconds * 2) / 2 + SHORT if ours else math.floor(seconds * 2) / 2
        yield ""
        yield f"{whole:g} second{'s pass' if whole != 1 else ' passes'}"

    def _began_before(self) -> bool:
        first = next((event for event in self._events if event["side"] == "sip"), None)
        return first is not None and re.search(r"^To: .*;tag=", first["wire"], re.M | re.I) is not None and (
            not first["wire"].startswith("SIP/2.0")
        )

    def _failures(self) -> None:
        """Where a link was down, or somebody did not confirm."""
        for number, event in enumerate(self._events):
            key = _asks(event)
            if key is None:
                continue
            answer = next((n for n, each in enumerate(self._events) if n > number and _refuses(each, key)), None)
            if answer is None:
                continue
            codes = [each["what"] for each in self._events[answer + 1 : answer + 6] if each["side"] == "edge"]
            code = next((word[5:] for what in codes for word in what.split() if word.startswith("EDGE-")), "")
            between = [n for n in range(number + 1, answer) if self._events[n]["way"] == "out"
                       and self._events[n]["side"] not in ("edge", event["side"])]
            if not between:
                continue
            other = self._names.actor(self._events[between[-1]])
            if code[:1] and code[0] in LINKS:
                self._around(number, answer, f"{other} is down", f"{other} is up")
                self._undelivered.update(between)
                self._vague.add(answer)
            elif event["side"] == "sip":
                self._around(number, answer, f"{other} is silent", f"{other} is attentive")

    def _around(self, first: int, last: int, before: str, after: str) -> None:
        if before not in self._before.setdefault(first, []):
            self._before[first] += ["", before]
            self._after.setdefault(last, []).append(after)

    # what SIP says
    def _sip(self, number: int, event: Event) -> Iterator[str]:
        head, _, body = event["wire"].partition("\n\n")
        start, *rows = head.split("\n")
        fields = [(name.strip(), value.strip()) for name, _, value in (row.partition(":") for row in rows)]
        by_name = {name.lower(): value for name, value in reversed(fields)}
        kind = by_name.get("content-type", "").partition(";")[0].strip().lower()
        if event["way"] == "in":
            yield self._names.neutral(start)
            yield from self._sent(start, fields, by_name)
            if body:
                yield ""
                yield _long(self._names.neutral(body)).rstrip("\n")
            return
        yield "SIP/2.0 {any}" if number in self._vague else self._names.neutral(start)
        for name, value in fields:
            if name.lower() in RECEIVED and not (number in self._vague and name.lower() == "warning"):
                yield f"{name}: {self._received(start, name.lower(), value, by_name)}"
        if kind.endswith("xml") and body.startswith("<"):
            yield ""
            yield self._reduced(etree.fromstring(body.encode()))
        elif kind == "text/plain" and self._is_known(body):
            yield ""
            yield _long(self._names.neutral(body)).rstrip("\n")

    def _sent(self, start: str, fields: list[tuple[str, str]], by_name: Mapping[str, str]) -> Iterator[str]:
        response = start.startswith("SIP/2.0")
        method = (by_name.get("cseq", "").split() or [""])[-1]
        branch = (re.findall(r";branch=([^;,\s]+)", by_name.get("via", "")) or [""])[0]
        if not response and (method in ("INVITE", "CANCEL", "ACK") or branch in self._branches):
            yield f"Via: SIP/2.0/TLS client.example:5061;branch=z9hG4bK{self._names.neutral(branch)}"
        self._branches.add(branch)
        for name, value in fields:
            lower = name.lower()
            if not (lower in SENT or lower.startswith("ms-")):
                continue
            if lower == "max-forwards" and MANY_HOPS.fullmatch(value):
                continue
            if response and (lower == "from" or (lower == "to" and method not in ("INVITE", "SUBSCRIBE"))):
                continue
            if response and lower == "cseq":
                bound = self._requests.get((by_name.get("call-id", ""), value))
                yield f"CSeq: {bound or value}"
                continue
            yield f"{name}: {self._names.neutral(_unnamed(lower, value))}"

    def _received(self, start: str, name: str, value: str, by_name: Mapping[str, str]) -> str:
        if name == "cseq" and not start.startswith("SIP/2.0"):
            method = value.split()[-1]
            bound = f"{self._names.bind('cseq')} {method}"
            self._requests[by_name.get("call-id", ""), value] = bound
            return bound
        if name == "subscription-state":
            return re.sub(r"(expires|retry-after)=\d+", r"\1={any}", value)
        if name == "warning":
            return re.sub(r"(EDGE-\w+).*", r"\1{any}", value)
        if name == "content-type":
            return value.partition(";")[0] + ("{any}" if ";" in value else "")
        return self._names.neutral(_unnamed(name, value))

    # what XMPP says
    def _stanza(self, number: int, event: Event) -> Iterator[str]:
        if event["way"] == "in":
            yield _long(self._names.neutral(event["wire"]))
            return
        root = etree.fromstring(event["wire"])
        if number in self._vague:
            for each in [*root]:
                root.remove(each)
        yield self._reduced(root)

    def _reduced(self, root: etree._Element) -> str:
        """What of a document or stanza must be the same the next time."""
        for element in root.iter(etree.Element):
            text = (element.text or "").strip()
            tag = etree.QName(element)
            element.tail = None
            if text.startswith("EDGE-") and tag.namespace == NS_STANZA_ERRORS:
                element.text = f"{text.partition(' ')[0]}{{any}}"
            elif tag.localname in OF_THE_DAY or not (is_told(tag.localname, text) or self._is_known(text)):
                element.text = None
            for name in element.attrib:
                if not (element is root and name in ("from", "to", "type", "id", "entity")):
                    del element.attrib[name]
        return _long(self._names.neutral(str(etree.tostring(root, encoding="unicode")))).replace("(any)", "{any}")

    def _is_known(self, text: str) -> bool:
        """Whether somebody has said that."""
        return bool(text.strip()) and text.strip() in self._said


# -- private ---------------------------------------------------------------------------------------------------------


def _asks(event: Event) -> tuple[str, str] | None:
    """What a message that came in is answered by: its Call-ID and CSeq, or its id."""
    if event["way"] != "in":
        return None
    if event["side"] == "sip" and event["wire"].startswith("MESSAGE "):
        return _header(event["wire"], "Call-ID"), _header(event["wire"], "CSeq")
    if event["side"] == "xmpp" and event["what"].startswith("message "):
        found = re.search(r"\A<[^>]*? id=['\"]([^'\"]+)['\"]", event["wire"])
        return ("", found[1]) if found else None
    return None


def _refuses(event: Event, key: tuple[str, str]) -> bool:
    """Whether this tells the sender of a message that it has not arrived."""
    if event["way"] != "out":
        return False
    if event["side"] == "sip":
        answer = re.match(r"SIP/2\.0 [3-6]", event["wire"])
        return bool(answer) and (_header(event["wire"], "Call-ID"), _header(event["wire"], "CSeq")) == key
    return not key[0] and "type=\"error\"" in event["wire"] and f'id="{key[1]}"' in event["wire"]


def _header(wire: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*)$", wire, re.M | re.I)
    return found[1].strip() if found else ""


def _unnamed(name: str, value: str) -> str:
    """An address without the name of who has it."""
    if name in ("from", "to", "contact", "p-asserted-identity") and "<" in value:
        return value[value.index("<") :]
    return value


def _written(value: object) -> str:
    """A setting in one word."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "_")


def _long(text: str) -> str:
    """A text that was long is as long again."""

    def filled(found: re.Match[str]) -> str:
        return f"{found[1]} {{{max(1, int(found[2]) - len(found[1]) - 1)} times x}}"

    return re.sub(r"(text \d+) \((\d+) B\)", filled, text)
