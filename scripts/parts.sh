#!/bin/sh
# Installs the programs that tests want and that pip does not bring, where that is allowed (Debian, as
# root). What can't be had is said here; its tests skip and say so, and fail under CI=true.
set -u

missing=""
want() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
want chromium chromium
want curl curl
want php php-cli
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing (once)"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } \
        >/dev/null 2>&1 && exit 0
fi
echo "Not installed:$missing. The tests that want them are left out (apt-get install$missing)." >&2
