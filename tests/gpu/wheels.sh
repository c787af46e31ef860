#!/usr/bin/env bash
# Download what a GPU day needs beside what a machine with a GPU has (packages.py says which):
# Python 3.12, manylinux. Run it where there is a network, then take the checkout with the folder
# tests/gpu/wheels to the machine, and run run.sh there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ -n "${PYTHON:-}" ] || { PYTHON=.venv/bin/python; [ -x "$PYTHON" ] || PYTHON=python3; }
folder=tests/gpu/wheels
most=55000000 # bytes

rm -rf "$folder"
mkdir -p "$folder"
for _ in 1 2 3 4 5 6 7 8 9; do # what is downloaded requires more, until nothing is missing
    mapfile -t missing < <("$PYTHON" -P tests/gpu/packages.py download "$folder")
    [ "${#missing[@]}" -gt 0 ] || break
    "$PYTHON" -m pip download --quiet --disable-pip-version-check --dest "$folder" \
        --no-deps --only-binary=:all: --implementation cp --python-version 3.12 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux2014_x86_64 --constraint constraints.txt "${missing[@]}"
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "Still missing: ${missing[*]}" >&2
    exit 1
fi
sum=$(cat "$folder"/*.whl | wc -c)
echo "$folder: $(find "$folder" -name '*.whl' | wc -l) wheels, $((sum / 1000000)) MB together."
if [ "$sum" -gt "$most" ]; then
    echo "More than $((most / 1000000)) MB." >&2
    exit 1
fi
