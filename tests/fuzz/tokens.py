"""Words of the grammars that are fuzzed. In an input they may stand anywhere."""

XML = (
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b'&b;', b'&#0;', b'&#x110000;', b'&#xD800;', b'&amp;', b'<![CDATA[', b']]>',
    b'<!--', b'-->', b'<?x ?>', b"xmlns=''", b"xmlns='urn:x'", b"xmlns:a='urn:x'", b'<a:b/>', b"xml:lang='de'", b'/>',
    b'</', b"<x>" * 70,
)

STREAM = (
    *XML, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", b'</stream:stream>', b'<message', b'<presence/>',
    b"<iq type='get'/>", b"type='error'",
    b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>", b"<r xmlns='urn:xmpp:sm:3'/>",
    b"<db:result from='verona.example' to='house.example'>k</db:result>", b"type='valid'", b"type='invalid'",
    b"<db:verify id='1' from='verona.example' to='house.example'>k</db:verify>", b"<enable xmlns='urn:xmpp:sm:3'/>",
    b"<a xmlns='urn:xmpp:sm:3' h='1'/>", b"from='a@b@c'", b"to=''", b'<stream:error/>',
    b"<bidi xmlns='urn:xmpp:bidi'/>",
)

SIP_WORDS = (
    b'INVITE', b'ACK', b'CANCEL', b'SUBSCRIBE', b'NOTIFY', b'SIP/2.0', b'\r\nContent-Length: ', b'\r\nl: 5', b'\r\n ',
    b'\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1', b'\r\nTo: ', b'\r\nFrom: <sip:a@b>;tag=1', b'\r\nContact: *',
    b'\r\nContact: <sip:a@b>', b'sips:', b'tel:', b'sip:', b';tag=', b';branch=', b'z9hG4bK', b'<sip:x@y;lr>',
    b'\r\nRequire: 100rel', b'\r\nEvent: presence;id=1', b'\r\nSubscription-State: terminated;reason=x;retry-after=1',
    b'\r\nContent-Type: multipart/mixed;boundary=b', b'\r\n--b\r\n', b'\r\n--b--', b'[::1]', b'application/sdp',
    b'"\\"', b'\r\nExpires: ',
)

PARTS = (
    b'--b', b'--b--', b'\r\n--b\r\n', b'Content-Type: text/plain\r\n', b'Content-Type: text/html\r\n',
    b'Content-Type: text/rtf\r\n', b'Content-Type: message/cpim\r\n', b'Content-Type: multipart/mixed;boundary=b\r\n',
    b'Content-Transfer-Encoding: base64\r\n', b'Content-Transfer-Encoding: quoted-printable\r\n',
    b'Content-Disposition: inline;handling=optional\r\n', b'charset=utf-16', b'=3D', b'====',
)

CPIM = (
    *PARTS, b'From: <im:a@b>\r\n', b'To: ', b'DateTime: 2026-11-21T00:00:00Z\r\n',
    b'NS: imdn <urn:ietf:params:imdn>\r\n', b'imdn.Message-ID: 1\r\n',
    b'imdn.Disposition-Notification: positive-delivery\r\n', b'Subject:;lang=de x\r\n', b'\\u0000', b'\\ud800',
    b'cc: ',
)

RTF = (
    b'\\par ', b"\\'e4", b'\\u8364?', b'\\u-1', b'\\uc9', b'\\bin99 ', b'{\\*\\x ', b'{\\fonttbl', b'\\fcharset',
    b'\\ansicpg', b'\\f', b'\\~', b'\\rtf', b"{" * 300, b'}', b'\\pict', b'\\tab',
)

HTML = (
    b'<br>', b'<p>', b'</p>', b"<a href='javascript:x'>", b'<a href=http://x>', b'<script>', b'</script>', b'<!--',
    b'-->', b'<img src=x>', b"style='", b'&nbsp;', b'&#x41;', b'&#99999999;', b'&notin', b'<ul><li>', b'<![CDATA[',
    b'<?x', b'<b ', b'=', b'<blockquote>',
)

SDP = (
    b'v=0\r\n', b'm=message 5060 sip null\r\n', b'a=accept-types:', b'c=IN IP4 ', b'o=- 0 0 IN IP4 x\r\n', b's=-\r\n',
    b't=0 0\r\n', b'm=', b'a=',
)

DER = (
    b'0\x82', b'\x82', b'\x86', b'\xa0', b'\x0c', b'\x16', b'\x1e\x04\x00a\x00b', b'\x06\x03U\x1d\x11',
    b'\x06\x03U\x04\x03', b'*.', b'\x00', b'sip:',
)

TOML = (
    b'[[partner]]\n', b'[partner.tls]\n', b'[[inside]]\n', b'[edge]\n', b'= [', b']', b'"""', b"'", b'true', b'nan',
    b'inf', b'1979-05-27', b'{}', b'via = "xmpp"\n', b'hosts = "srv"\n', b'domains = ["*.x"]\n', b'\xff', b'.',
    b'name', b'[[blocked]]\n', b'[defaults]\n', b'[discovery]\n', b'1_0', b'0x7fffffffffffffffffff',
)

POSH = (
    b'{"fingerprints": [', b'{"sha-256": "', b'"sha-512": ', b'"expires": ', b'"url": "https://pool.example/"', b"]}",
    b"{}", b"null", b"true", b"-1", b"1e99", b"NaN", b"9" * 5000, b"\\ud800", b"A" * 43 + b"=",
)
