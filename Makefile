# The only entry points; CI calls them too. Every target sets up .venv/ first where it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# PyTorch: what the package index offers under the plain name, which on Linux is usually the CUDA
# build, as a machine with a GPU wants it. On a machine without one, TORCH_INDEX names an index that
# has the CPU build (PyTorch's own start page gives its address); without it you are told before
# gigabytes are fetched for nothing.
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
TORCH_FLAGS := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX),)
REAL := ../shared/data/real-imagery
PIP := $(BIN)/python -m pip install --quiet

# Processes that share the tests, each of up to 3 GB: one more than two cores, for some tests wait
# for clusters and servers. A file's tests stay together, for they share those.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help install demo docs test test-all test-faults check format bench train image image-gpu lock clean

help:  ## Show what can be made
	@awk -F ':.*##' '/^[a-z-]+:.*##/ {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Berthwatch needs Python 3.11 or newer, found " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	@if ! nvidia-smi -L >/dev/null 2>&1 && $(PIP) --dry-run --report - $(TORCH_FLAGS) "$(TORCH)" \
		| grep -q '"nvidia-'; then \
		echo "note: no GPU here, but the index offers only the CUDA build of PyTorch (gigabytes);"; \
		echo "      stop now and set TORCH_INDEX to an index of CPU builds to avoid it"; fi
	$(PIP) $(TORCH_FLAGS) "$(TORCH)"
	$(PIP) --editable ".[dev]"
	$(BIN)/python -m jobs.visits.compile_ahead
	@touch $@

install: $(STAMP)  ## Set up .venv/ with the berthwatch command

demo: $(STAMP)  ## Simulate a small archive, run the main job on it, write the report (offline)
	$(BIN)/berthwatch demo

docs: demo  ## Write the reference in docs/python.md and execute docs/notebooks on demo/
	$(BIN)/python -m tests.support.python_page
	$(BIN)/python -m tests.support.notebooks

test: $(STAMP)  ## Lint, types and the tests (10 to 13 minutes on two cores)
	$(call checked,$(PYTEST) -m "not slow and not faults and not bench")

test-all: $(STAMP)  ## The tests with the slow ones and the fault suite
	$(call checked,$(PYTEST) -m "not bench")

test-faults: $(STAMP)  ## Kill, cut off, fill up, lie: runs must come out the same (prints the fault table)
	$(BIN)/python -m pytest -m faults -s

# Lint, then a command with mypy running beside it. mypy speaks last where it has something to say,
# so that of a good run the last line is the command's.
define checked
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p build
	@$(BIN)/mypy >build/mypy.log 2>&1 & mypy=$$!; \
		trap 'kill $$mypy 2>/dev/null' INT TERM; \
		echo '$(1)'; $(1); tests=$$?; \
		wait $$mypy; types=$$?; \
		test $$types -eq 0 || cat build/mypy.log; \
		test $$tests -eq 0 -a $$types -eq 0
endef

check: $(STAMP)  ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## Run the measurements in tests/bench (needs ../shared)
	$(BIN)/python -m pytest -m bench -s tests/bench

train: $(STAMP)  ## Train the packaged model again on ../shared
	rm -rf build/train && $(BIN)/berthwatch simulate -o build/train --seed 1001 --days 1 \
		--start 2023-05-01 --cloud 0 --harbours 120
	$(BIN)/berthwatch train --output build/train/simulated.safetensors --folds 0 --steps 7000 \
		--source build/train/catalog.json,sentinel-2-c1-l2a,build/train/labels
	$(BIN)/berthwatch train --output models/data/default.safetensors \
		--source $(REAL)/catalog.json,s2-ports,$(REAL)/s2-ports-labels \
		--start build/train/simulated.safetensors --steps 4000 \
		--folds 10 --fold-steps 3500 --keep build/folds --parallel 2

# One commit gives one image: every file in it bears the commit's time. Pushed at once, for only a
# registry gives an image the digest that settings.yaml wants.
IMAGE ?=
EPOCH = $(shell git log -1 --format=%ct)
REVISION = $(shell git rev-parse HEAD)$(shell git diff --quiet HEAD || echo -dirty)

define build_image
	@test -n "$(IMAGE)" || { echo "say where it goes: make $@ IMAGE=registry.example/berthwatch"; exit 1; }
	@mkdir -p build
	SOURCE_DATE_EPOCH=$(EPOCH) docker buildx build . --file infra/docker/Dockerfile --target $(1) \
		--platform linux/amd64 --provenance=false \
		--build-arg SOURCE_DATE_EPOCH=$(EPOCH) --build-arg REVISION=$(REVISION) \
		--output type=image,name=$(IMAGE),push=true,rewrite-timestamp=true \
		--metadata-file build/$@.json
	@digest=$$(sed -n 's/.*"containerimage.digest": "\(sha256:[0-9a-f]*\)".*/\1/p' build/$@.json); \
		echo "image: $(IMAGE)@$$digest"; \
		echo "code: $$(docker run --rm --platform linux/amd64 $(IMAGE)@$$digest --version)"
endef

image:  ## Build and push the CPU image to IMAGE=..., print what settings.yaml needs
	$(call build_image,cpu)

image-gpu:  ## The same for the GPU image, to a name of its own
	$(call build_image,gpu)

lock: $(STAMP)  ## Renew the versions and digests that the images are made of (UPGRADE=1: the newest)
	$(PIP) uv
	PATH="$(CURDIR)/$(BIN):$$PATH" infra/docker/lock.sh $(if $(UPGRADE),--upgrade,)

clean:  ## Remove .venv/ and what tools left behind
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis demo dist build
