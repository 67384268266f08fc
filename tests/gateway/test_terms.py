"""Tests of `edge.gateway.terms`."""

import dataclasses

from edge.gateway.terms import encryption, formatted
from edge.partners import System

OFFICE = System("office", True, "xmpp", ())
CONTOSO = System("contoso", False, "sip", ())
JABBER = System("jabber", False, "xmpp", ())


def test_form_of_a_text_passes_if_no_partner_is_without_it() -> None:
    rich = dataclasses.replace(CONTOSO, html="xhtml")
    assert not formatted(OFFICE, CONTOSO)
    assert formatted(OFFICE, rich) and formatted(rich, OFFICE)
    assert not formatted(rich, JABBER)


def test_encrypted_message_is_treated_as_the_stricter_partner_says() -> None:
    mild = dataclasses.replace(CONTOSO, encrypted="fallback")
    assert encryption(OFFICE, CONTOSO) == "refuse"
    assert encryption(OFFICE, mild) == encryption(mild, OFFICE) == "fallback"
    assert encryption(JABBER, mild) == "refuse"
