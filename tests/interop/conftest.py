"""What every test among real peers starts from: an authority that all trust, and addresses that nobody else uses."""

import pytest

from demo.authority import Authority
from tests.interop.process import Addresses


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("Interop CA")


@pytest.fixture(scope="session")
def addresses() -> Addresses:
    return Addresses()
