# Everything here runs in .venv, which .ci/bootstrap.py makes on the first call.
#   PYTHON=python3.12     the interpreter to make .venv with (the first of 3.11 or newer otherwise)
#   TORCH_INDEX=URL       where to take torch from, e.g. https://download.pytorch.org/whl/cpu for the small CPU build
#   PORT=8899  ARGS="..." the port of `make lab`; more arguments for JupyterLab, pytest, ruff or the notebook builder
PORT ?= 8888

# With none new enough, take an old one: the script says what to install.
FOUND = $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && exit; done; command -v python3)
CHOSEN = $(if $(PYTHON),$(shell command -v $(PYTHON)),$(FOUND))
NONE = $(or $(PYTHON),python3) not found. Python 3.11 or newer is needed: "sudo apt-get install python3 python3-venv", \
	"sudo dnf install python3", "brew install python" or https://www.python.org/downloads/
RUN = @$(or $(CHOSEN),$(error $(NONE))) .ci/bootstrap.py

help: ## this list
	@awk -F ' *## *' '/^[a-z-]+:.*##/ { sub(/:.*/, "", $$1); printf "make %-12s %s\n", $$1, $$2 }' Makefile

lab: ## open the notebooks in JupyterLab, on this machine only
	$(RUN) lab --port=$(PORT) $(ARGS)

test: ## check the style and run the tests
	$(RUN) test $(ARGS)

test-gpu: ## the proofs on CUDA, where there is one; the script for GPU machines at tiny scale
	$(RUN) test-gpu $(ARGS)

test-browser: ## run every notebook in JupyterLab, in a browser; screenshots in build/browser
	$(RUN) test-browser $(ARGS)

test-colab: ## run every notebook with the packages that Colab has, in .venv-colab
	$(RUN) test-colab $(ARGS)

test-grading: ## test the grader, in .venv-grade
	$(RUN) test-grading $(ARGS)

release: ## make the students' assignments, and a zip of them
	$(RUN) release $(ARGS)

grade: ## grade a folder of submissions: ARGS="FOLDER --seed COURSE"
	$(RUN) grade $(ARGS)

lint: ## check the style alone
	$(RUN) lint $(ARGS)

notebooks: ## build notebooks/*.ipynb from notebooks/source
	$(RUN) notebooks $(ARGS)

wheel: ## build the wheel into dist/
	$(RUN) wheel $(ARGS)

install: ## make .venv and nothing else
	$(RUN) install

clean: ## remove what was built, but .venv
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find . -name '.venv*' -prune -o -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help lab test test-gpu test-browser test-colab test-grading release grade lint notebooks wheel install clean
