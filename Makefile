# From a clean clone on Debian 12: `make run` shows the gateway at work, `make test` proves it.
# Everything goes into .venv; a second run of either is quick, because stamp files remember what was installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := prosody lua-unbound ejabberd kamailio kamailio-tls-modules kamailio-presence-modules kamailio-sqlite-modules \
	baresip-core dnsmasq-base openssl sip-tester stunnel4
DEMO_NAMES := edge.example.net xmpp.example sip.example

# compat: the default mode hides the twistd plugin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --config-settings editable_mode=compat

# where an environment forbids it, every process would compile everything anew
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test lint collected kills fuzz flood reloads bench peers clean

run: $(VENV)/.installed certs/edge.pem
	@$(BIN)/python -m demo

# tests/conftest.py says what belongs together and what goes first; the workers must agree on the order of sets
test: $(VENV)/.installed-for-tests peers
	@$(MAKE) --no-print-directory -j 2 lint collected
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest -n 4 --dist loadscope

lint: $(VENV)/.installed-for-tests
	@$(BIN)/ruff check .
	@$(BIN)/mypy --no-error-summary

# compiles the tests once, and not in each worker
collected: $(VENV)/.installed-for-tests
	@$(BIN)/python -m pytest --collect-only -qq > /dev/null || true # what is wrong there is told by those that run

# kills processes while everybody talks: 200 repetitions with each kind of link, ten minutes each
kills: $(VENV)/.installed-for-tests peers
	@EDGE_KILLS=200 $(BIN)/python -m pytest -s -n 0 tests/interop/test_kills.py

# parsers bear everything: so many inputs over all of them (nightly 10000000, which take half an hour on four cores)
fuzz: $(VENV)/.installed-for-tests
	@EDGE_FUZZ=$${EDGE_FUZZ:-200000} $(BIN)/python -m tests.fuzz

# strangers in any number while partners talk, in full: two minutes
flood: $(VENV)/.installed-for-tests
	@EDGE_FLOOD=$${EDGE_FLOOD:-10000} $(BIN)/python -m pytest -s -n 0 tests/interop/test_flood.py

# partners and certificates are read again while 500 messages a second flow: a minute
reloads: $(VENV)/.installed-for-tests peers
	@EDGE_RATE=$${EDGE_RATE:-500} $(BIN)/python -m pytest -n 0 tests/interop/test_reload.py

bench: $(VENV)/.installed
	@$(BIN)/python -m bench

# the real servers that tests/interop talks to
peers:
	@sh .ci/debian-packages $(PEERS)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

certs/edge.pem: | $(VENV)/.installed
	@$(BIN)/python -m demo.authority certs $(DEMO_NAMES)

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || sh .ci/debian-packages python3-venv
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	@echo "installing the gateway into $(VENV)"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-for-tests: setup.cfg pyproject.toml | $(BIN)/python
	@echo "installing the gateway and what its tests need into $(VENV)"
	@$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.installed
