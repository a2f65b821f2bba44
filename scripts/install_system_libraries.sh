#!/usr/bin/env bash
# Check that this machine has what pip cannot install, and install it where that is possible (root on Debian or Ubuntu).
#
#   scripts/install_system_libraries.sh PART...
#
# PART: venv   Python 3.11 or newer that can make virtual environments
#       gui    the shared objects that Qt and OpenGL need
#       xvfb   a display without a screen, for the GUI tests
#
# Shared objects and commands are looked for, not packages: their names are the same on every Linux.
set -euo pipefail

PYTHON=${PYTHON:-python3}

# shared object and the Debian package that brings it
GUI_LIBRARIES="
libEGL.so.1                  libegl1
libGL.so.1                   libgl1
libOpenGL.so.0               libopengl0
libglib-2.0.so.0             libglib2.0-0
libdbus-1.so.3               libdbus-1-3
libfontconfig.so.1           libfontconfig1
libX11-xcb.so.1              libx11-xcb1
libxkbcommon-x11.so.0        libxkbcommon-x11-0
libxcb-cursor.so.0           libxcb-cursor0
libxcb-icccm.so.4            libxcb-icccm4
libxcb-image.so.0            libxcb-image0
libxcb-keysyms.so.1          libxcb-keysyms1
libxcb-randr.so.0            libxcb-randr0
libxcb-render-util.so.0      libxcb-render-util0
libxcb-shape.so.0            libxcb-shape0
libxcb-xinerama.so.0         libxcb-xinerama0
libxcb-xfixes.so.0           libxcb-xfixes0
"

fail() {
    echo "error: $*" >&2
    exit 1
}

has_command() {
    command -v "$1" >/dev/null
}

# ldconfig is in /sbin, which is not on every user's path.
shared_objects=$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null || true)

has_shared_object() {
    grep -qF "$1 (" <<<"$shared_objects"
}

# Mesa's software renderer is loaded by path, so ldconfig does not list it.
has_software_gl() {
    compgen -G "/usr/lib*/dri/*_dri.so" >/dev/null || compgen -G "/usr/lib/*/dri/*_dri.so" >/dev/null
}

check_python() {
    has_command "$PYTHON" || fail "Python 3.11 or newer is needed and '$PYTHON' was not found. Install it, or name it: make PYTHON=/path/to/python3 ..."
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed, '$PYTHON' is $("$PYTHON" -V 2>&1). Name a newer one: make PYTHON=python3.11 ..."
}

# Each prints the Debian packages of what is missing.
missing_venv() {
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        "$PYTHON" -c 'import sys; print("python3.%d-venv" % sys.version_info.minor)'
}

missing_gui() {
    local library package
    while read -r library package; do
        [[ -z $library ]] || has_shared_object "$library" || echo "$package"
    done <<<"$GUI_LIBRARIES"
    has_software_gl || echo libgl1-mesa-dri
}

missing_xvfb() {
    has_command Xvfb && has_command xvfb-run || echo xvfb
    has_command xauth || echo xauth
}

missing_of() {
    local part
    for part in "$@"; do
        case $part in
            venv | gui | xvfb) "missing_$part" ;;
            *) fail "no part called '$part': must be venv, gui or xvfb" ;;
        esac
    done
}

install() {
    echo "Installing system libraries: $*"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

check_python
missing=$(missing_of "$@" | tr '\n' ' ')
[[ -n ${missing// /} ]] || exit 0

if ! has_command apt-get; then
    fail "system libraries are missing. Install what your distribution calls these Debian packages: $missing"
elif [[ $(id -u) != 0 ]]; then
    fail "system libraries are missing. Run this, then try again:
sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing"
fi

read -ra packages <<<"$missing"
install "${packages[@]}"

# The fresh libraries must be seen, or the next step fails in a way that nobody understands.
shared_objects=$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p)
still_missing=$(missing_of "$@" | tr '\n' ' ')
[[ -z ${still_missing// /} ]] || fail "installed, but still not found: $still_missing"
