# What scripts/test and scripts/demo share, to be sourced with $project set: telling, installing, the Python environment.

GENERAL_PACKAGES="git openssh-client"
LIBVIRT_PACKAGES="qemu-system-x86 qemu-utils libvirt-daemon-system libvirt-clients libvirt-dev pkg-config gcc
    libc6-dev dnsmasq-base iptables nftables iproute2 procps kmod"
TEST_PACKAGES="ovmf gnutls-bin gnupg mmdebstrap e2fsprogs"
TEST_SERVERS="openssh-server"
PYTHON_PACKAGES="python3 python3-venv python3-dev"
environment=$project/.venv
PATH=$PATH:/usr/sbin:/sbin

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

is_debian() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

can_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -v; }
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

# Print those of the named packages that are not installed.
missing_packages() {
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) in
        ?i*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# Install what is missing of the named packages.
install_packages() {
    is_debian || { say "Not a Debian system: install by hand what corresponds to: $*"; return 1; }
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    can_be_root || { say "Neither root nor sudo: these packages have to be installed first: $missing"; return 1; }
    say "Installing $missing"
    # shellcheck disable=SC2086 # one word per package
    as_root apt-get update -q >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
}

# Install servers that the tests run by themselves: on this machine they are neither started nor start with it.
install_dormant() {
    is_debian && [ -n "$(missing_packages "$@")" ] || { install_packages "$@"; return; }
    say "Installing $*, without letting it start: the tests run it in namespaces of their own."
    policy=/usr/sbin/policy-rc.d kept=
    [ ! -e $policy ] || kept=yes
    [ -n "$kept" ] || printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin $policy
    installed=0
    install_packages "$@" || installed=1
    [ -n "$kept" ] || as_root rm -f $policy
    [ ! -d /run/systemd/system ] || as_root systemctl disable -q ssh.service ssh.socket >&2 || true
    return $installed
}

# End with words where a program is missing that nothing can be left out for.
need_programs() {
    lacking=
    for program in "$@"; do
        command -v "$program" >/dev/null || lacking="$lacking $program"
    done
    [ -z "$lacking" ] || die "These programs are needed, and are not installed:$lacking"
}

# Whether a Python is new enough, can make environments, and (for libvirt's bindings) can compile.
python_serves() {
    command -v "$1" >/dev/null && "$1" - "$2" <<'PYTHON' 2>/dev/null
import ensurepip, os, sys, sysconfig, venv
assert sys.version_info >= (3, 11)
assert sys.argv[1] != "compile" or os.path.exists(sysconfig.get_path("include") + "/Python.h")
PYTHON
}

# Print a Python that serves.
find_python() {
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        if python_serves "$candidate" "$1"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# Make the environment with the named extras, unless it is there and nothing changed.
make_environment() {
    purpose=run
    case $1 in *libvirt*) purpose=compile ;; esac
    # shellcheck disable=SC2086 # one word per package
    python=$(find_python $purpose) || { install_packages $PYTHON_PACKAGES && python=$(find_python $purpose); } ||
        die "Python 3.11 or newer with venv (and its headers) is needed."
    state="$1 $("$python" -VV) $(cksum <"$project/pyproject.toml")"
    if [ "$(cat "$environment/installed" 2>/dev/null)" != "$state" ]; then
        say "Making a Python environment in .venv"
        rm -rf "$environment"
        "$python" -m venv "$environment"
        "$environment/bin/python" -m pip install -qq --disable-pip-version-check -e "$project[$1]" >&2
        printf '%s\n' "$state" >"$environment/installed"
    fi
}
