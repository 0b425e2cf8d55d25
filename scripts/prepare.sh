#!/usr/bin/env bash
# Make an environment inside the checkout ready, once:
#
#   scripts/prepare.sh run     .venv-run: the lean install of a device
#   scripts/prepare.sh test    .venv: every dependency, at the versions of requirements.lock
#
# No root is needed and no package cache is kept. Nothing outside the checkout is written, but for
# Debian's packages that the tests use, where installing them needs no password.
# A stamp over everything that decides the result makes the second call instant.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly target=${1:?usage: scripts/prepare.sh run|test}
readonly python=${PYTHON:-python3}
readonly tools=.cache/tools # what the machine lacks and can be fetched without root
case $target in
run) readonly venv=.venv-run ;;
test) readonly venv=.venv ;;
*) echo "prepare: '$target' is not run or test" >&2 && exit 64 ;;
esac

export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { echo "prepare: $*" >&2; }

die() {
    say "$*"
    exit 69
}

# logged COMMAND…: run quietly; show the end of its output only when it fails.
logged() {
    local log=.cache/prepare.log
    mkdir -p .cache
    "$@" >"$log" 2>&1 || {
        tail -n 25 "$log" >&2
        die "'$*' failed; the whole output is in $log"
    }
}

# unpack_debian FOLDER PACKAGE…: fetch packages with the libraries they need that are not
# installed, through apt's own signed lists but in folders of ours, and unpack them.
unpack_debian() {
    local apt=$PWD/.cache/apt folder=$1 deb
    shift
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$folder"
    local options=(-qq -y -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt"
        -o "Dir::Cache::archives=$apt/archives" -o "Dir::Log=$apt"
        -o Debug::NoLocking=1 -o "APT::Sandbox::User=$(id -un)"
        -o APT::Install-Recommends=0)
    # The subshell stops here if the lists or a package can't be had.
    (
        set -e
        apt-get "${options[@]}" update
        apt-get "${options[@]}" --download-only --reinstall install "$@"
        for deb in "$apt"/archives/*.deb; do dpkg-deb -x "$deb" "$folder"; done
    ) >.cache/apt.log 2>&1 || return 1
    rm -rf "$apt"
}

# A broker: the installed one, or Debian's package unpacked in the checkout. Installing the
# package properly would start a system service that nobody asked for.
need_mosquitto() {
    local installed
    [ -x "$tools/bin/mosquitto" ] && return
    mkdir -p "$tools/bin"
    if installed=$(PATH=$PATH:/usr/sbin:/sbin command -v mosquitto); then # not in every user's path
        ln -sf "$installed" "$tools/bin/mosquitto"
        return
    fi
    say "fetching the mosquitto broker into $tools"
    if ! unpack_debian "$tools/debian" mosquitto; then
        say "no mosquitto broker here: install the package 'mosquitto' to have it"
        return
    fi
    # A wrapper keeps the search path for its libraries away from every other program.
    cat >"$tools/bin/mosquitto" <<'EOF'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/../debian
for libraries in "$root"/usr/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*; do
    LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$root/usr/sbin/${0##*/}" "$@"
EOF
    sed 's|usr/sbin/|usr/bin/|' "$tools/bin/mosquitto" >"$tools/bin/mosquitto_passwd"
    chmod +x "$tools/bin/"*
    "$tools/bin/mosquitto" -h >/dev/null 2>&1 || [ $? -ne 127 ] || die "the fetched mosquitto does not start"
}

# install_debian PACKAGE…: the only change to the machine itself. Only the tests are worth it, and
# only where it needs no password.
install_debian() {
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    [ "$target" = test ] && command -v apt-get >/dev/null && "${root[@]}" true 2>/dev/null || return 1
    say "installing $*"
    "${root[@]}" apt-get -qq update >.cache/apt.log 2>&1 &&
        "${root[@]}" apt-get -qq -y --no-install-recommends install "$@" >>.cache/apt.log 2>&1
}

# A compiler for the C frontend. Without one everything works on the NumPy reference.
need_compiler() {
    local packages=(gcc libc6-dev python3-dev)
    command -v cc >/dev/null && "$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' && return
    install_debian "${packages[@]}" && return
    say "no C compiler for $python: the slower NumPy frontend serves; install ${packages[*]} for the C one"
}

# A browser for the tests of the pages, which are skipped without one.
need_browser() {
    local name
    [ "$target" = test ] || return 0
    for name in chromium-headless-shell chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    install_debian chromium-headless-shell || install_debian chromium ||
        say "no Chromium here: the tests of the pages in a browser are skipped"
}

# A sound server with a virtual microphone, and PortAudio's headers, from which PyAudio is built:
# for the tests of the microphone, which are skipped without them.
need_sound_server() {
    local packages=(portaudio19-dev pulseaudio pulseaudio-utils libasound2-plugins)
    [ "$target" = test ] || return 0
    command -v pulseaudio >/dev/null && command -v pacat >/dev/null && has_portaudio && return
    install_debian "${packages[@]}" ||
        say "no virtual microphone here: its tests are skipped; install ${packages[*]} to have them"
}

has_portaudio() { echo '#include <portaudio.h>' | cc -E - >/dev/null 2>&1; }

# PyAudio comes as source alone, and builds only where PortAudio is: so it is in no lock, and
# its version and digest are here.
need_pyaudio() {
    local wanted=$venv/pyaudio.txt
    has_portaudio || return 0
    echo "PyAudio==0.2.14 --hash=sha256:78dfff3879b4994d1f4fc6485646a57755c6ee3c19647a491f790a0895bd2f87" >"$wanted"
    "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --require-hashes \
        -r "$wanted" >.cache/pyaudio.log 2>&1 ||
        say "PyAudio could not be built: the tests of the microphone are skipped; see .cache/pyaudio.log"
}

need_python() {
    command -v "$python" >/dev/null || die "no $python here: install Python 3.11 or later"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "'$python' is $("$python" --version 2>&1), and Airway needs Python 3.11 or later: make PYTHON=python3.12 …"
}

need_venv() {
    # A moved checkout, an upgraded Python or another PYTHON leaves a folder that won't do.
    local version='import sys; print(sys.version)'
    [ "$("$venv/bin/python" -c "$version" 2>/dev/null)" = "$("$python" -c "$version")" ] &&
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    say "creating $venv with $("$python" --version)"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        logged "$python" -m venv --clear "$venv"
    else # Debian splits pip's wheel off the interpreter
        unpack_debian "$tools/debian" python3-pip-whl ||
            die "this Python has no ensurepip: install the package 'python3-venv'"
        logged "$python" -m venv --clear --without-pip "$venv"
        local wheels=("$tools"/debian/usr/share/python-wheels/pip-*.whl)
        logged "$venv/bin/python" "${wheels[0]}/pip" install --no-index "${wheels[0]}"
    fi
}

# Everything that decides what an environment holds. An editable install sees later changes
# of Python code by itself, but not of metadata, of locked versions or of C.
fingerprint() {
    {
        pwd
        "$python" -c 'import sys; print(sys.version, sys.prefix)'
        find pyproject.toml requirements.lock scripts/prepare.sh $(ls setup.py 2>/dev/null) \
            $(find edge -name '*.[ch]') -type f -exec sha256sum {} + | sort
    } | sha256sum
}

main() {
    local stamp=$venv/.prepared want
    need_python
    need_mosquitto
    want=$(fingerprint)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] &&
        "$venv/bin/python" -c 'import edge' 2>/dev/null; then
        return
    fi
    need_venv
    need_compiler
    need_browser
    need_sound_server
    local lean=$venv/constraints.txt # the locked versions, without hashes: `.` can't have one
    grep -oE '^[a-z][^\\]*[^ \\]' requirements.lock >"$lean"
    if [ "$target" = run ]; then
        say "installing the device's dependencies into $venv (about a minute)"
        logged "$venv/bin/python" -m pip install -c "$lean" -e .
    else
        say "installing the locked development set into $venv (a few minutes, 2 GB)"
        logged "$venv/bin/python" -m pip install --require-hashes --only-binary :all: -r requirements.lock
        logged "$venv/bin/python" -m pip install --no-deps --no-build-isolation -e .
        need_pyaudio
        say "keeping the wheels of the lean install for its test"
        rm -rf .cache/wheels
        logged "$venv/bin/python" -m pip download -c "$lean" -d .cache/wheels . 'setuptools>=77'
    fi
    echo "$want" >"$stamp"
    say "$venv is ready"
}

main
