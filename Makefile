# The commands of the README. No logic here: each is a script.
# SPDX-License-Identifier: Apache-2.0
.PHONY: help demo demo-more fleet test test-rest test-full check fmt lab build install uninstall deb wheel kdc-plugin install-kdc sbom first-hour bench torture mutants sabotage
PYTHON = $(CURDIR)/.venv/bin/python
HUNTS = tests/attacks tests/pam/test_swapping.py tests/daemon/test_races.py tests/monitor/test_files.py tests/monitor/test_hang_up.py tests/system/test_recordings.py tests/pamlint
FAST = tests/commands tests/core tests/wire tests/law

help:  ## show this
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile

demo:  ## two people, one command, an approval: the main job, for real
	@contrib/lab/demo

demo-more:  ## what else it can do: a lease, a rule that asks about the risk, a ticket, a role for ten seconds
	@contrib/lab/demo --more

fleet:  ## three hosts that only dial out, an engine and a desk: the main job over them
	@contrib/fleet/demo

test:  ## the first answer: the tests that notice most, in labs side by side; ARGS="FILE -k WORD" for any, in one
	@contrib/lanes/run --first $(ARGS)

test-rest:  ## all other tests: other hosts, the other Debian, an Active Directory, what promises a time
	@contrib/lanes/run --rest $(ARGS)

test-full:  ## both, and what is too long for every day (docs/testing.md)
	@contrib/lanes/run --full $(ARGS)

check:  ## format, lint, types, laws, the fast tests (no root)
	@contrib/lab/setup
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy --strict jitd jitpam extensions
	$(PYTHON) -m pytest -m "not timed and not full" $(FAST)

fmt:  ## format all
	@contrib/lab/setup
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lab:  ## a throwaway host to play in
	@contrib/lab/lab

build:  ## what the product imports, from the locked lists, and what of it is compiled (the packages that it takes: contrib/install --deps, as root)
	@contrib/runtime build/venv

install:  ## on this host, or under DESTDIR as a package would; a changed file of /etc is left alone
	contrib/install "$(DESTDIR)/"

uninstall:  ## take that away; /var/lib/jitd, /var/lib/jitd-givers and changed files stay, but for ARGS=--purge
	contrib/uninstall $(ARGS) "$(DESTDIR)/"

deb:  ## the Debian packages jitsudo, jitsudo-board and jitsudo-client, in build/deb/RELEASE (RELEASE=bookworm, trixie; made on that release)
	contrib/deb/build $(or $(RELEASE),$(shell . /etc/os-release; echo $$VERSION_CODENAME))

wheel:  ## the client alone, for desks without a package: a wheel in build/wheel, which takes no compiler
	contrib/wheel

kdc-plugin:  ## the modules for a KDC (docs/kdc.md): build/krb5/jitd_kdc.so; takes gcc and libkrb5-dev
	@$(MAKE) -s -C contrib/krb5

install-kdc: kdc-plugin  ## put them on this host, a KDC, or under DESTDIR; prints the lines for kdc.conf
	@contrib/krb5/install "$(DESTDIR)/" build/krb5/jitd_kdc.so

sbom: build  ## what the product imports, with hashes and licences: build/jitsudo.cdx.json (CycloneDX)
	contrib/sbom build/venv build/jitsudo.cdx.json

first-hour:  ## play docs/first-hour.md in a Debian that is made for it and boots (ARGS=trixie); needs root and the network
	@contrib/lab/setup
	$(PYTHON) contrib/first-hour $(ARGS)

bench:  ## what it costs, beside sudo
	@contrib/lab/lab --no-jitd $(PYTHON) contrib/bench/run $(ARGS)

torture:  ## kill a process of each of many runs, at any point: ARGS="--times N --seed N"
	@contrib/lab/lab --no-jitd $(PYTHON) contrib/torture/kills $(ARGS)
	@contrib/lab/lab --no-jitd $(PYTHON) contrib/torture/crashes $(ARGS)
	@contrib/lab/lab --systemd --no-jitd $(PYTHON) contrib/torture/crashes $(ARGS)
	@contrib/lab/lab --no-jitd $(PYTHON) contrib/torture/things
	@contrib/lab/lab --no-jitd $(PYTHON) contrib/torture/answers
	@contrib/lab/lab --no-jitd $(PYTHON) contrib/torture/fuzz
	@PYTHONPATH=$(CURDIR) $(PYTHON) contrib/torture/races
	@$(MAKE) -s -C contrib/krb5 fuzz
	@$(MAKE) -s -C contrib/gates fuzz
	@contrib/lab/lab --no-jitd env JITD_TIMES=20 $(PYTHON) contrib/torture/hunts $(HUNTS)

sabotage:  ## take each protection of docs/threats.md out, and see its tests notice: ARGS="R-05 K"
	@contrib/lab/setup
	@nice -n 5 $(PYTHON) contrib/sabotage/run $(ARGS)

mutants:  ## change the pure heart in one place, many times, and ask the tests (no root)
	@contrib/lab/setup
	@$(PYTHON) contrib/mutants/mutants $(ARGS)
