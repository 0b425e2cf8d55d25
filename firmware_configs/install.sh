#!/usr/bin/env bash
# Airway on a fresh Raspberry Pi OS or Debian, with one command from a checkout:
#
#   sudo firmware_configs/install.sh --board raspberry-pi-4 --node bedroom
#
# The same command upgrades; the configuration and the history stay. `--uninstall` removes the
# program and the service, `--uninstall --purge` the configuration and the history, too.
# Everything after the options below goes to `airway install-service`, such as --coral.
#
#   --root DIR     install into an image or a test's folder instead: no packages, no restart
#   --dry-run      say what would be done, and do nothing
#   --extras LIST  optional parts of airway-edge (default: mic)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
readonly here

umask 022 # the service's own user reads what is installed here
root='' extras=mic uninstall='' purge='' dry='' service=()
while [ $# -gt 0 ]; do
    case $1 in
    --root) root=${2:?--root needs a folder} && shift ;;
    --extras) extras=${2?--extras needs a list, or an empty word} && shift ;;
    --uninstall) uninstall=yes && service+=("$1") ;;
    --purge) purge=yes && service+=("$1") ;;
    --dry-run) dry=yes && service+=("$1") ;;
    --board)
        [ -f "$here/firmware_configs/boards/${2:?--board needs a name}.toml" ] || {
            echo "install: no board $2; see firmware_configs/boards" >&2 && exit 64
        }
        service+=("$1" "$2") && shift
        ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" && exit ;;
    *) service+=("$1") ;;
    esac
    shift
done
readonly root extras uninstall purge dry
readonly prefix=$root/opt/airway

die() {
    echo "install: $1" >&2
    exit "${2:-69}"
}

# The model's runtime decides: see docs/boards.md.
check_machine() {
    local architecture python
    command -v apt-get >/dev/null || die 'this needs Raspberry Pi OS or Debian (no apt-get here)'
    architecture=$(dpkg --print-architecture)
    [ "$(uname -m)" != armv6l ] ||
        die 'no model runtime exists for ARMv6 (Pi 1, Zero); take a Zero 2 W or newer'
    command -v python3 >/dev/null || die 'no python3 here: apt-get install python3'
    python=$(python3 -c 'import sys; print(sys.version_info >= (3, 11), sys.version_info >= (3, 12))')
    case "$python $architecture" in
    False*) die 'Python 3.11 or later is needed: take Raspberry Pi OS 12 (bookworm) or later' ;;
    *' True armhf') die 'no model runtime exists for 32-bit ARM after Python 3.11: take a 64-bit system' ;;
    esac
}

install_packages() {
    local packages=(python3-venv python3-dev gcc libc6-dev libsndfile1)
    case ,$extras, in *,mic,*) packages+=(portaudio19-dev) ;; esac
    # 32-bit ARM has no wheels of these, and building them takes hours.
    [ "$(dpkg --print-architecture)" != armhf ] || packages+=(python3-numpy python3-cffi)
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${packages[@]}"
}

is_whole() {
    [ -x "$prefix/bin/python" ] && "$prefix/bin/python" -m pip --version > /dev/null 2>&1
}

install_program() {
    local options=()
    [ "$(dpkg --print-architecture)" != armhf ] || options+=(--system-site-packages)
    # A venv whose Python was upgraded, or that was cut short, has no pip that runs.
    is_whole || python3 -m venv --clear "${options[@]}" "$prefix"
    "$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade \
        "$here${extras:+[$extras]}"
}

# What the service's files would be only an installed program can tell.
rehearse() {
    if [ -z "$uninstall" ]; then
        [ -n "$root" ] || echo "would install Debian packages with apt-get"
        echo "would install the program in $prefix"
    fi
    if [ -x "$prefix/bin/python" ]; then
        "${airway[@]}" "${service[@]}"
        [ -z "$uninstall" ] || echo "would remove $prefix"
    fi
}

# Where the program is gone already, as after an uninstallation without --purge.
remove_the_rest() {
    local state=("$root/etc/airway" "$root/var/lib/airway" "$root/var/lib/private/airway")
    [ -n "$purge" ] ||
        die "nothing to remove but ${state[*]}, which --uninstall --purge removes" 0
    rm -rf "${state[@]}"
    echo "removed ${state[*]}"
    exit 0
}

main() {
    [ -z "$purge" ] || [ -n "$uninstall" ] || die '--purge only goes with --uninstall' 64
    local airway=("$prefix/bin/python" -m edge.cli install-service)
    airway+=(--root "${root:-/}" --program /opt/airway/bin/airway)
    if [ -n "$dry" ]; then
        rehearse
        return
    fi
    if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
        die 'this writes to /opt and /etc: run it with sudo' 77
    fi
    if [ -n "$uninstall" ]; then
        [ -x "$prefix/bin/python" ] || remove_the_rest
        "${airway[@]}" "${service[@]}" ||
            die "the program in $prefix does not run: install it again with this script, then remove it" 69
        rm -rf "$prefix"
        echo "removed $prefix"
        return
    fi
    if [ -z "$root" ]; then
        check_machine
        install_packages
    fi
    install_program
    "$prefix/bin/airway" doctor
    "${airway[@]}" "${service[@]}"
}

main
