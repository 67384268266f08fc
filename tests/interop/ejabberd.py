"""A real XMPP server: ejabberd, with s2s by SASL EXTERNAL, components, and a DNS server of its own.

It runs as an Erlang node without a name: no epmd, no cookie, and nothing outside of its folder. SRV records it asks
of the DNS server that it is told; host names it asks of the system, which knows nothing of the tests, so the target
of an SRV record for it is an IP address.
"""

from collections.abc import Mapping
from glob import glob
from pathlib import Path
from typing import Self

from demo.authority import Issued
from tests.interop.process import STARTS_WITHIN, Addresses, Process, accepts, need, wait_until
from tests.interop.prosody import NOWHERE

APPLICATION = "/usr/lib/*/ejabberd-*/ebin/ejabberd.app"
READY = "accounts are there"

CONFIGURATION = """
hosts: ["{domain}"]
loglevel: {loglevel}
hide_sensitive_log_data: false
certfiles: ["{certificate}", "{key}"]
ca_file: "{ca}"

listen:
  # clients are on this machine's loopback and need no TLS
  - {{port: {c2s}, ip: "{address}", module: ejabberd_c2s}}
  - {{port: {s2s}, ip: "{address}", module: ejabberd_s2s_in}}
{direct}{components}

auth_password_format: plain
s2s_use_starttls: required
s2s_max_retry_delay: 1  # seconds; a server that was down is tried again at once
outgoing_s2s_families: [ipv4]

modules:
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
{dialback}  mod_stream_mgmt: {{resume_timeout: 0}}
  mod_time: {{}}
  mod_version: {{}}
"""

DIRECT = """  - {{port: {port}, ip: "{address}", module: ejabberd_s2s_in, tls: true}}
"""
DIALBACK = """  mod_s2s_dialback: {}
"""

# no ``hosts``: all that are listed at one port would be registered for each component that connects there
COMPONENTS = """  - {{port: {port}, ip: "{address}", module: ejabberd_service, password: "{secret}"}}"""

# the same as the manual of ejabberd has it
COMPONENTS_BY_HOST = """  - port: {port}
    ip: "{address}"
    module: ejabberd_service
    hosts: {{{hosts}}}"""

# no /etc/resolv.conf: for SRV records there is our DNS server only
RESOLVER = '{resolv_conf, ""}.\n{hosts_file, ""}.\n{lookup, [dns]}.\n'


class Ejabberd(Process):
    """One virtual host. Ports and address are known before the start, so that DNS can be told of them.

    ``accounts`` maps user names to passwords, ``components`` names to their secret, the same for all;
    ``dns`` is "ADDRESS:PORT".
    """

    def __init__(self, folder: Path, addresses: Addresses, domain: str, certificate: Issued, ca: bytes) -> None:
        super().__init__("ejabberd", folder)
        self.domain = domain
        self.address = addresses.of(f"ejabberd {domain}")
        self.c2s, self.s2s, self.component, self.direct = (addresses.port(f"ejabberd {domain}") for _ in range(4))
        self._certificate, self._key = certificate.write(folder, "server")
        self._ca = folder / "ca.pem"
        self._wish = folder / "write"
        self._ca.write_bytes(ca)

    def start(
        self,
        *,
        accounts: Mapping[str, str],
        components: Mapping[str, str] | None = None,
        dns: str = NOWHERE,
        dialback: bool = False,
        direct: bool = False,
    ) -> Self:
        """``direct``: there is a port for direct TLS."""
        program = need("erl", APPLICATION)
        libraries = Path(glob(APPLICATION)[0]).parents[2]
        configuration, resolver = self.folder / "ejabberd.yml", self.folder / "inetrc"
        configuration.write_text(
            CONFIGURATION.format(
                domain=self.domain,
                loglevel="debug",
                address=self.address,
                c2s=self.c2s,
                s2s=self.s2s,
                components="\n".join(self._listeners(components or {})),
                direct=DIRECT.format(port=self.direct, address=self.address) if direct else "",
                dialback=DIALBACK if dialback else "",
                certificate=self._certificate,
                key=self._key,
                ca=self._ca,
            )
        )
        resolver.write_text(RESOLVER)
        environment = {
            "EJABBERD_CONFIG_PATH": str(configuration),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd-own.log"),
            "ERL_INETRC": str(resolver),
            "ERL_LIBS": str(libraries),
            "ERL_CRASH_DUMP_SECONDS": "0",  # no dump
            "HOME": str(self.folder),
        }
        server, port = dns.split(":")
        before = f"inet_db:add_ns({{{server.replace('.', ',')}}}, {port})."
        made = "".join(
            f'ejabberd_auth:try_register(<<"{user}">>, <<"{self.domain}">>, <<"{password}">>), '
            for user, password in accounts.items()
        )
        wish = f'"{self._wish}"'
        write = f"case filelib:is_file({wish}) of true -> mnesia:sync_log(), file:delete({wish}); false -> ok end"
        after = f'{made}spawn(fun Write() -> timer:sleep(50), {write}, Write() end), io:format("{READY}~n").'
        ports = [self.c2s, self.s2s, *([self.component] if components else []), *([self.direct] if direct else [])]
        starts = self._starts()
        self.launch(
            [
                *("env", *(f"{name}={value}" for name, value in environment.items()), program),
                *("+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"),  # who waits must not keep a core busy
                *("-noinput", "-mnesia", "dir", f'"{self.folder / "data"}"'),
                *("-eval", before, "-s", "ejabberd", "-eval", after),
            ],
            lambda: self._starts() > starts and all(accepts(self.address, port) for port in ports),
        )
        return self

    def writes(self) -> None:
        """Have on disk what it has told anybody: by itself it takes a second or two, and a kill is sooner."""
        self._wish.touch()
        wait_until(lambda: not self._wish.exists(), "it is written", STARTS_WITHIN)

    def _listeners(self, components: Mapping[str, str]) -> list[str]:
        return [
            COMPONENTS.format(port=self.component, address=self.address, secret=secret)
            for secret in set(components.values())
        ]

    def _starts(self) -> int:
        return self.log.read_text(errors="replace").count(f"\n{READY}\n") if self.log.exists() else 0


class EjabberdByTheManual(Ejabberd):
    """One listener with a list of all components: each of their connections is sent what is for any of them."""

    def _listeners(self, components: Mapping[str, str]) -> list[str]:
        hosts = ", ".join(f'"{name}": {{password: "{secret}"}}' for name, secret in components.items())
        return [COMPONENTS_BY_HOST.format(port=self.component, address=self.address, hosts=hosts)]
