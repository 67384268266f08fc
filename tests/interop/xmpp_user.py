"""A real XMPP client under script: slixmpp in a thread, which sends what it is told and keeps what it receives."""

import asyncio
import threading
import time
from types import TracebackType
from typing import Self
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import slixmpp

LOGIN_WITHIN = 60.0  # seconds
EXPECTED_WITHIN = 40.0  # seconds, for whatever must come

Element = ElementTree.Element


class XmppUser:
    """``jid`` may be full. Nothing is answered or authorized on its own but what every client answers (IQs)."""

    def __init__(self, jid: str, password: str, address: str, port: int) -> None:
        self.jid = jid
        self._password = password
        self._server = address, port
        self._received: list[Element] = []
        self._contacts: dict[str, dict[str, tuple[str, str]]] = {}
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._failure = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"slixmpp {jid}", daemon=True)
        self._client: slixmpp.ClientXMPP | None = None

    # what it does

    def log_in(self, *, available: bool = True) -> Self:
        """Connect, authenticate, fetch the roster and (by default) become available."""
        self._thread.start()
        assert self._ready.wait(LOGIN_WITHIN), f"{self.jid} did not log in"
        assert not self._failure, f"{self.jid} did not log in: {self._failure}"
        if available:
            self.presence()
            self.expect("presence", from_=self.jid)
        return self

    def send(self, xml: str) -> None:
        """Send a stanza as it stands."""
        assert self._client is not None
        self._loop.call_soon_threadsafe(self._client.send_raw, xml)

    def message(self, to: str, body: str, *, type: str = "chat", id: str = "", more: str = "") -> None:
        self.send(f"<message{attributes(to=to, type=type, id=id)}><body>{escape(body)}</body>{more}</message>")

    def presence(self, to: str = "", *, type: str = "", show: str = "", status: str = "", priority: str = "") -> None:
        children = {"show": show, "status": status, "priority": priority}
        content = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in children.items() if text)
        self.send(f"<presence{attributes(to=to, type=type)}>{content}</presence>")

    def log_out(self) -> None:
        """Close the stream and end the thread. Harmless when that has been done."""
        if self._client is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._client.disconnect)
            self._thread.join(LOGIN_WITHIN)
            assert not self._thread.is_alive(), f"{self.jid} did not log out"

    # what it sees

    def expect(self, kind: str, *, seconds: float = EXPECTED_WITHIN, **wanted: str) -> Element:
        """Wait for a stanza and take it out of those received, in any order.

        ``wanted`` are its attributes (``from_``, a bare JID matches every resource) and the texts of its children;
        "" is for one that is not there.
        """
        with self._changed:
            deadline = time.monotonic() + seconds
            while True:
                for stanza in self._received:
                    if matches(stanza, kind, wanted):
                        self._received.remove(stanza)
                        return stanza
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    seen = "\n".join(ElementTree.tostring(stanza, "unicode") for stanza in self._received)
                    raise AssertionError(f"{self.jid} got no {kind} with {wanted} within {seconds} s, but:\n{seen}")

    def expect_nothing(self, kind: str, *, seconds: float, **wanted: str) -> None:
        """Wait and make sure that no such stanza comes."""
        try:
            found = self.expect(kind, seconds=seconds, **wanted)
        except AssertionError:
            return
        raise AssertionError(f"{self.jid} got {ElementTree.tostring(found, 'unicode')}")

    def sees(self, contact: str) -> dict[str, tuple[str, str]]:
        """The available resources of a contact with their show and status, as the user's client would list them."""
        with self._changed:
            return dict(self._contacts.get(contact, {}))

    def bodies(self) -> list[str]:
        """The texts of all messages that came and that nobody has waited for."""
        with self._changed:
            messages = [stanza for stanza in self._received if matches(stanza, "message", {})]
        return [stanza.findtext("{*}body", "") for stanza in messages]

    def errors(self) -> list[str]:
        """The ids of the messages that have come back and that nobody has waited for."""
        with self._changed:
            return [each.get("id", "") for each in self._received if matches(each, "message", {"type": "error"})]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log_out()

    # in the thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        in_the_clear = {"feature_mechanisms": {"unencrypted_scram": True}}
        client = self._client = slixmpp.ClientXMPP(self.jid, self._password, plugin_config=in_the_clear)
        client.enable_plaintext, client.enable_starttls, client.enable_direct_tls = True, False, False
        client.auto_authorize = None
        client.auto_subscribe = False
        for plugin in ("xep_0030", "xep_0092", "xep_0199"):
            client.register_plugin(plugin)
        client.add_filter("in", self._keep)
        client.add_event_handler("session_start", self._started)
        for event in ("failed_all_auth", "connection_failed"):
            client.add_event_handler(event, self._failed)
        client.add_event_handler("disconnected", lambda _: self._loop.stop())
        client.connect(*self._server)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _started(self, _: object) -> None:
        assert self._client is not None
        await self._client.get_roster()
        self.jid = self._client.boundjid.full
        self._ready.set()

    def _failed(self, reason: object) -> None:
        self._failure = str(reason)
        self._ready.set()

    def _keep(self, stanza: slixmpp.stanza.rootstanza.RootStanza) -> slixmpp.stanza.rootstanza.RootStanza:
        if isinstance(stanza, slixmpp.Message | slixmpp.Presence | slixmpp.Iq):
            with self._changed:
                self._received.append(stanza.xml)
                self._list(stanza.xml)
                self._changed.notify_all()
        return stanza

    def _list(self, stanza: Element) -> None:
        if not matches(stanza, "presence", {}) or stanza.get("type", "") not in ("", "unavailable"):
            return
        contact, _, resource = stanza.get("from", "").partition("/")
        listed = self._contacts.setdefault(contact, {})
        if not stanza.get("type"):
            listed[resource] = stanza.findtext("{*}show", ""), stanza.findtext("{*}status", "")
        elif resource:
            listed.pop(resource, None)
        else:
            listed.clear()


def matches(stanza: Element, kind: str, wanted: dict[str, str]) -> bool:
    if stanza.tag.rpartition("}")[2] != kind:
        return False
    for name, value in wanted.items():
        if name == "from_":
            sender = stanza.get("from", "")
            if value not in (sender, sender.partition("/")[0]):
                return False
        elif name in ("to", "type", "id"):
            if stanza.get(name, "") != value:
                return False
        elif stanza.findtext(f"{{*}}{name}", "") != value:
            return False
    return True


def attributes(**given: str) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in given.items() if value)
