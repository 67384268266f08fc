"""What Microsoft clients and edges put on the wire: header lines, bodies, and a few whole messages in their dialect.

Nothing of the gateway is imported, so that a peer made of these shapes cannot share a misreading with it. The values
are made up; the shapes are those of published traces and specifications.
"""

import base64
from xml.sax.saxutils import escape, quoteattr

CLIENT = "10.1.1.5"  # the private address of a client, which nobody outside can reach
LYNC = "UCCAPI/16.0.4266.1001 OC/16.0.4266.1001 (Skype for Business)"
ALLOW = "INVITE, BYE, ACK, CANCEL, INFO, MESSAGE, UPDATE, REFER, NOTIFY, BENOTIFY"
OPTIONS_OF_INVITE = (
    *("ms-dialog-route-set-update", "timer", "histinfo", "ms-safe-transfer", "ms-sender", "ms-early-media"),
    *("ms-conf-invite", "com.microsoft.rtc-multiparty", "ms-embedded-first-message", "ms-delayed-accept"),
    *("ms-renders-gif", "ms-renders-isf", "ms-renders-mime-alternative"),
)
ACCEPT_TYPES = (
    "text/plain multipart/alternative image/gif text/rtf text/html application/x-ms-ink application/ms-imdn+xml "
    "text/x-msmsgsinvite "  # the blank at the end occurs
)
ACCEPT_OF_SUBSCRIBE = (
    "application/msrtc-event-categories+xml, text/xml+msrtc.pidf, application/xpidf+xml, application/pidf+xml, "
    "application/rlmi+xml, multipart/related"
)
ACCEPT_OF_LCS = "application/xpidf+xml, text/xml+msrtc.pidf, application/pidf+xml"
LIST_TYPE = "application/msrtc-adrl-categorylist+xml"
PIDF_TYPE = "application/pidf+xml"
RTF = r"{\rtf1\fbidis\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Segoe UI;}}{\colortbl ;\red0\green0\blue0;}"
SAME_CONVERSATION = (
    '52035;reason="The client has an IM session with the same conversation ID";AppInfo="Session already exists"'
)
USER_ENDED = '51004;reason="Action initiated by user"'
PROXIED = '13004;reason="Request was proxied to one or more registered endpoints";source="{}";appName="InboundRouting"'
ROUTING = '25008;reason="Attempting to route to Primary Pool";source="{}";appName="InterClusterRouting"'
TRUSTED = (
    "ms-source-type=AutoFederation;ms-ep-fqdn={};ms-source-verified-user=verified;ms-source-network=federation"
)
VERIFIED = "ms-source-verified-user=verified"

AUDIO_TYPE = 'multipart/alternative;boundary="----=_NextPart_000_0026_01CB92C1.1E5B5F30"'
FILE_TYPE = 'multipart/mixed;boundary="----=_NextPart_000_0075_01CB92C1.0ABB4E20"'
MEETING_TYPE = "application/ms-conf-invite+xml"
FOCUS_TYPE = "application/cccp+xml"


def signature(seed: str, length: int) -> str:
    """Letters that look like a signature: always the same for the same ``seed``."""
    letters = base64.urlsafe_b64encode(seed.encode()).decode().rstrip("=")
    return (letters * (length // len(letters) + 1))[:length]


def record_routes(edge: str, front_end: str, seed: str) -> list[str]:
    """The two hops between a client and its partners, the one at the partner's side first."""
    return [
        f"<sip:{edge};transport=tls;ms-fe={front_end};opaque=state:T:F:Ci.R{seed[:6]};lr;"
        f"ms-key-info={signature(seed + edge, 230)};ms-route-sig={signature(seed + 'route', 44)}>;tag={seed.upper()}",
        f"<sip:{front_end}:5061;transport=tls;opaque=state:F:Ci.R{seed[-6:]};lr;ms-role-rs-from;ms-role-rs-to;"
        f"ms-ent-dest;ms-identity={signature(seed + front_end, 180)};ms-rrsig={signature(seed + 'rr', 60)};"
        f"ms-route-sig={signature(seed + 'sig', 44)}>;tag={signature(seed, 32).upper()}",
    ]


def gruu(user: str, endpoint: str = "AbCdEf0123456789AbCdEgAA") -> str:
    """A contact without the address of any host; ``user`` is "sip:alice@contoso.example"."""
    return f"{user};opaque=user:epid:{endpoint};gruu"


def offer(address: str = CLIENT, media: str = "m=message 5060 sip null", types: str = ACCEPT_TYPES) -> str:
    lines = ["v=0", f"o=- 0 0 IN IP4 {address}", "s=session", f"c=IN IP4 {address}", "t=0 0", media]
    return "".join(f"{line}\r\n" for line in [*lines, f"a=accept-types:{types}"])


def format_of(body_type: str, text: str) -> str:
    """The value of ms-text-format and ms-im-format: a whole first message in a header."""
    style = f";msgr={decoration()}" if body_type == "text/plain" else ""
    return f"{body_type}; charset=UTF-8{style};ms-body={base64.b64encode(text.encode()).decode()}"


def decoration() -> str:
    """The value of the parameter msgr: font and colour, without the padding of its base64."""
    text = "X-MMS-IM-Format: FN=MS%20Shell%20Dlg; EF=; CO=0; CS=0; PF=0\r\n\r\n"
    return base64.b64encode(text.encode("utf-16-le")).decode().rstrip("=")


def typing(status: str = "type") -> str:
    return f'<?xml version="1.0"?><KeyboardActivity><status status="{status}" /></KeyboardActivity>'


def alternative(text: str, boundary: str = "NextPart_1") -> tuple[str, str]:
    """Content-Type and body of one message written in two ways."""
    parts = (("text/plain; charset=UTF-8", text), ("text/html; charset=UTF-8", f"<DIV>{escape(text)}\r\n</DIV>"))
    written = [f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n{content}\r\n" for kind, content in parts]
    return f'multipart/alternative;boundary="{boundary}"', "".join([*written, f"--{boundary}--\r\n"])


def one_contact(uri: str) -> str:
    """The body of a SUBSCRIBE for one contact whom the own server cannot serve."""
    names = "".join(f'<category name="{name}"/>' for name in ("calendarData", "contactCard", "note", "state"))
    return (
        '<batchSub xmlns="http://schemas.microsoft.com/2006/01/sip/batch-subscribe" uri="sip:alice@contoso.example"'
        f' name=""><action name="subscribe" id="63792024"><adhocList><resource uri={quoteattr(uri)}/></adhocList>'
        '<categoryList xmlns="http://schemas.microsoft.com/2006/09/sip/categorylist">'
        f"{names}</categoryList></action></batchSub>"
    )


def document(entity: str, activity: str, name: str) -> str:
    """Presence as these servers write it for others; ``activity`` is online, busy, away or offline."""
    basic = "closed" if activity == "offline" else "open"
    doing = f"<ep:activities><ep:activity>{activity}</ep:activity></ep:activities>"
    return (
        '<?xml version="1.0" encoding="utf-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:ep="urn:ietf:params:xml:ns:pidf:status:rpid-status" xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid"'
        f' entity={quoteattr(entity)}><tuple id="0"><status><basic>{basic}</basic>'
        f"{doing if activity in ('busy', 'away') else ''}</status></tuple>"
        f"<ci:display-name>{escape(name)}</ci:display-name></presence>"
    )


def call() -> str:
    """The body of `AUDIO_TYPE`: a call, offered to old clients and to new ones."""
    audio = (
        f"v=0\r\no=- 0 0 IN IP4 {CLIENT}\r\ns=session\r\nc=IN IP4 {CLIENT}\r\nb=CT:99980\r\nt=0 0\r\n"
        "m=audio 50012 RTP/AVP 114 9 0 8 97 101\r\na=rtpmap:114 x-msrta/16000\r\na=rtpmap:0 PCMU/8000\r\n"
    )
    fallback = "session; handling=optional; ms-proxy-2007fallback"
    parts = [
        f"Content-Type: application/sdp\r\nContent-Disposition: {fallback}\r\n\r\n{audio}\r\n",
        f"Content-Type: application/sdp\r\n\r\n{audio}a=candidate:1 1 UDP 2130706431 {CLIENT} 50012 typ host\r\n",
    ]
    return in_parts(AUDIO_TYPE, parts)


def file_transfer() -> str:
    """The body of `FILE_TYPE`."""
    request = (
        '<request xmlns="http://schemas.microsoft.com/rtc/2009/05/filetransfer" requestId="1"><publishFile>'
        "<fileInfo><id>{4F7B9D22}</id><name>love letter.txt</name><size>1597</size></fileInfo></publishFile></request>"
    )
    description = f"{offer().partition('m=')[0]}m=data 6891 TCP/FT *\r\na=recvonly\r\n"
    parts = [
        f"Content-Type: application/sdp\r\n\r\n{description}",
        f"Content-Type: application/ms-filetransfer+xml\r\n\r\n{request}\r\n",
    ]
    return in_parts(FILE_TYPE, parts)


def meeting(subject: str = "Balcony") -> str:
    """The body of `MEETING_TYPE`."""
    focus = "sip:alice@contoso.example;gruu;opaque=app:conf:focus:id:1B6F8F7C"
    return (
        '<Conferencing version="2.0"><focus-uri>'
        f'{focus}</focus-uri><subject>{escape(subject)}</subject><im available="true"/></Conferencing>'
    )


def focus() -> str:
    """The body of `FOCUS_TYPE`."""
    return '<request xmlns="urn:ietf:params:xml:ns:cccp" requestId="0"><addUser/></request>'


def in_parts(content_type: str, parts: list[str]) -> str:
    boundary = content_type.partition('boundary="')[2].rstrip('"')
    return "".join(f"--{boundary}\r\n{part}" for part in parts) + f"--{boundary}--\r\n"


# whole messages, for those who read them


def invite(text: str = "hello", target: str = "sip:juliet@xmpp.example", *, claimed_twice: bool = True) -> bytes:
    """A first message as Skype for Business sends it: lines of a kind apart, one of them folded, names in any case."""
    edge, inner = record_routes("sip.contoso.example:5061", "fe01.contoso.example", "8f3c2a1e")
    formats = [f"ms-im-format: {format_of('text/html', text)}", f"ms-im-format: {format_of('text/rtf', RTF)}"]
    return message(
        f"INVITE {target} SIP/2.0",
        [
            f"Record-Route: {edge}",
            "Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK5D3C2B1A.9F8E7D6C.5B4A3928;branched=TRUE"
            ';ms-internal-info="aQ+/x=="',
            "Max-Forwards: 68",
            "Via: SIP/2.0/TLS 10.0.0.20:52011;branch=z9hG4bK1A2B3C4D;branched=FALSE"
            ";ms-received-port=52011;ms-received-cid=1E00",
            f"Record-Route: {inner}",
            f"Via: SIP/2.0/TLS {CLIENT}:50123;ms-received-port=50123;ms-received-cid=1A00",
            'From: "Alice"\r\n <sip:alice@contoso.example>;tag=a1b2c3d4e5;epid=0123456789',
            f"To: <{target}>",
            "Call-ID: 9f8e7d6c5b4a39281706f5e4d3c2b1a0",
            "CSeq: 1 INVITE",
            f"Contact: <{gruu('sip:alice@contoso.example')}>",
            f"User-Agent: {LYNC}",
            *(f"Supported: {tag}" for tag in OPTIONS_OF_INVITE),
            "Supported: ms-text-format",
            f"ms-text-format: {format_of('text/plain', text)}",
            *(formats if claimed_twice else []),
            "Ms-Conversation-ID: AdLDpBkWbm9yZWFsaWQ=",
            "Roster-Manager: sip:alice@contoso.example",
            f"EndPoints: <sip:alice@contoso.example>, <{target}>",
            "ms-keep-alive: UAC;hop-hop=yes",
            f"ms-edge-proxy-message-trust: {TRUSTED.format('sip.contoso.example')}",
            f"Allow: {ALLOW}",
            "CONTENT-TYPE: application/sdp;call-type=im",
        ],
        offer(),
    )


def message(start: str, lines: list[str], body: str = "") -> bytes:
    """Put together, with Content-Length somewhere in the middle."""
    octets = body.encode()
    lines = [*lines[:3], f"Content-Length: {len(octets)}", *lines[3:]]
    return "\r\n".join([start, *lines, "", ""]).encode() + octets
