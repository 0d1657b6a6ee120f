# make up    run mailadmin in the foreground (SIGTERM or Ctrl-C stops it)
# make test  lint and tests;  make soak  the long profiles too;  make lint;  make lock  write the lock files anew
# Other variables: PYTHON=python3.12, ARGS="-k imap" (for pytest)

PYTHON ?= python3

.PHONY: up test soak lint lock
.SILENT:

up:
	exec $(PYTHON) .ci/bootstrap.py up

test soak lint lock:
	exec $(PYTHON) .ci/bootstrap.py $@ $(ARGS)
