#!/usr/bin/env bash
# icechunk 1.1.21 and 2.3.0: Session.merge does not look at the snapshot from which a fork was made.
# Seen: a fork is made at snapshot 1 and writes a[0] = 1; somebody else then commits a[0] = 2 (snapshot 2). Merged into
#   a new session on snapshot 2, the fork takes a[0] back to 1. merge and commit both succeed, no conflict is raised.
# Expected: an error at merge, or a conflict at commit, as where the same fork is merged into the session that made it
#   (ConflictError, shown below). To open a fresh session is what one does after a commit was refused.
# Why it matters: a retry that saves the workers' finished forks undoes, without a word, what others committed meanwhile.
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


def array(session, mode="r+"):
    return zarr.open_group(session.store, mode=mode)["a"]


def commit(value):
    session = repo.writable_session("main")
    array(session)[0] = value
    session.commit(f"a[0] = {value}")


session = repo.writable_session("main")
zarr.group(session.store).create_array("a", shape=(1,), chunks=(1,), dtype="i4", fill_value=0)
session.commit("an array")

coordinator = repo.writable_session("main")
fork = coordinator.fork()
array(fork)[0] = 1
commit(2)

coordinator.merge(fork)
try:
    coordinator.commit("merged into the session that made the fork")
    refused = False
except icechunk.ConflictError:
    refused = True
print(version, "merged into its own session: commit refused with ConflictError:", refused)

retry = repo.writable_session("main")
print(version, "a[0] as the new session sees it before the merge:", array(retry, "r")[0])
retry.merge(fork)
retry.commit("merged into a session on a later snapshot")
after = int(array(repo.readonly_session("main"), "r")[0])
print(version, "a[0] after merge and commit, both without error:", after)
sys.exit(0 if refused and after == 1 else "the behaviour has changed")
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
