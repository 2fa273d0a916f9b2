# Two commands on a fresh machine: `make demo` and `make test`. Each sets up all it needs, once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

# Threads that sleep while they wait: spinning ones crawl on a machine that does anything else.
export OMP_WAIT_POLICY ?= PASSIVE
# Tests start hundreds of processes: each would compile the whole lab anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test faults fuzz resume check readme study evidence install clean-env

demo: $(VENV)/installed ## generate data, train and compare three methods on SmolLM2, on any machine
	$(BIN)/python -m lab.models.offline
	$(BIN)/python docs/demo.py

# A thread for each of three: with threads for all cores they wait for one another.
test: $(VENV)/installed-dev ## every test, on real parts
	$(BIN)/python -m lab.models.offline
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

fuzz: $(VENV)/installed-dev ## throw 10,000 hostile messages, rows, files and models at the lab; ARGS="--seed 7"
	$(BIN)/python tests/fuzz/run.py $(ARGS)

faults: $(VENV)/installed-dev ## hurt the lab in every way there is; ARGS="--seed 7 --only storm" chooses
	PYTHONPATH=tests $(BIN)/python -m faults $(ARGS)

resume: $(VENV)/installed-dev ## kill trainings with SIGKILL at 20 moments, EXACT_SEED=7 chooses others: the same bytes each time
	EXACT_KILLS=20 $(BIN)/python -m pytest -s tests/tasks/test_exact_resume.py tests/tasks/test_killed_jobs.py

check: $(VENV)/installed-dev ## style, types and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

readme: $(VENV)/installed ## write the README's table of methods anew, from the catalogue
	$(BIN)/python docs/readme.py

study: $(VENV)/installed ## keep a study's report with the rows behind it: REPORT=reports/NAME ARTIFACTS=artifacts
	$(BIN)/python docs/studies.py $(REPORT) $(ARTIFACTS)

evidence: $(VENV)/installed ## simulate studies whose truth is known: the tables of docs/evidence.md
	$(BIN)/python docs/simulate.py

install: $(VENV)/installed ## only the program: then `.venv/bin/lab`

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Persona Lab needs Python 3.11 or newer; call make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml $(VENV)/installed
	$(PIP) install --quiet --editable '.[dev]'
	touch $@

clean-env: ## remove the virtual environment
	rm -rf $(VENV)
