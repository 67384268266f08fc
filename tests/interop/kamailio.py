"""A real SIP edge: Kamailio as proxy, registrar and presence server, federated by mutual TLS.

Local users reach it over TCP. What they send to a domain it does not serve goes to the gateway over TLS; what comes
over TLS must come with a certificate of the right authority. `rpc` is its command interface.
"""

import json
import sqlite3
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket
from typing import Self

from demo.authority import Issued
from tests.interop.process import Addresses, Process, accepts, need

MODULES = "/usr/lib/*/kamailio/modules"
TABLES = Path("/usr/share/kamailio/db_sqlite")
RULES = 2  # the document type of presence rules in the xcap table

CONFIGURATION = """
debug=2
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
server_header="Server: federated edge"
disable_sctp=yes
enable_tls=yes
tcp_connection_lifetime=3605
tcp_accept_no_cl=no
listen=tcp:{address}:{local}
listen=tls:{address}:{tls}
alias="{domain}"

loadmodule "jsonrpcs.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "sanity.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "db_sqlite.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
loadmodule "tls.so"

modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", "{folder}/rpc")
modparam("tls", "config", "{folder}/tls.cfg")
modparam("usrloc", "db_mode", 0)
modparam("rr", "append_fromtag", 0)
modparam("presence", "db_url", "sqlite:///{folder}/presence.sqlite")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "notifier_processes", 0)
modparam("presence_xml", "db_url", "sqlite:///{folder}/presence.sqlite")
modparam("presence_xml", "force_active", {force_active})
modparam("presence_xml", "integrated_xcap_server", 1)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (!sanity_check("17895", "7")) {{ exit; }}
    if ($proto == "tls") xlog("L_NOTICE", "$rm $ru from $fu, certificate of $tls_peer_san_hostname\\n");

    if (has_totag()) {{
        if (loose_route()) {{
            if (is_method("NOTIFY|SUBSCRIBE")) record_route();
            route(RELAY);
        }}
        if (is_method("SUBSCRIBE") && uri == myself) route(PRESENCE);
        sl_send_reply("481", "Call/Transaction Does Not Exist");
        exit;
    }}
    if (is_method("OPTIONS") && uri == myself && $rU == $null) {{ sl_send_reply("200", "Alive"); exit; }}

    # a partner speaks to our users only
    if ($proto == "tls" && uri != myself) {{ sl_send_reply("403", "No Relaying"); exit; }}

    remove_hf("Route");
    if (is_method("SUBSCRIBE|INVITE")) record_route();
    if (uri != myself) {{
        $du = "sip:{gateway};transport=tls";
        route(RELAY);
    }}
    if (is_method("REGISTER")) {{ save("location"); exit; }}
    if (is_method("PUBLISH|SUBSCRIBE")) route(PRESENCE);
    if (!lookup("location")) {{ sl_send_reply("480", "Temporarily Unavailable"); exit; }}
    route(RELAY);
}}

route[RELAY] {{
    if (!t_relay()) sl_reply_error();
    exit;
}}

route[PRESENCE] {{
    if (!t_newtran()) {{ sl_reply_error(); exit; }}
    if (is_method("PUBLISH")) handle_publish();
    else handle_subscribe();
    t_release();
    exit;
}}
"""

TLS = """
[server:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {key}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes

[client:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {key}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes
"""

ALLOW = """<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">
  <rule id="one"><conditions><identity><one id="{watcher}"/></identity></conditions>
    <actions><pr:sub-handling>{handling}</pr:sub-handling></actions>
    <transformations><pr:provide-services><pr:all-services/></pr:provide-services></transformations></rule>
</ruleset>"""


class Kamailio(Process):
    """One SIP domain. `tls` is the port for the gateway, `local` the one for users."""

    def __init__(self, folder: Path, addresses: Addresses, domain: str, certificate: Issued, ca: bytes) -> None:
        super().__init__("kamailio", folder)
        self.domain = domain
        self.address = addresses.of(f"kamailio {domain}")
        self.local, self.tls = (addresses.port(f"kamailio {domain}") for _ in range(2))
        self.gateway = ""
        self._certificate, self._key = certificate.write(folder, "server")
        self._ca = folder / "ca.pem"
        self._ca.write_bytes(ca)

    def start(self, *, gateway: str = "127.0.0.1:1", everybody_may_watch: bool = True, extra: str = "") -> Self:
        """``gateway`` is the "ADDRESS:PORT" that requests to other domains go to.

        ``extra`` is put at the end of the configuration.
        Without ``everybody_may_watch`` a subscription is pending until `authorize` decides it.
        """
        modules = (f"{MODULES}/{name}.so" for name in ("tls", "presence", "presence_xml", "db_sqlite"))
        program = need("kamailio", *modules)
        self.gateway = gateway
        self._make_tables()
        configuration = self.folder / "kamailio.cfg"
        configuration.write_text(
            CONFIGURATION.format(
                folder=self.folder,
                address=self.address,
                local=self.local,
                tls=self.tls,
                domain=self.domain,
                gateway=gateway,
                force_active=int(everybody_may_watch),
            )
            + extra
        )
        names = {"certificate": self._certificate, "key": self._key, "ca": self._ca}
        (self.folder / "tls.cfg").write_text(TLS.format(**names))
        self.launch(
            [program, "-DD", "-E", "-f", configuration, "-m", "64", "-M", "8", "-w", self.folder, "-Y", self.folder],
            lambda: all(accepts(self.address, port) for port in (self.local, self.tls)) and self._answers(),
        )
        return self

    def resolves(self, name: str, address: str) -> None:
        """Let it know a host name: it asks the system's DNS only, which knows nothing of the tests."""
        self.rpc("dns.add_a", name, 86400, address, 0)  # 0 flags: it is a good answer

    def authorize(self, presentity: str, watcher: str, handling: str) -> None:
        """Set the presentity's rules ("allow", "block", "confirm") for one watcher and act on them at once."""
        user = presentity.partition(":")[2].partition("@")[0]
        document = ALLOW.format(watcher=watcher, handling=handling)
        with sqlite3.connect(self.folder / "presence.sqlite") as database:
            database.execute("delete from xcap where username = ?", (user,))
            database.execute(
                "insert into xcap (username, domain, doc, doc_type, etag, source, doc_uri, port)"
                " values (?, ?, ?, ?, 'e', 0, 'index', 0)",
                (user, self.domain, document, RULES),
            )
        database.close()
        self.rpc("presence.refreshWatchers", presentity, "presence", 0)

    def rpc(self, method: str, *parameters: object) -> object:
        """Call Kamailio's command interface; returns the result."""
        own = self.folder / "rpc-answers"
        own.unlink(missing_ok=True)
        with socket(AF_UNIX, SOCK_DGRAM) as asker:
            asker.settimeout(20)
            asker.bind(str(own))
            call = {"jsonrpc": "2.0", "id": 1, "method": method, **({"params": parameters} if parameters else {})}
            asker.sendto(json.dumps(call).encode(), str(self.folder / "rpc"))
            answer = json.loads(asker.recv(65536))
        assert "error" not in answer, answer
        return answer.get("result")

    def _answers(self) -> bool:
        try:
            return self.rpc("core.version") is not None
        except OSError:
            return False

    def _make_tables(self) -> None:
        path = self.folder / "presence.sqlite"
        if not path.exists():
            database = sqlite3.connect(path)
            for name in ("standard", "presence"):
                database.executescript((TABLES / f"{name}-create.sql").read_text())
            database.execute("pragma journal_mode = wal")  # or a PUBLISH locks others out, who then notify of nothing
            database.close()
