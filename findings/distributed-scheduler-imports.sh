#!/usr/bin/env bash
# distributed 2026.8.0: a function that client and workers can import fails where the scheduler cannot.
# Seen: client.submit(module.function, 1) ends in RuntimeError "Error during deserialization of the task graph ...
#   different environments"; it is the task's error, after the connection was made without a warning, and the workers
#   never hear of it. A lambda, which travels by value, works. A scheduler was long said to need none of a
#   user's packages.
# Expected: tasks are unpacked where they run; or a refusal before the first task.
# Why it matters: a scheduler of a lean image of its own fails every task, and each looks like the work's own fault. Ask
#   the scheduler for the packages first (client.run_on_scheduler).
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check distributed==2026.8.0 dask==2026.8.0
mkdir code
echo 'def twice(x): return 2 * x' >code/work.py
export PYTHONSAFEPATH=1

dask="venv/bin/dask"
$dask scheduler --host 127.0.0.1 --port 0 --no-dashboard --scheduler-file scheduler.json >scheduler.log 2>&1 &
PYTHONPATH=code $dask worker --scheduler-file scheduler.json --no-nanny --no-dashboard >worker.log 2>&1 &
PYTHONPATH=code venv/bin/python - <<'EOF'
import sys

import work
from distributed import Client

with Client(scheduler_file="scheduler.json") as client:
    client.wait_for_workers(1)
    print("on the worker:   ", *client.run(work.twice, 1).values())
    try:
        by_name = client.submit(work.twice, 1, pure=False).result()
    except Exception as error:
        by_name = f"{type(error).__name__}: {error}".split(".")[0]
    print("submitted:       ", by_name)
    by_value = client.submit(lambda x: 2 * x, 1, pure=False).result()
    print("sent by value:   ", by_value)
sys.exit(not (str(by_name).startswith("RuntimeError: Error during deserialization") and by_value == 2))
EOF
