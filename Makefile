# Each target sets up what it needs in .venv; nothing is installed elsewhere.
VENV = .venv
BIN = $(VENV)/bin

.PHONY: demo test test-system test-processes test-guests test-firmware check clean

# Twelve simulated boards, kept alive until Ctrl-C; nothing is kept afterwards.
demo: $(VENV)/installed
	PYTHONPATH=. $(BIN)/twistd --nodaemon --pidfile= lifeguard --demo $(DEMO)

# On all cores; the tests of one file stay together, as they share labs and servers.
test: $(VENV)/installed
	$(BIN)/python -m pytest -q -n auto --dist loadfile $(TESTS)

# Needs the Debian packages that .ci/run installs: QEMU, TFTP clients, OpenSSH, Chromium.
# Both parts mostly wait and share nothing: with --jobs=2 they run at once.
test-system: test-processes test-guests

test-processes: $(VENV)/peers
	$(BIN)/python -m pytest -q -n auto --dist loadfile \
		-m 'system and not guests and not firmware' $(TESTS)

# QEMU computes all the time: it shall not delay those who measure how long they wait.
test-guests: $(VENV)/peers
	nice -n 5 $(BIN)/python -m pytest -q -m 'guests and not firmware' $(TESTS)

# The same with firmware that is much like what `test-system` boots.
test-firmware: $(VENV)/installed
	$(BIN)/python -m pytest -q -m firmware $(TESTS)

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed: setup.py pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,check]'
	touch $@

# The servers of others that drivers are tried on.
$(VENV)/peers: $(VENV)/installed tests/system/peers.txt
	$(BIN)/python -m pip install --quiet --requirement tests/system/peers.txt
	$(BIN)/python -m pip install --quiet --no-deps pdudaemon
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
