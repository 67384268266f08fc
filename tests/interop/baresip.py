"""A real SIP softphone: Debian's baresip, registered over TCP at a proxy, which everything of its user goes through.

It is driven through its module ctrl_tcp (netstrings of JSON). What its user sees (messages, failures, the state of his
contacts) is what it prints, because this version tells ctrl_tcp of calls and registrations only.
"""

import json
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.interop.process import Addresses, Process, need, wait_until

MODULES = "/usr/lib/baresip/modules"
ANSWERS_WITHIN = 40.0  # seconds
REGISTERS_WITHIN = 60.0
LONGEST_TEXT = 240  # octets; more is cut off by ctrl_tcp, whose commands have 255
MESSAGE = re.compile(r'\r(sips?:[^\s;]+)(?:;\S+)?: "(.*?)"\n', re.DOTALL)
FAILURE = re.compile("^ \x1b\\[31m(.*)\x1b\\[;m$", re.MULTILINE)
CONTACT = re.compile("\x1b\\[\\d+m(\\w+)\x1b\\[;m .*<(sip:.*)>")

CONFIGURATION = """
poll_method epoll
net_interface {address}
ctrl_tcp_listen {address}:{control}
module_path {modules}
module stdio.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app presence.so
module_app ctrl_tcp.so
"""

# It publishes, and registers anew every 3 seconds (5 per cent of 60): else it would not notice a proxy's restart.
ACCOUNT = '<sip:{user}@{domain};transport=tcp>;outbound="sip:{proxy};transport=tcp";regint=60;rwait=5;pubint=600\n'


class Baresip(Process):
    """The phone of ``user``@``domain``. It writes to the first of its ``contacts`` ("sip:juliet@capulet.example").

    It subscribes to the presence of all of them. What it printed before a restart is kept.
    """

    def __init__(
        self, folder: Path, addresses: Addresses, user: str, domain: str, proxy: str, contacts: Sequence[str]
    ) -> None:
        super().__init__("baresip", folder)
        self.address_of_record = f"sip:{user}@{domain}"
        self._address = addresses.of("users")
        self._port = addresses.port("users")
        self._control: socket.socket | None = None
        self._account = ACCOUNT.format(user=user, domain=domain, proxy=proxy)
        self._contacts = "".join(f'"{contact}" <{contact}>;presence=p2p\n' for contact in contacts)
        os.mkfifo(folder / "keys")  # the keyboard: stdio takes no /dev/null

    def start(self) -> Self:
        """Start and wait until it is registered."""
        program = need("baresip", f"{MODULES}/ctrl_tcp.so")
        configuration = CONFIGURATION.format(address=self._address, control=self._port, modules=MODULES)
        (self.folder / "config").write_text(configuration)
        (self.folder / "accounts").write_text(self._account)
        (self.folder / "contacts").write_text(self._contacts)
        self.launch(["sh", "-c", f"exec {program} -f . <>keys"], self._connects)
        self.is_registered()
        return self

    def stop(self) -> None:
        super().stop()
        if self._control is not None:
            self._control.close()

    def is_registered(self) -> None:
        """Wait until it is."""
        wait_until(lambda: "OK" in self.command("reginfo"), f"{self.address_of_record} is registered", REGISTERS_WITHIN)

    # what its user does

    def message(self, text: str) -> None:
        assert len(text.encode()) <= LONGEST_TEXT
        self.command("message", text)

    def shows(self, online: bool) -> None:
        self.command("presence_online" if online else "presence_offline")

    def command(self, name: str, parameters: str = "") -> str:
        """Have a command carried out; returns what it says."""
        asked = {"command": name, **({"params": parameters} if parameters else {}), "token": "asked"}
        octets = json.dumps(asked, ensure_ascii=False).encode()
        assert self._control is not None
        self._control.sendall(b"%d:%s," % (len(octets), octets))
        while (answer := self._said()).get("token") != "asked":
            pass  # an event
        assert answer["ok"], answer
        return str(answer["data"])

    # what its user sees

    def texts(self, sender: str) -> list[str]:
        """All messages of one sender, as they were shown."""
        return [text.replace("\r\n", "\n") for who, text in MESSAGE.findall(self._printed()) if who == sender]

    def failures(self) -> list[str]:
        """What was said of messages that did not arrive, as in "404 Not Found"; it is not said of which."""
        return FAILURE.findall(self._printed())

    def sees(self, contact: str) -> str:
        """The state of a contact as its list has it: Online, Offline, Busy or Unknown."""
        return next(state for state, address in CONTACT.findall(self.command("contacts")) if address == contact)

    def _connects(self) -> bool:
        """Whether ctrl_tcp listens. It bears one connection at a time, and stumbles over the next."""
        try:
            self._control = socket.create_connection((self._address, self._port), timeout=ANSWERS_WITHIN)
        except OSError:
            return False
        self._received = self._control.makefile("rb")
        return True

    def _said(self) -> dict[str, object]:
        """The next answer or event."""
        length = b""
        while (octet := self._received.read(1)) != b":":
            assert octet, f"{self.address_of_record} has closed its control connection"
            length += octet
        said: dict[str, object] = json.loads(self._received.read(int(length)))
        assert self._received.read(1) == b","
        return said

    def _printed(self) -> str:
        with self.log.open(errors="replace", newline="") as log:
            return log.read()
