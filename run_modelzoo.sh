#!/bin/sh
# Find a Python 3.10 to 3.13 and hand everything to tinyml_nas/_bootstrap.py, which sets up a private
# environment beside this file the first time and starts the program:  ./run_modelzoo.sh CONFIG.yaml
# TINYML_PYTHON names the Python to use.

file=$0
while [ -h "$file" ]; do # follow links, so that a link to this file in ~/bin works
    target=$(readlink -- "$file") || break
    case $target in
        /*) file=$target ;;
        *) file=$(dirname -- "$file")/$target ;;
    esac
done
here=$(CDPATH='' cd -- "$(dirname -- "$file")" && pwd -P) || exit 6

# A candidate is accepted by running it: stubs, shims and 32-bit builds fail here.
probe='import sys; sys.exit(not ((3, 10) <= sys.version_info[:2] <= (3, 13) and sys.maxsize > 2**32))'
accepts() { "$1" -S -E -c "$probe" </dev/null >/dev/null 2>&1; }

if [ -n "${TINYML_PYTHON:-}" ] && ! accepts "$TINYML_PYTHON"; then
    echo "run_modelzoo: TINYML_PYTHON=$TINYML_PYTHON is no 64-bit Python 3.10 to 3.13, looking further" >&2
    unset TINYML_PYTHON
fi
# The environment made earlier comes before the search: it is the fastest to find.
for python in "${TINYML_PYTHON:-}" "$here/.venv/bin/python" \
    python3.12 python3.11 python3.13 python3.10 python3 python; do
    if [ -n "$python" ] && accepts "$python"; then
        export TINYML_COMMAND="$0" # what the program tells the user to type
        exec "$python" -I "$here/tinyml_nas/_bootstrap.py" "$@"
    fi
done
echo "run_modelzoo: no 64-bit Python 3.10 to 3.13 found; tried python3.12, python3.11, python3.13," >&2
echo "python3.10, python3 and python. Install one, or set TINYML_PYTHON to its path." >&2
exit 6
