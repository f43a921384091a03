# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every target works from a clean checkout: it needs make, git and Python 3.11, 3.12 or 3.13, and makes the rest.
#   make help
#   make test PYTHON=python3.12

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Images for containers often set it. Then each of a thousand processes would compile Ansible, botocore and moto anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.ready
COLLECTIONS := build/collections
INSIDE := ansible_collections/labops/cloudresearch
# amazon.aws lives beside Ansible in the virtual environment, our own collection in build/collections.
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/$(COLLECTIONS)" ANSIBLE_HOME="$(CURDIR)/build/ansible" ANSIBLE_LOCALHOST_WARNING=false
PY := $(RUN) $(VENV)/bin/python
# Each suite says where its time went.
PYTEST := $(PY) -m pytest --durations=20 --durations-min=3
# Other suites run beside this one in `make test`; more workers than that would only wait for each other.
WORKERS ?= 2
TYPED := -p ansible_collections.labops.cloudresearch.plugins
CORES := 2.18 2.19 2.20 2.21 2.22
SANITY := $(addprefix sanity-,$(CORES))
UNITS := $(addprefix units-,$(CORES))

.PHONY: help
help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- what everything stands on ---------------------------------------------------------------------------------

.PHONY: venv
venv: $(STAMP) ## The virtual environment with the pinned requirements

$(STAMP): tests/requirements.txt tests/constraints.txt tests/tools/setup_venv.py
	@$(PYTHON) tests/tools/setup_venv.py $(VENV)
	@touch $@

.PHONY: ready
ready: $(STAMP)
	@$(PY) -m tests.tools.tree > /dev/null

.PHONY: browser
browser: ready ## Chromium (whole and light), Xvfb and xdotool for the browser tests (from Debian's packages, when run as root)
	@$(PY) -m tests.tools.browser

# --- see it --------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: ready ## Onboard twelve labs on the local stack, then find and retire keys that people made by hand
	@$(PY) -m tests.tools.demo

.PHONY: pictures
pictures: ready browser ## Make the guides' pictures of the terminal and of the report anew
	@PICTURES=write $(PYTEST) -k picture tests/end_to_end/test_callback_on_fleet.py tests/stack/test_report_browser.py

.PHONY: portal-table
portal-table: ready browser ## Visit every rendering of the portal with both drivers, and write the guide's table of them anew
	@PORTAL_TABLE=write $(PYTEST) tests/stack/test_portal_products.py tests/stack/test_portal_renderings.py

.PHONY: bench
bench: ready ## Measure fleets of labs on the local stack (BENCH=--short: minutes instead of hours)
	@$(PY) -m tests.benchmark $(BENCH)

.PHONY: bench-growth
bench-growth: ready ## Show that time and memory grow no faster than the number of labs (BENCH="--labs 500 2000")
	@PYTHONPATH="$(CURDIR)/$(COLLECTIONS)" $(PY) -m tests.benchmark.growth $(BENCH)

.PHONY: policies
policies: ready ## Make the IAM policies in docs/iam anew from the calls of the playbooks
	@$(PY) -m tests.tools.iam_policies

.PHONY: calls
calls: ready ## Count the calls that a lab costs in each playbook
	@$(PY) -m tests.tools.calls

# --- referees ------------------------------------------------------------------------------------------------------

.PHONY: check
check: lint-ruff lint-format lint-yaml ## Quick: for every commit
	@$(RUN) ansible-playbook --syntax-check -i localhost, $(patsubst playbooks/%.yml,labops.cloudresearch.%,$(wildcard playbooks/*.yml))
	@$(PYTEST) tests/unit -q -n $(WORKERS)

LINTERS := lint-ruff lint-format lint-types lint-yaml lint-shell lint-ansible lint-licences lint-forge lint-fragment
.PHONY: lint $(LINTERS)
lint: $(LINTERS) ## ruff, mypy --strict, yamllint, shellcheck, ansible-lint (profile production), reuse, workflows, changelog fragment
lint-ruff: ready
	@$(RUN) ruff check .
lint-format: ready
	@$(RUN) ruff format --check .
lint-types: ready
	@MYPYPATH=$(COLLECTIONS) $(RUN) mypy $(TYPED)
lint-yaml: ready
	@$(RUN) yamllint --strict .
lint-shell: ready
	@$(RUN) shellcheck .ci/run
# A copy of the collection in which nothing else lies about.
lint-ansible: ready
	@$(PY) -m tests.tools.ansible_cores 2.19 --copy build/lint
	@cd build/lint/$(INSIDE) && $(RUN) ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/build/lint" ansible-lint --offline --strict --profile production
lint-licences: ready
	@$(RUN) reuse lint --lines
# What GitHub reads, by the schemas that check-jsonschema brings along; the workflow itself runs actionlint, too.
SCHEMA := check-jsonschema --builtin-schema vendor.github
lint-forge: ready
	@$(RUN) $(SCHEMA)-workflows .github/workflows/*.yml
	@$(RUN) $(SCHEMA)-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(RUN) $(SCHEMA)-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	@$(RUN) check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
# What users run or read. A change that no user notices has a fragment, too, in the section trivial, which is not printed.
SHIPPED := plugins roles playbooks meta requirements.txt requirements.yml
lint-fragment:
	@base="$$(git merge-base HEAD origin/main 2> /dev/null || git merge-base HEAD main 2> /dev/null)" || \
	{ echo "SKIPPED the changelog check: git knows no main branch to compare with"; exit 0; }; \
	git diff --quiet "$$base" -- $(SHIPPED) || ! git diff --quiet "$$base" -- changelogs || \
	{ echo "$$(git diff --name-only "$$base" -- $(SHIPPED) | head -n 1) has changed, and there is no changelog fragment:" \
	"add changelogs/fragments/<topic>.yml. CONTRIBUTING.md shows one."; exit 1; }

# Of what is shipped, every file and every sanity test. tests/ is not in the artifact (galaxy.yml), is most of the lines,
# and has ruff and yamllint; with SANITY_OF= (nothing), it is judged as well.
SANITY_OF ?= --exclude tests/
# What no other file imports is imported: it imports all others, which one by one would take three times as long.
IMPORT := --test=import $$($(PY) -m tests.tools.roots)
.PHONY: sanity $(SANITY)
sanity: $(SANITY) ## ansible-test sanity on each supported ansible-core
$(SANITY): sanity-%: ready
	@$(PY) -m tests.tools.ansible_test --core $* sanity $(SANITY_OF) --skip-test=import
	@$(PY) -m tests.tools.ansible_test --core $* sanity $(IMPORT)
# What a release of ansible-core judges in its own way. The other tests say the same on each, but take most of the time.
SANITY_OF_CORE := ansible-doc compile ignores runtime-metadata validate-modules
.PHONY: $(addprefix sanity-of-core-,$(CORES))
$(addprefix sanity-of-core-,$(CORES)): sanity-of-core-%: ready
	@$(PY) -m tests.tools.ansible_test --core $* sanity $(SANITY_OF) $(addprefix --test=,$(SANITY_OF_CORE))
	@$(PY) -m tests.tools.ansible_test --core $* sanity $(IMPORT)

.PHONY: units $(UNITS)
units: $(UNITS) ## ansible-test units on the same
$(UNITS): units-%: ready
	@$(PY) -m tests.tools.ansible_test --core $* units

.PHONY: docs
SITE := $(CURDIR)/build/docs
REFERENCES := --validate-collection-refs all --check-extra-docs-refs --disallow-unknown-collection-refs
PAGES := --use-current --squash-hierarchy --fail-on-error --no-add-antsibull-docs-version
# The changelog's fragments are judged by the sanity test of that name.
docs: ready ## Check the documentation and build the site (build/docs/html); any warning is an error
	@rm -rf $(SITE) && umask 022 && mkdir -p $(SITE)/rst/collections/docsite  # antsibull-docs wants what others cannot write
	@cp docs/sphinx/index.rst docs/architecture.md $(SITE)/rst && cp -r docs/docsite/rst/pictures $(SITE)/rst/collections/docsite
	@# The project's own environment has the hundred collections of "ansible", all of which antsibull-docs would read.
	@found="$$($(PY) -m tests.tools.ansible_cores 2.18 --copy $(SITE)/collections)"; \
	export PATH="$${found##*: }/bin:$(CURDIR)/$(VENV)/bin:$$PATH" ANSIBLE_HOME="$(CURDIR)/build/ansible" ANSIBLE_COLLECTIONS_PATH="$(SITE)/collections"; \
	cd $(SITE)/collections/$(INSIDE); antsibull-docs lint-collection-docs --plugin-docs $(REFERENCES) .; \
	cd $(SITE); antsibull-docs collection $(PAGES) --dest-dir rst/collections labops.cloudresearch; \
	sphinx-build -M html rst . -c $(CURDIR)/docs/sphinx -W --keep-going -q; echo "The site: build/docs/html/index.html"

.PHONY: changelog
changelog: ready ## Release the changelog fragments, or bring the lists of plugins up to date
	@$(RUN) antsibull-changelog $(if $(wildcard changelogs/fragments/*.yml),release,generate --reload-plugins)

.PHONY: package
package: ready ## Build the artifact, use it from an empty place, let Galaxy's importer judge it
	@$(PY) -m tests.tools.package

# --- tests ---------------------------------------------------------------------------------------------------------

.PHONY: unit
unit: ready ## Pure tests
	@$(PYTEST) tests/unit -n $(WORKERS)

# The same on each ansible-core. `ansible-test units` runs them, too, but each test in a fork of its own, which imports
# anew what the others have imported already. In one process: a second one would collect all tests once more, which costs
# more than it saves beside the other suites.
UNIT_CORES := $(addprefix unit-,$(CORES))
.PHONY: $(UNIT_CORES)
$(UNIT_CORES): unit-%: ready
	@found="$$($(PY) -m tests.tools.ansible_cores $*)"; echo "$$found"; case "$$found" in SKIPPED*) ;; \
	*) $(RUN) "$${found##*: }/bin/python" -m pytest --durations=20 --durations-min=3 tests/unit -n 0 ;; esac

.PHONY: stack
stack: ready browser ## Against the local stack: AWS, MTurk and portal doubles, OpenBao, Chromium
	@$(PYTEST) tests/stack -n $(WORKERS) --dist loadfile --ignore-glob='*/test_portal_*'

.PHONY: stack-portal
stack-portal: ready browser ## The same for what deals with the portal
	@$(PYTEST) tests/stack/test_portal_*.py -n $(WORKERS) --dist loadfile

E2E := $(addprefix e2e-,crash faults rights terminal closing labs whole)
.PHONY: e2e $(E2E)
e2e: $(E2E) ## The real ansible-playbook against the local stack
e2e-crash: ready
	@$(PYTEST) tests/end_to_end/test_crash.py
e2e-faults: ready
	@$(PYTEST) tests/end_to_end/test_faults.py
e2e-rights: ready
	@$(PYTEST) $(addprefix tests/end_to_end/test_,least_privilege.py slices.py runner_nodes.py)
e2e-terminal: ready
	@$(PYTEST) tests/end_to_end/test_callback_fleet_progress.py tests/end_to_end/test_callback_on_fleet.py tests/end_to_end/test_answers.py
e2e-closing: ready
	@$(PYTEST) $(addprefix tests/end_to_end/test_,closing_tour.py guide_mturk_closed.py suspend.py retire_plan.py drift.py)
e2e-labs: ready browser
	@$(PYTEST) tests/end_to_end $(addprefix --ignore=tests/end_to_end/test_,crash.py faults.py least_privilege.py slices.py runner_nodes.py callback_fleet_progress.py callback_on_fleet.py answers.py closing_tour.py guide_mturk_closed.py suspend.py retire_plan.py drift.py readme.py secrecy.py)
WHOLE := tests/end_to_end/test_readme.py tests/end_to_end/test_secrecy.py
e2e-whole: ready
	@$(PYTEST) $(WHOLE)

# The README's commands and the search for secrets, with each ansible-core and the amazon.aws that belongs to it. CI runs
# them with the oldest and the newest, and need not run them with the one in between.
E2E_CORES := $(addprefix e2e-,$(CORES))
.PHONY: $(E2E_CORES)
$(E2E_CORES): e2e-%: ready
	@found="$$($(PY) -m tests.tools.ansible_cores $*)"; echo "$$found"; case "$$found" in SKIPPED*) ;; \
	*) LABOPS_ANSIBLE_BIN="$${found##*: }/bin" $(PYTEST) $(WHOLE) ;; esac

.PHONY: integration
integration: ready ## ansible-test integration against the local stack
	@$(PY) -m tests.tools.ansible_test --core 2.19 integration

.PHONY: molecule
molecule: ready ## Molecule: converge, idempotence, verify against the local stack
	@cd extensions && NO_COLOR=1 ANSIBLE_NOCOLOR=1 $(RUN) molecule test --all

.PHONY: test
test: ready browser ## Everything that CI runs
	@$(PY) -m tests.tools.ci

.PHONY: clean
clean: ## Remove all that was made, but for the virtual environment
	rm -rf build .nox .pytest_cache .ruff_cache .mypy_cache .ansible tests/output
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

.PHONY: distclean
distclean: clean ## Remove the virtual environment too
	rm -rf $(VENV)
