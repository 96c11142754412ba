#!/bin/sh
# Installs the programs that tests want and that pip does not bring, where that is allowed (Debian, as
# root). What can't be had is said here; its tests skip and say so, and fail under CI=true.
set -u

missing=""
missing_nginx=""
want() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
want chromium chromium
want curl curl
want php php-cli
command -v nginx >/dev/null 2>&1 || [ -x .cache/nginx/usr/sbin/nginx ] || missing_nginx=yes
[ -z "$missing$missing_nginx" ] && exit 0

# Unpacked, not installed: Debian's package starts a server of its own.
unpack_nginx() {
    rm -rf .cache/nginx.part && mkdir -p .cache/nginx.part &&
        (cd .cache/nginx.part && apt-get -qq download nginx && dpkg -x nginx_*.deb .) &&
        mv .cache/nginx.part .cache/nginx
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing${missing_nginx:+ nginx, into .cache} (once)"
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get -qq update
        # shellcheck disable=SC2086
        [ -z "$missing" ] || apt-get -qq install -y --no-install-recommends $missing && missing=""
        [ -z "$missing_nginx" ] || unpack_nginx && missing_nginx=""
    } >/dev/null 2>&1
    [ -z "$missing$missing_nginx" ] && exit 0
fi
missing="$missing${missing_nginx:+ nginx}"
echo "Not installed:$missing. The tests that want them are left out (apt-get install$missing)." >&2
