#!/bin/sh
# Make a virtual environment in $1 with the first Python >= 3.11 found; $PYTHON is asked first.
set -eu
venv=${1:?usage: venv.sh DIRECTORY}

fits() {
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" && echo "$PYTHON" && return
        echo "PYTHON=$PYTHON is not Python 3.11 or newer" >&2
        return 1
    fi
    for candidate in python3.13 python3.12 python3.11 python3; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "Tokenhouse needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3" >&2
    return 1
}

can_make_venv() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

python=$(find_python)
if ! can_make_venv "$python"; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing $package, which makes virtual environments"
        apt-get install -y -qq "$package" || { apt-get update -qq && apt-get install -y -qq "$package"; }
    fi
fi
if ! can_make_venv "$python"; then
    echo "$python cannot make virtual environments. On Debian or Ubuntu: apt-get install $package" >&2
    exit 1
fi
"$python" -m venv --clear "$venv"
