"""What hypothesis makes the tests of SIP values from."""

from hypothesis import settings
from hypothesis import strategies as st

from edge.sip.grammar import TOKEN, quote

MANY = settings(max_examples=200, deadline=None)  # a busy machine is no fault

TOKENS = st.text([chr(octet) for octet in range(128) if TOKEN.fullmatch(chr(octet))], min_size=1, max_size=12)
QUOTED = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).map(quote)
PARAMETERS = st.dictionaries(
    TOKENS.map(str.lower).filter(lambda name: name not in ("tag", "branch")),
    st.none() | TOKENS | QUOTED | st.sampled_from(["", "[2001:db8::1]", "a=b", "host.example:5061"]),
    max_size=4,
).map(lambda found: tuple(found.items()))
