"""Plays a transcript: a plain-text conversation with the whole gateway, without sockets and with fake time.

A transcript opens with its cast, one line for each system: ``[name]  inside|partner  sip|s2s|component  domains``
or ``[name]  unlisted|blocked  sip|s2s  domains`` for somebody whom the partner list does not know, or names as blocked.
Behind the domains may stand ``key=value``: allow, traffic, identity, transit, messages_per_s, burst, direction,
outbound, notes, format, piggyback, subscribe, im_mode, html, encrypted, message_bytes, resume_per_s, or, with _ for a
blank, verification_marker or map:ROW=VALUE. Then the scenes:

    lync sends:            followed by an indented SIP message or stanzas
    capulet receives:      the next thing that arrives there must match; only what is written is compared
    capulet receives nothing
    32 seconds pass
    capulet is down / capulet is up        what is sent there is not delivered; dialling it fails
    capulet is idle        the links to it are closed in good order
    the gateway is stopping                    it has a few seconds left to take its leave
    capulet is out of reach        what is sent there waits for a link (SIP only), until it is up or down
    the gateway is killed and starts again     with nothing but what its store has kept (also: ... without lync)
    the gateway is killed and starts again after 20 seconds
    capulet is silent / capulet is attentive   stanzas arrive there but are (not) acknowledged

    the partner list loses lync / blocks lync / takes lync back / says burst=5 of lync     reloaded, while all goes on

Somebody unlisted whose line says ``unknown_domains=discover`` may be discovered, with the settings of that line
(messages_per_s, burst, local_users, suspicious_rate and the like).

``{any}`` matches anything, ``{name}`` binds and must match again, ``{900 times x}`` is that. SIP headers that every
message must have are filled in when they are left out; a response goes with the latest request received, or with that
of its Call-ID. Everything that arrives must be received, and of each reason code that somebody is told the
log must hear.
"""

import pathlib
import re
from itertools import count
from xml.etree import ElementTree

from edge.sip.framing import Framer
from edge.sip.message import Request, Response
from edge.xmpp.conditions import NS_STANZA_ERRORS
from edge.xmpp.element import LANG
from edge.xmpp.stanzas import parse_stanza
from edge.xmpp.stream import StreamParser
from tests.stage import Actor, Stage, sip_message

STREAM = (
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
    " from='x.example' to='y.example'>"
)

LONG = re.compile(r"\{(\d+) times (\S)\}")


class Diverged(AssertionError):
    """The conversation went another way than it is written."""


def _settings(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The domains of a line of the cast, and what is set behind them."""
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word], settings


class Performance:
    """Reads a transcript and plays it."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        cast = re.findall(r"^\[(\S+)\]\s+(\S+)\s+(\S+)\s+(.+)$", text, re.M)
        self.stage = Stage([(name, kind, how, *_settings(rest.split())) for name, kind, how, rest in cast])
        self.bound: dict[str, str] = {}
        self.fresh = count(1)

    def play(self) -> None:
        number = 0
        while number < len(self.lines):
            line = self.lines[number]
            here = number
            number += 1
            if not line.strip() or line[0] in "#[ ":
                continue
            block = []
            while number < len(self.lines) and self.lines[number][:4].strip() == "":
                block.append(self.lines[number][4:])
                number += 1
            written = LONG.sub(lambda found: found[2] * int(found[1]), "\n".join(block).strip("\n"))
            try:
                self._scene(line.strip(), written)
            except AssertionError as error:
                raise Diverged(self._marked(here, str(error))) from None
        if silent := self.stage.told - self.stage.logged:
            raise Diverged(f"peers were told codes of which the log has heard nothing: {dict(silent)}")
        for actor in self.stage.actors.values():
            if actor.inbox:
                raise Diverged(f"{actor.name} received this without the transcript saying so:\n{_show(actor.inbox[0])}")

    def _marked(self, here: int, error: str) -> str:
        shown = [("--> " if number == here else "    ") + line for number, line in enumerate(self.lines[: here + 1])]
        return "\n".join(["", *shown, "", error])

    def _scene(self, line: str, block: str) -> None:
        stage = self.stage
        if match := re.fullmatch(r"([\d.]+) seconds? pass(?:es)?", line):
            stage.pass_time(float(match[1]))
            return
        killed = r"the gateway is killed and starts again(?: after (\d+) seconds)?(?: without (\S+))?"
        if match := re.fullmatch(killed, line):
            stage.killed(float(match[1] or 0), match[2] or "")
            stage.settle()
            return
        if match := re.fullmatch(r"the partner list (loses|blocks|takes|says (\S.*) of) (\S+)(?: back)?", line):
            was = stage.cast[match[3]][0]
            kind = {"loses": "unlisted", "blocks": "blocked", "takes": "partner"}.get(match[1], was)
            said = dict(word.split("=", 1) for word in (match[2] or "").split())
            stage.relist(match[3], kind, said)
            stage.settle()
            return
        if line == "the gateway is stopping":
            stage.driver.leave()
            stage.settle()
            return
        scenes = "sends:|receives:|receives nothing|is down|is up|is out of reach|is idle|is silent|is attentive"
        match = re.fullmatch(rf"(\S+) ({scenes})", line)
        assert match, f"not a scene: {line!r}"
        actor = stage.actors[match[1]]
        what = match[2]
        if what == "sends:":
            (self._send_sip if actor.protocol == "sip" else self._send_xmpp)(actor, block)
            stage.settle()
        elif what == "receives:":
            assert actor.inbox, f"{actor.name} received nothing"
            data = actor.inbox.popleft()
            (self._match_sip if actor.protocol == "sip" else self._match_xmpp)(block, data)
        elif what == "receives nothing":
            assert not actor.inbox, f"{actor.name} received:\n{_show(actor.inbox[0])}"
        elif what in ("is down", "is up"):
            stage.goes(actor, what == "is down")
            stage.settle()
        elif what == "is out of reach":
            actor.unreached = []
        elif what == "is idle":
            stage.idles(actor)
            stage.settle()
        else:
            actor.silent = what == "is silent"

    # --- sending

    def _fill(self, text: str) -> str:
        return re.sub(r"\{([a-z-]+)\}", lambda m: self.bound[m[1]], text)

    def _send_sip(self, actor: Actor, block: str) -> None:
        head, _, body = self._fill(block).partition("\n\n")
        lines = head.splitlines()
        given = {line.partition(":")[0].strip().lower() for line in lines[1:]}
        number = next(self.fresh)
        filled: list[str] = []
        if lines[0].startswith("SIP/2.0"):
            wanted = re.search(r"^CSeq: .*", head, re.M)
            method = wanted[0].split()[-1] if wanted else ""
            call = re.search(r"^Call-ID: (.*)", head, re.M)
            candidates = [r for r in reversed(actor.requests) if not method or r.method == method]
            request = next(r for r in candidates if not call or r.call_id == call[1])
            for name in ("Via", "From", "To", "Call-ID", "CSeq"):
                if name.lower() not in given:
                    value = request.headers.get(name.lower())
                    assert value is not None
                    if name == "To" and ";tag=" not in value and not lines[0].startswith("SIP/2.0 100"):
                        value += f";tag={actor.name}"
                    filled.append(f"{name}: {value}")
        else:
            method = lines[0].split()[0]
            defaults = {
                "Via": f"SIP/2.0/TLS {actor.name}.example:5061;branch=z9hG4bK{actor.name}{number}",
                "Max-Forwards": "70",
                "Call-ID": f"call{number}@{actor.name}",
                "CSeq": f"{number} {method}",
            }
            if method in ("SUBSCRIBE", "NOTIFY", "INVITE"):
                defaults["Contact"] = f"<sip:{actor.name}.example:5061;transport=tls>"
            filled = [f"{name}: {value}" for name, value in defaults.items() if name.lower() not in given]
        payload = body.replace("\n", "\r\n").encode()
        rows = [lines[0], *filled, *lines[1:], f"Content-Length: {len(payload)}"]
        messages = Framer().feed("\r\n".join([*rows, "", ""]).encode() + payload)
        assert len(messages) == 1 and isinstance(messages[0], Request | Response), f"the transcript's own: {messages}"
        self.stage.driver.sip_received(actor, messages)

    def _send_xmpp(self, actor: Actor, block: str) -> None:
        parser = StreamParser(max_stanza=100_000)
        events = list(parser.feed((STREAM + self._fill(block)).encode()))
        stanzas = [parse_stanza(element) for element in events[1:]]
        self.stage.driver.stanzas_received(actor, stanzas)

    # --- matching

    def _matches(self, pattern: str, text: str) -> bool:
        names: list[str] = []
        expression = ""
        for part in re.split(r"(\{[a-z-]+\})", pattern):
            name = part[1:-1] if part.startswith("{") and part.endswith("}") else ""
            if not name:
                expression += re.escape(part)
            elif name == "any":
                expression += ".*?"
            elif name in self.bound:
                expression += re.escape(self.bound[name])
            else:
                names.append(name)
                expression += "(.*?)"
        match = re.fullmatch(expression, text, re.S)
        if match:
            self.bound.update(zip(names, match.groups(), strict=True))
        return match is not None

    def _match_sip(self, block: str, data: bytes) -> None:
        head, _, body = block.partition("\n\n")
        lines = head.splitlines()
        message = sip_message(data)
        start = data.split(b"\r\n", 1)[0].decode()
        assert self._matches(lines[0], start), f"expected {lines[0]!r}, received:\n{_show(data)}"
        for line in lines[1:]:
            name, _, value = line.partition(":")
            rows = message.headers.rows(name.strip().lower())
            if value.strip() == "{none}":
                assert not rows, f"{name} should not be there:\n{_show(data)}"
                continue
            assert any(self._matches(value.strip(), row) for row in rows), f"{line!r} does not match:\n{_show(data)}"
        if body:
            if body.lstrip().startswith("<"):
                self._match_element(ElementTree.fromstring(body), ElementTree.fromstring(message.body), _show(data))
            else:
                text = message.body.decode().replace("\r\n", "\n")
                assert self._matches(body, text), f"expected the body {body!r}, received:\n{_show(data)}"

    def _match_xmpp(self, block: str, data: bytes) -> None:
        wrap = "<x xmlns:stream='http://etherx.jabber.org/streams'>{}</x>"
        received = ElementTree.fromstring(wrap.format(data.decode()))[0]
        if received.get("type") == "error":  # whoever sees it is told what has happened
            text = received.find(f"error/{{{NS_STANZA_ERRORS}}}text")
            assert text is not None and text.text and text.get(LANG) == "en", f"an error without a text:\n{_show(data)}"
        self._match_element(ElementTree.fromstring(wrap.format(block))[0], received, _show(data))

    def _match_element(self, expected: ElementTree.Element, received: ElementTree.Element, shown: str) -> None:
        """Attributes, text and children that are written must be there; other ones may."""
        name, _, namespace = expected.tag.rpartition("}")[::-1] if "}" in expected.tag else (expected.tag, "", "")
        tag = received.tag if namespace else received.tag.rpartition("}")[2]
        assert expected.tag == tag, f"expected <{name}>, received:\n{shown}"
        for attribute, value in expected.attrib.items():
            if value == "{none}":
                assert attribute not in received.attrib, f"{attribute} should not be there:\n{shown}"
                continue
            found = received.attrib.get(attribute)
            assert found is not None and self._matches(value, found), f"{attribute}={value!r} does not match:\n{shown}"
        text = (expected.text or "").strip()
        if text:
            assert self._matches(text, (received.text or "").strip()), f"text {text!r} does not match:\n{shown}"
        remaining = list(received)
        for child in expected:
            for position, candidate in enumerate(remaining):
                try:
                    self._match_element(child, candidate, shown)
                except AssertionError:
                    continue
                del remaining[: position + 1]
                break
            else:
                raise AssertionError(f"no <{child.tag}> as written in:\n{shown}")


def _show(data: bytes) -> str:
    return "\n".join("    " + line for line in data.decode("utf-8", "replace").replace("\r\n", "\n").splitlines())


def play(path: pathlib.Path) -> None:
    """Play the transcript in ``path``; raises `Diverged` with the line where it went another way."""
    Performance(path.read_text()).play()
