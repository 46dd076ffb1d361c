# Every verb of the house. `make help` prints them. Nothing has to be prepared: each verb gets what it needs.
# INSTANCE=name works on another instance than "up"; COMPANY=empty on "empty", which begins without the demo; ARGS go to the program behind the verb.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
LOCAL := $(PYTHON) -m infra.local
export INSTANCE ?= $(if $(filter empty,$(COMPANY)),empty,up)

.PHONY: break-glass help backup restore restore-drill up down status logs reset demo test e2e pictures bench voters notices imports chaos soak mutants matrix uploads reconcile attack sbom lint format gen lock images chart cluster-test

help: ## show the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## start everything on this machine, print the address and the demo logins (COMPANY=empty: without the demo, an instance of its own)
	@$(LOCAL) up $(if $(COMPANY),--company $(COMPANY))

down: ## stop everything; the data stays
	@$(LOCAL) down

status: ## what runs, where, and whether it is healthy
	@$(LOCAL) status

logs: ## the last lines of all logs, followed on a terminal (ARGS=gateway: only one)
	@$(LOCAL) logs $(ARGS)

reset: ## stop everything and throw the data away (asks on a terminal)
	@$(LOCAL) reset

demo: ## fill in the fictional company (again: what is there stays)
	@$(LOCAL) demo

test: ## every test, the browser stories included, against an instance of its own (ARGS="-k word" for some)
	@$(PYTHON) -m infra.local.check test $(ARGS)

e2e: ## only the stories, against the instance "test" (left running for the next round)
	@$(PYTHON) -m infra.local.check e2e $(ARGS)

pictures: ## take the pictures of the user guide anew, from the demo, in both languages
	@$(PYTHON) -m infra.local.check pictures $(ARGS)

bench: ## measure: make bench ARGS="flagship list --json FILE"
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m bench $(ARGS)

voters: ## fifty people press at the same moment, 200 times; ends with how often the case advanced
	@$(PYTHON) -m infra.local.check prepare
	@HEYI_VOTERS_ROUNDS=$(or $(ARGS),200) .venv/bin/python -m pytest -q services/approval/tests/test_voters.py

notices: ## tell 1,000 notices by mail and group chat while both fail; ends with `notices: 0 untold, 0 twice of N` (ARGS=N: another number)
	@$(PYTHON) -m infra.local.check prepare
	@HEYI_NOTICES=$(or $(ARGS),1000) .venv/bin/python -m pytest -q -s --timeout 1800 services/approval/tests/test_notice_delivery.py -k nobody_twice

imports: ## bring in a file of 20,000 items of which 300 are bad, and take it back (ARGS: another number of rows)
	@$(PYTHON) -m infra.local.check prepare
	@record=$$(mktemp) && HEYI_IMPORT_RECORD=$$record HEYI_IMPORT_ROWS=$(or $(ARGS),20000) .venv/bin/python -m pytest -q --timeout=1800 services/inventory/tests/test_import_files.py -k large_file && cat $$record && rm $$record

chaos: ## break the suite and count what is missing, 8 minutes (ARGS=short: 2 minutes; ARGS="--seed N": once more)
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m chaos $(ARGS)

soak: ## the same for hours: make soak ARGS="--hours 8"
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m chaos --no-points $(if $(ARGS),$(ARGS),--hours 1)

mutants: ## take away each guard in a copy and show the test that notices
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m chaos.mutants $(ARGS)

reconcile: ## do the books of all services agree? (reads only)
	@set -a; eval "$$($(LOCAL) env)"; .venv/bin/python -m reconciler $(ARGS)

backup: ## everything of a running instance as of one moment: BACKUP_KEY=file TO=folder (runbook: Backup and restore)
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m infra.backup backup

restore: ## an instance as it was: FROM=backup BACKUP_KEY=file, AT=2026-11-27T18:30+08:00 for an earlier moment; never over a running one
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m infra.backup restore

restore-drill: ## restore a backup into a scratch folder, kill it, restore that; ends with what was lost and how long it took
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m infra.backup drill

break-glass: ## open the sealed administrator's account for an hour, seen and alarmed: REASON="why the usual ones cannot do it"
	@set -a; eval "$$($(LOCAL) env)"; .venv/bin/python -m identity.emergency "$(REASON)" $(ARGS)

lint: ## every check that reads the code without running it
	@$(PYTHON) -m infra.local.check lint

format: ## put the Python code into the house's form
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

gen: ## write gen/ anew from the contract
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python proto/generate.py

lock: ## write requirements/all.txt anew from requirements/*.in (needs uv: pip install uv)
	@cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q all.in -o all.txt && uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q uv.in -c all.txt -o uv.txt && uv pip compile --no-deps --python-version 3.11 --generate-hashes --no-header -q helm.in -o helm.txt

uploads: ## send a file of 2 GiB while sender and services are killed; ends with how many bytes are wrong (ARGS=BYTES)
	@$(PYTHON) -m infra.local.check uploads $(ARGS)

matrix: ## ask everything in the contract as everybody; ends with how many answers are not as the table says
	@$(PYTHON) -m infra.local.check matrix $(ARGS)

attack: ## attack a fresh instance "attack" in every way known; ends with how many got through
	@$(PYTHON) -m infra.local.check attack $(ARGS)

sbom: ## list every package of ours in CycloneDX with its licence (.heyi/sbom/); no GPL or AGPL among them
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m infra.sbom

images: ## build the images by docker, podman or buildah; ends with `images: N built` (ARGS="identity", BASE=name, WHEELS=dir, LOAD=command)
	@$(PYTHON) -m infra.local.check prepare
	@BASE="$(BASE)" WHEELS="$(WHEELS)" LOAD="$(LOAD)" .venv/bin/python -m infra.images $(ARGS)

chart: ## render charts/heyi with every values file and check all of it; ends with `chart: N checks, 0 failed`
	@$(PYTHON) -m infra.local.check prepare
	@.venv/bin/python -m infra.chart $(ARGS)

cluster-test: ## the chart on the cluster that KUBECONFIG names: installed, used, upgraded, broken; ends with `cluster: N checks, 0 failed` (LOAD=command, BASE=name, NAMESPACE=name, KEEP=1)
	@$(PYTHON) -m infra.local.check prepare
	@BASE="$(BASE)" LOAD="$(LOAD)" .venv/bin/python -m infra.cluster
