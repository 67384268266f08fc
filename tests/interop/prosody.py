"""A real XMPP server: Prosody, with s2s by SASL EXTERNAL, components, and a resolver of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from demo.authority import Issued
from tests.interop.process import Addresses, Process, accepts, need

NOWHERE = "127.0.0.1:1"  # who has no partners needs no resolver, but Prosody wants to be told of one
RESOLVER_LIBRARY = "/usr/lib/*/lua/*/lunbound.so"  # without it Prosody knows the system's resolver only

CONFIGURATION = """
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
plugin_paths = {{}}
log = {{ debug = "*console" }}
interfaces = {{ "{address}" }}
c2s_ports = {{ {c2s} }}
s2s_ports = {{ {s2s} }}
c2s_direct_tls_ports = {{}}
s2s_direct_tls_ports = {{ {direct} }}
component_interfaces = {{ "{address}" }}
component_ports = {{ {component} }}

modules_enabled = {{
    "carbons", "disco", "ping", "roster", "saslauth", "smacks", "time", "tls", "uptime", "version", {modules}
}}
modules_disabled = {{ "offline" {disabled} }}
authentication = "internal_plain"
storage = "internal"
smacks_hibernation_time = 0

-- clients are on this machine's loopback and need no TLS; servers need it, with a certificate that proves their name
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_require_encryption = true
s2s_secure_auth = {secure_auth}
ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{ca}" }}

-- left to itself libunbound asks no server on a loopback address
unbound = {{
    resolvconf = false; hoststxt = false; forward = {{ "{forward}" }};
    options = {{ ["do-not-query-localhost:"] = "no" }};
}}

VirtualHost "{domain}"
"""

COMPONENT = """
Component "{name}"
    component_secret = "{secret}"
"""


class Prosody(Process):
    """One virtual host. Ports and address are known before the start, so that DNS can be told of them.

    ``accounts`` maps user names to passwords, ``components`` names to secrets, ``dns`` is "ADDRESS:PORT".
    """

    def __init__(self, folder: Path, addresses: Addresses, domain: str, certificate: Issued, ca: bytes) -> None:
        super().__init__("prosody", folder)
        self.domain = domain
        self.address = addresses.of(f"prosody {domain}")
        self.c2s, self.s2s, self.component, self.direct = (addresses.port(f"prosody {domain}") for _ in range(4))
        self._certificate, self._key = certificate.write(folder, "server")
        self._ca = folder / "ca.pem"
        self._ca.write_bytes(ca)

    def start(
        self,
        *,
        accounts: Mapping[str, str],
        components: Mapping[str, str] | None = None,
        dns: str = NOWHERE,
        modules: Sequence[str] = (),
        dialback: bool = False,
        secure_auth: bool = True,
        direct: bool = False,
        extra: str = "",
    ) -> Self:
        """``secure_auth``: a certificate is needed; ``direct``: there is a port for direct TLS."""
        program = need("prosody", RESOLVER_LIBRARY)
        stored = self.folder / "data" / escaped(self.domain) / "accounts"
        stored.mkdir(parents=True, exist_ok=True)
        for user, password in accounts.items():
            (stored / f"{escaped(user)}.dat").write_text(f'return {{ ["password"] = "{password}"; }};\n')
        text = CONFIGURATION.format(
            folder=self.folder,
            address=self.address,
            c2s=self.c2s,
            s2s=self.s2s,
            component=self.component,
            direct=self.direct if direct else "",
            secure_auth=str(secure_auth).lower(),
            modules=", ".join(f'"{name}"' for name in [*modules, *(["dialback"] if dialback else [])]),
            disabled="" if dialback else ', "dialback"',
            certificate=self._certificate,
            key=self._key,
            ca=self._ca,
            forward=dns.replace(":", "@"),
            domain=self.domain,
        )
        parts = [COMPONENT.format(name=name, secret=secret) for name, secret in (components or {}).items()]
        configuration = self.folder / "prosody.cfg.lua"
        configuration.write_text("".join([text, extra, *parts]))
        ports = [self.c2s, self.s2s, *([self.component] if components else []), *([self.direct] if direct else [])]
        self.launch(
            [program, "--config", configuration, "-F"],
            lambda: all(accepts(self.address, port) for port in ports),
        )
        return self


def escaped(name: str) -> str:
    """Prosody's file name for a user or host."""
    return "".join(c if c.isascii() and c.isalnum() else "".join(f"%{octet:02x}" for octet in c.encode()) for c in name)
