# shellcheck shell=bash
# What the project's own commands share: messages, and installing what is missing. To be sourced.
# Needs nothing but bash, coreutils and, to install, apt.

lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# A line about what is going on.
lib_say() {
    printf '%s: %s\n' "${0##*/}" "$*"
}

# The last line of a command that cannot go on; ends it with status 1.
lib_die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command as root: as it is, or through sudo without asking for a password twice.
lib_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# The package names of the groups given, one a line.
lib_packages() {
    local group package wanted
    while read -r group package; do
        for wanted in "$@"; do
            if [ "$group" = "$wanted" ]; then
                printf '%s\n' "$package"
            fi
        done
    done <"$lib_dir/dependencies"
}

# Those of the groups' packages that are not installed, one a line.
lib_missing() {
    local package
    for package in $(lib_packages "$@"); do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            printf '%s\n' "$package"
        fi
    done
}

# Installs what is missing of the groups given, and says what. Ends the command when it cannot.
lib_install() {
    local missing
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        lib_say "not a Debian system, so nothing is installed; needed are what Debian calls:"
        lib_say "$(lib_packages "$@" | tr '\n' ' ')"
        return
    fi
    missing=$(lib_missing "$@" | tr '\n' ' ')
    if [ -z "$missing" ]; then
        return
    fi
    lib_say "installing from Debian: $missing"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        lib_die "that needs root and there is no sudo; as root: apt-get install $missing"
    fi
    lib_as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null ||
        lib_die "apt-get update failed; is the network there?"
    # shellcheck disable=SC2086  # one word per package
    lib_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends $missing </dev/null >/dev/null ||
        lib_die "apt-get install failed; try it by hand: apt-get install $missing"
}

# How many jobs to run at a time.
lib_jobs() {
    nproc 2>/dev/null || printf '2\n'
}
