#!/usr/bin/env bash
# dask-gateway-server 2026.3.0 with distributed 2026.8.0: with its own settings no cluster starts.
# Seen: new_cluster() ends in GatewayClusterError "Cluster '...' failed to start, see logs for more information" after a
#   second. The cause stands in the server's log alone: FileNotFoundError: 'dask-scheduler'. Both packages install
#   together without a word. With scheduler_cmd = ["dask", "scheduler"] and worker_cmd = ["dask", "worker"] it starts.
# Expected: defaults that exist in the Dask that is installed with it.
# Why it matters: whoever follows the local quick start gets a gateway that starts nothing.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    dask-gateway==2026.3.0 "dask-gateway-server[local]==2026.3.0" distributed==2026.8.0 dask==2026.8.0
export PATH="$tmp/venv/bin:$PATH"
ports=$(python -c 'import socket; s = [socket.create_server(("127.0.0.1", 0)) for _ in "ab"]
print(*(one.getsockname()[1] for one in s))')
read -r api proxy <<<"$ports"

cat >config.py <<EOF
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.DaskGateway.address = "127.0.0.1:$api"
c.Proxy.address = "127.0.0.1:$proxy"
EOF
cat >start.py <<EOF
import sys, time
from dask_gateway import BasicAuth, Gateway, GatewayClusterError

with Gateway("http://127.0.0.1:$api", proxy_address="tls://127.0.0.1:$proxy", auth=BasicAuth("me")) as gateway:
    for _ in range(300):
        try:
            gateway.list_clusters()
            break
        except OSError:
            time.sleep(0.2)
    try:
        with gateway.new_cluster() as cluster:
            found = cluster.status
    except GatewayClusterError as error:
        found = "failed to start" if "failed to start" in str(error) else str(error)
print(sys.argv[1], "->", found)
sys.exit(found != sys.argv[2])
EOF

try() {  # what, expected, log
    dask-gateway-server -f config.py >"$3" 2>&1 &
    server=$!
    python start.py "$1" "$2"
    kill "$server"
    wait "$server" || true
}

try "its own settings" "failed to start" own.log
grep -o "FileNotFoundError: .*dask-scheduler.*" own.log | head -1
cat >>config.py <<'EOF'
c.ClusterConfig.scheduler_cmd = ["dask", "scheduler"]
c.ClusterConfig.worker_cmd = ["dask", "worker"]
EOF
try "the commands named" "running" named.log
