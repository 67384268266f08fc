"""How tests with certificates are named."""

import pytest


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Keys are made afresh in each process, and processes that share the tests have to call them alike."""
    return argname if isinstance(val, bytes) else None
