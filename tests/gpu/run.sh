#!/usr/bin/env bash
# A GPU day from this checkout, without network and without installing anything into the machine's
# Python: what it lacks is installed from tests/gpu/wheels (see wheels.sh) into build/gpu-packages.
#
#     tests/gpu/run.sh [PART ...] [--json FILE] [--minutes N]        PYTHON=... for another python3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PYTHON=${PYTHON:-python3}
packages=$PWD/build/gpu-packages

if ! "$PYTHON" -P -c 'import packaging' 2>/dev/null; then # whatever brings torch brings it
    echo "$PYTHON has no packages: name the Python that has torch and transformers, PYTHON=..." >&2
    exit 3
fi
if ! lacking=$("$PYTHON" -P tests/gpu/packages.py install tests/gpu/wheels); then
    echo "Run tests/gpu/wheels.sh where there is a network, and bring tests/gpu/wheels along." >&2
    exit 3
fi
if [ "$lacking" != "$(cat "$packages/.brought" 2>/dev/null || true)" ]; then
    rm -rf "$packages"
    mkdir -p "$packages"
    mapfile -t wheels <<<"$lacking"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-compile \
        --target "$packages" "${wheels[@]}"
    echo "$lacking" >"$packages/.brought"
fi
# Workers are processes of their own: they find the checkout and the packages by this too.
export PYTHONPATH="$PWD:$packages${PYTHONPATH:+:$PYTHONPATH}"
export HF_HUB_OFFLINE=1 # nothing waits for a network
exec "$PYTHON" -m tests.gpu "$@"
