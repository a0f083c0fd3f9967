#!/usr/bin/env bash
# Measures wgrad on this machine's GPU, with PyTorch beside it where its GPU build is installed, in 8 minutes at most:
#
#   tools/gpu_report.sh                       builds wgrad and its benchmarks with cargo, then measures
#   BIN=DIR tools/gpu_report.sh               measures the programs `wgrad`, `step` and `dispatch` in DIR; needs no Rust
#   tools/gpu_report.sh --build DIR           only builds, and copies the three programs to DIR
#
# It needs python3, of which it uses the standard library only. `tools/gpu_report.sh --help` lists the options.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
    echo "there is no $python: install Python 3.9 or newer, or set PYTHON" >&2
    exit 1
}
exec "$python" "$here/gpu_report/report.py" "$@"
