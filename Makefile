# Every target sets itself up: it makes .venv, installs the pinned tools and builds what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The first of these that is new enough makes the virtual environment; PYTHON=… overrides.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
VENV := .venv
BIN := $(VENV)/bin
TAG = $(shell $(BIN)/python -c 'from packaging.tags import sys_tags; print(next(sys_tags()))')

# Tests and tools must not pick up what the caller's shell happens to set.
unexport PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export CTEST_PARALLEL_LEVEL := $(JOBS)
ENV := PATH="$(CURDIR)/$(BIN):$$PATH"
CPP_FILES = $(shell git ls-files -co --exclude-standard -- '*.cpp' '*.hpp' '*.c' '*.h' '*.cu' '*.cuh')

.PHONY: help
help:
	@echo "make demo | test | tensors | training | test-slow | test-spark | test-gpu | sanitize-gpu | bench-gpu | fuzz | lint | format | typing | tidy | stubs | sanitize | wheel | bench | docs | mintest | build | clean"

# ---- setting up ------------------------------------------------------------------------------
$(VENV)/stamp-dev: pyproject.toml
	@test -n "$(PYTHON)" || { echo "inlay needs Python >= 3.11 on PATH, or PYTHON=/path/to/it" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install -q 'pip>=25.1'
	$(BIN)/python -m pip install -q --group dev
	touch $@

$(VENV)/stamp-tensors: $(VENV)/stamp-dev
	$(BIN)/python -m pip install -q --group tensors
	touch $@

$(VENV)/stamp-training: $(VENV)/stamp-dev
	$(BIN)/python -m pip install -q --group training
	touch $@

$(VENV)/stamp-docs: $(VENV)/stamp-dev
	$(BIN)/python -m pip install -q --group docs
	touch $@

$(VENV)/stamp-peers: $(VENV)/stamp-dev
	$(BIN)/python -m pip install -q --group peers
	touch $@

# Peers that need an old numpy live apart.
.venv-elsewhere/stamp: pyproject.toml $(VENV)/stamp-dev
	test -x .venv-elsewhere/bin/python || "$(PYTHON)" -m venv .venv-elsewhere
	.venv-elsewhere/bin/python -m pip install -q 'pip>=25.1'
	.venv-elsewhere/bin/python -m pip install -q --group peers-elsewhere
	touch $@

# Kernels for the device that is here, or for one architecture where none is; wheels have them for
# all.
LOCAL_CUDAARCHS = $(shell nvidia-smi -L >/dev/null 2>&1 && echo native || echo 75-real)

# Editable; quick to run again, since the build folder stays.
.PHONY: build dev
build dev: $(VENV)/stamp-dev
	$(ENV) CUDAARCHS="$${CUDAARCHS:-$(LOCAL_CUDAARCHS)}" $(BIN)/python -m pip install -q --no-build-isolation --no-deps -e . -Cbuild-dir='build/{wheel_tag}'

# ---- testing ---------------------------------------------------------------------------------
.PHONY: test pytest ctest test-slow test-spark
test: pytest ctest

# PyTorch, for the tests that hand its tensors over; they are skipped without it.
.PHONY: tensors
tensors: $(VENV)/stamp-tensors

# The frameworks that the training's callbacks are for; their tests are skipped without them.
.PHONY: training
training: $(VENV)/stamp-training

# Files run side by side, the tests of one file in order.
pytest: build
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

ctest: $(VENV)/stamp-dev
	$(ENV) CUDAARCHS="$${CUDAARCHS:-$(LOCAL_CUDAARCHS)}" cmake --workflow --preset default

test-slow: build
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "(slow or stress) and not gpu and not benchmark and not spark"

$(VENV)/stamp-spark: $(VENV)/stamp-dev
	$(BIN)/python -m pip install -q --group spark
	touch $@

# Needs a Java 17 on PATH or in JAVA_HOME.
test-spark: build $(VENV)/stamp-spark
	$(BIN)/python -m pytest -m spark

# ---- on a CUDA device ------------------------------------------------------------------------
# GPU_PYTHON=/path/to/python3 uses a Python that has PyTorch, CuPy, pytest and the build tools of
# pyproject.toml, and installs nothing; otherwise .venv gets them. Without a device the tests are
# skipped and say why; with one nothing may be skipped for want of it.
$(VENV)/stamp-gpu: $(VENV)/stamp-dev
	$(BIN)/python -m pip install -q --group gpu
	touch $@

GPU_ENV = CUDAARCHS="$${CUDAARCHS:-$(LOCAL_CUDAARCHS)}" \
	INLAY_REQUIRE_GPU=$(if $(filter native,$(LOCAL_CUDAARCHS)),1,0)
GPU_SITE := $(CURDIR)/build/gpu-site
ifdef GPU_PYTHON
GPU_ENV += PYTHONPATH="$(GPU_SITE)"
gpu-built:
	rm -rf "$(GPU_SITE)"
	$(GPU_ENV) $(GPU_PYTHON) -m pip install -q --no-index --no-build-isolation --no-deps \
		--target "$(GPU_SITE)" . -Cbuild-dir='build/gpu-{wheel_tag}'
else
GPU_PYTHON := $(BIN)/python
GPU_ENV += PATH="$(CURDIR)/$(BIN):$$PATH"
gpu-built: build $(VENV)/stamp-gpu
endif

.PHONY: gpu-built gpu-programs test-gpu sanitize-gpu bench-gpu
gpu-programs: gpu-built
	$(GPU_ENV) cmake -S . -B build/gpu -DCMAKE_BUILD_TYPE=Release -DINLAY_CUDA=ON \
		-DINLAY_BUILD_TESTS=ON -DINLAY_BUILD_BENCHMARKS=ON -DCMAKE_CUDA_FLAGS=-lineinfo
	$(GPU_ENV) cmake --build build/gpu --target device_tests device_benchmarks

test-gpu: gpu-programs
	$(GPU_ENV) ctest --test-dir build/gpu -R '^test_cuda_' --output-on-failure
	$(GPU_ENV) $(GPU_PYTHON) -m pytest tests/gpu -m gpu

# Bad addresses, races in shared memory, and reads of what nobody wrote: compute-sanitizer of the
# CUDA toolkit, over each test of the kernels. A test that is skipped returns 77. One test launches
# what cannot be, so errors that calls return are theirs to look at.
sanitize-gpu: gpu-programs
	@command -v compute-sanitizer >/dev/null || { echo "sanitize-gpu needs the CUDA toolkit's compute-sanitizer on PATH" >&2; exit 1; }
	for program in build/gpu/tests/cuda/test_cuda_*; do \
		for tool in memcheck racecheck initcheck; do \
			compute-sanitizer --tool $$tool $$(test $$tool = memcheck && echo --report-api-errors no) --error-exitcode 99 "$$program" || test $$? -eq 77; \
		done; \
	done

# ONLY=gpu_columns measures one section, as for `make bench`.
bench-gpu: gpu-programs
	$(GPU_ENV) $(GPU_PYTHON) benchmarks/gpu/run.py --executables build/gpu/benchmarks/gpu $(ONLY)

# Some kernels place memory where the thread sanitizer does not expect it unless this is off.
NO_ASLR = $(shell setarch "$$(uname -m)" -R true 2>/dev/null && echo setarch "$$(uname -m)" -R)
.PHONY: sanitize
sanitize: $(VENV)/stamp-dev
	$(ENV) cmake --workflow --preset asan
	$(ENV) $(NO_ASLR) cmake --workflow --preset tsan

# Each driver for FUZZ_SECONDS from its corpus; what it finds new stays in build/fuzz/found.
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(VENV)/stamp-dev
	$(ENV) CC=clang CXX=clang++ cmake -G Ninja -S . -B build/fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo \
		-DINLAY_BUILD_TESTS=ON -DINLAY_FUZZ=ON -DINLAY_SANITIZE=address,undefined
	$(ENV) cmake --build build/fuzz --target fuzzers
	for source in tests/fuzz/fuzz_*.cpp; do \
		name=$$(basename "$$source" .cpp); \
		mkdir -p "build/fuzz/found/$$name"; \
		"build/fuzz/tests/fuzz/$$name" -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			"build/fuzz/found/$$name" "tests/fuzz/corpus/$${name#fuzz_}"; \
	done

# ---- reading ---------------------------------------------------------------------------------
.PHONY: lint format typing tidy stubs
lint: $(VENV)/stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run -Werror $(CPP_FILES)
	$(BIN)/codespell

format: $(VENV)/stamp-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP_FILES)

typing: $(VENV)/stamp-dev
	$(BIN)/mypy

tidy: $(VENV)/stamp-dev
	$(ENV) cmake --workflow --preset tidy

stubs: build
	$(BIN)/python tests/stubs/generate.py --write

# ---- what users get --------------------------------------------------------------------------
.PHONY: wheel docs demo bench mintest clean
wheel: $(VENV)/stamp-dev
	$(ENV) $(BIN)/python -m pytest tests/install

docs: build $(VENV)/stamp-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

demo: build
	$(BIN)/inlay demo

# ONLY=record measures one section, ONLY="record batch" two; the others keep their results.
bench: build $(VENV)/stamp-peers .venv-elsewhere/stamp
	$(ENV) $(BIN)/python benchmarks/run.py $(ONLY)

mintest: $(VENV)/stamp-dev
	test -x .venv-min/bin/python || "$(PYTHON)" -m venv .venv-min
	.venv-min/bin/python -m pip install -q 'pip>=25.1'
	.venv-min/bin/python -m pip install -q --group minimum . -Cbuild-dir='build/wheel-{wheel_tag}'
	cd tests && ../.venv-min/bin/python -m pytest -c ../pyproject.toml python

clean:
	rm -rf build dist site .venv .venv-min .venv-elsewhere
