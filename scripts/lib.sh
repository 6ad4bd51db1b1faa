# Sourced by the scripts beside it: finds or fetches uv, and makes the project's environment.
# Needs python3 (3.11 or newer) with venv, and git. Nothing is installed outside the checkout, but for a browser that the
# tests need, where root runs them on a Debian without one.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
uv_wanted="0.9"

# uv brings certificates of its own; the box's may hold an authority that git and Debian's pip trust here.
certificates=${SSL_CERT_FILE:-${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}}
[ -n "${SSL_CERT_DIR:-}" ] || [ ! -r "$certificates" ] || export SSL_CERT_FILE="$certificates"

say() { printf '%s\n' "$*" >&2; }

new_enough() { # VERSION MINIMUM
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "Pullet needs Python 3.11 or newer, and found none. On Debian 12: apt-get install python3 python3-venv git"
    exit 1
}

find_uv() {
    local version python
    if version=$(uv --version 2>/dev/null) && new_enough "$(printf '%s' "$version" | cut -d ' ' -f 2)" "$uv_wanted"; then
        command -v uv
        return
    fi
    if [ ! -x "$checkout/.tools/bin/uv" ]; then
        python=$(find_python)
        say "Fetching uv into $checkout/.tools …"
        "$python" -m venv "$checkout/.tools" ||
            { say "python3 has no venv. On Debian: apt-get install python3-venv"; exit 1; }
        "$checkout/.tools/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=$uv_wanted"
    fi
    printf '%s\n' "$checkout/.tools/bin/uv"
}

wanted() { printf '%s' "$1 $(cksum <"$checkout/locks/$1.txt") $(cksum <"$checkout/pyproject.toml")"; }

is_synced() { # runtime is part of dev: who works on Pullet keeps the tools
    local found
    [ -x "$checkout/.venv/bin/pullet" ] && found=$(cat "$checkout/.venv/.synced" 2>/dev/null) || return 1
    [ "$found" = "$(wanted "$1")" ] || { [ "$1" = runtime ] && [ "$found" = "$(wanted dev)" ]; }
}

# sync runtime|dev: brings .venv to what the lock says. A stamp keeps the second call to a few milliseconds.
sync() {
    local uv
    is_synced "$1" && return
    [ -w "$checkout" ] || { say "$checkout needs setting up, and you may not write there: ask its owner to run scripts/pullet once."; exit 1; }
    say "Setting up Pullet in $checkout/.venv …"
    uv=$(find_uv)
    export UV_PYTHON_DOWNLOADS=never
    [ -x "$checkout/.venv/bin/python" ] || "$uv" venv --quiet --python "$(find_python)" "$checkout/.venv"
    "$uv" pip sync --quiet --python "$checkout/.venv/bin/python" --require-hashes "$checkout/locks/$1.txt"
    "$uv" pip install --quiet --python "$checkout/.venv/bin/python" --no-deps --editable "$checkout"
    wanted "$1" >"$checkout/.venv/.synced"
}

# A Chromium for the tests, by apt where that is possible.
have_browser() {
    command -v chromium >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "Installing Chromium for the tests …"
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) >/dev/null 2>&1
    command -v chromium >/dev/null
}
