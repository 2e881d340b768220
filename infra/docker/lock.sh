#!/bin/sh
# Writes the exact versions and digests of the images' packages, from pyproject.toml:
#   constraints.txt  everything but PyTorch       build.txt      what makes our own wheel
#   torch-gpu.txt    PyTorch with CUDA            torch-cpu.txt  PyTorch without (two lines, by hand)
# OpenVINO comes along, for jobs whose `engine` is one of its own.
# Locked versions stay unless this is called with --upgrade. Needs uv.
set -eu
cd "$(dirname "$0")"

resolve() {
    uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --only-binary :all: --generate-hashes --no-annotate --no-header --no-emit-index-url "$@"
}

cuda='^(torch|triton|nvidia-|cuda-)'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat constraints.txt torch-gpu.txt >"$work/runtime.txt" 2>/dev/null || true
cp build.txt "$work/build.txt" 2>/dev/null || true
resolve ../../pyproject.toml --extra openvino --output-file "$work/runtime.txt" "$@" >/dev/null
echo hatchling | resolve - --output-file "$work/build.txt" "$@" >/dev/null

# A requirement is an unindented line, followed by indented lines with its digests.
awk -v cuda="$cuda" '/^[a-z]/ {keep = $0 !~ cuda} keep' "$work/runtime.txt" >constraints.txt
awk -v cuda="$cuda" '/^[a-z]/ {keep = $0 ~ cuda} keep' "$work/runtime.txt" >torch-gpu.txt
cp "$work/build.txt" build.txt
