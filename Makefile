.DEFAULT_GOAL := help
environment := .venv/bin

help:  ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## A commit becomes a running guest, on this machine (scripts/demo)
	scripts/demo

test:  ## Check and test everything, real libvirt included (scripts/test)
	scripts/test

$(environment)/reconciler:
	scripts/environment

lint: $(environment)/reconciler  ## Style, types and import contracts
	$(environment)/ruff check
	$(environment)/mypy
	$(environment)/lint-imports

thorough:  ## Test with every cut, kill, push and example that a usual run takes a sample of (an hour)
	RECONCILER_THOROUGH=1 scripts/test -n 2 --dist loadfile --no-loadscope-reorder --hypothesis-profile=thorough

schemas: $(environment)/reconciler  ## Write the manifests' JSON Schemas, generated from the kinds
	$(environment)/reconciler schema --out schemas/v1

bench: $(environment)/reconciler  ## Measure what things cost, against a floor (real libvirt as root; takes minutes)
	$(environment)/python -m benchmarks

bench-quick: $(environment)/reconciler  ## The same with 200 and 1,000 instances, on simulated hosts only
	$(environment)/python -m benchmarks --sizes 200 1000 --domains

wheel: $(environment)/reconciler  ## Build the wheel into dist
	$(environment)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

.PHONY: help demo test lint thorough schemas bench bench-quick wheel
