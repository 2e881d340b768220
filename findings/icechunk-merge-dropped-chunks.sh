#!/usr/bin/env bash
# icechunk 1.1.21 and 2.3.0: chunks that a fork wrote are dropped at merge if their array was made anew meanwhile.
# Seen: a fork writes 9 to every element of "a"; another session deletes "a" and creates it again, with the same name,
#   shape, chunks and type (what to_zarr(mode="w") does). merge and commit then succeed, the history gets its commit,
#   the session even says it has changes, and not one 9 is in the array.
# Expected: a conflict: a write whose target no longer exists is what conflict detection is for. Icechunk knows arrays by
#   an inner id, not by path, so the chunks hang on an array that the commit leaves out.
# Why it matters: the workers' results are lost although each step reported success.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
export ICECHUNK_LOG=error
cat > probe.py <<'EOF'
import sys
import tempfile

import icechunk
import zarr

version = icechunk.__version__
repo = icechunk.Repository.create(icechunk.local_filesystem_storage(tempfile.mkdtemp(dir=".")))


def create(session, value):
    group = zarr.open_group(session.store, mode="a")
    group.create_array("a", shape=(4,), chunks=(1,), dtype="i4", fill_value=0)[:] = value


session = repo.writable_session("main")
create(session, 1)
session.commit("first array")

fork = repo.writable_session("main").fork()
zarr.open_group(fork.store, mode="r+")["a"][:] = 9

session = repo.writable_session("main")
del zarr.open_group(session.store, mode="r+")["a"]
create(session, 5)
session.commit("same array, made anew")

session = repo.writable_session("main")
session.merge(fork)
changed = session.has_uncommitted_changes
session.commit("the fork's results")
values = zarr.open_group(repo.readonly_session("main").store, mode="r")["a"][:].tolist()
print(version, "the merged session says it has changes:", changed)
print(version, "history:", [s.message for s in repo.ancestry(branch="main")])
print(version, "written by the fork: [9, 9, 9, 9]; read after merge and commit:", values)
sys.exit(0 if changed and values == [5, 5, 5, 5] else "the behaviour has changed")
EOF
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check icechunk==1.1.21 zarr==3.1.6 numpy==2.4.6
venv/bin/python probe.py

# icechunk 2 needs Python 3.12 or later.
for python in python3 python3.14 python3.13 python3.12 "$(pyenv root 2>/dev/null || true)"/versions/3.1[2-9]*/bin/python3; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        "$python" -m venv venv2
        venv2/bin/pip install -q --disable-pip-version-check icechunk==2.3.0 zarr==3.4.2 numpy==2.5.5
        venv2/bin/python probe.py
        exit
    fi
done
echo "icechunk 2.3.0 not tried: no Python 3.12 or later found"
