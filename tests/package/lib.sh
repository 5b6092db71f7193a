# lib.sh - what the scripts of this folder share: the packages, and file systems of their own to install them in.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh" --namespace      where something is mounted: tests/support/namespace.sh
#   make_root NAME DEB...      a root folder with the files of what DEB depends on, and nothing else; --with PACKAGE first: and of that
#   in_root NAME COMMAND...    runs it there
#
# Everything else comes from tests/integration/lib.sh.
packages=${NIGHTJAR_PACKAGES:?where package/make puts the packages}
build=${NIGHTJAR_BUILD:?the folder that CMake builds in}

if [[ ${1:-} == --namespace ]]; then
    . "$(dirname "${BASH_SOURCE[0]}")/../support/namespace.sh"
    enter_namespace
fi
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"

# What is mounted goes before the folder does; noted before it is mounted, because a signal may come between.
mounted=()
trap 'end_packages $?' EXIT

end_packages() { # EXIT CODE
    local path
    for path in "${mounted[@]}"; do
        umount --recursive "$path" 2>/dev/null || umount --recursive --lazy "$path" 2>/dev/null || true
    done
    end_test "$1"
}

# The packages as made, by name.
deb() { # PACKAGE
    local found=("$packages/$1"_*.*deb) # .ddeb: debug symbols
    [[ -e ${found[0]} && ${#found[@]} -eq 1 ]] || fail "not one package $1 in $packages"
    echo "${found[0]}"
}

field() { # DEB FIELD
    dpkg-deb -f "$1" "$2"
}

make_root() { # NAME [--with PACKAGE] DEB...
    /usr/bin/python3 "$source_dir/tests/package/make_root.py" "$PWD/$1" "${@:2}"
    mkdir -p "$1/proc" "$1/dev" "$1/tmp"
    touch "$1/dev/null"
    mounted+=("$PWD/$1/proc")
    mount -t proc proc "$1/proc"
    mounted+=("$PWD/$1/dev/null")
    mount --bind /dev/null "$1/dev/null"
}

in_root() { # NAME COMMAND...
    local root=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin HOME=/tmp LC_ALL=C.UTF-8 chroot "$root" "$@"
}

# dpkg of this machine on a root of ours; what it complains of is a failure. Scripts of packages run inside, by chroot. Everything is unpacked,
# also what the machine leaves out (images of containers leave out documentation).
dpkg_in() { # NAME OPTION...
    local root=$1
    shift
    dpkg --root="$PWD/$root" --log="$PWD/dpkg-$root.log" --path-include='/*' "$@" >"dpkg-$root.out" 2>&1 || {
        cat "dpkg-$root.out" >&2
        fail "dpkg $* in $root"
    }
    ! grep -i 'warning' "dpkg-$root.out" >&2 || fail "dpkg $* in $root complains"
}

# The demo's night of users.txt from the programs installed there: the same lists as from those of this build (make_night).
run_night() { # NAME
    cp -r "$data" "$1/tmp/data"
    cp users.txt "$1/tmp/users.txt"
    cat >"$1/tmp/night" <<'END'
set -eu
cd /tmp
nightjar catalogue import --sids data/sids.npy --codes-per-level 16 --ids data/items.txt --out cat
nightjar bundle pack --model data/model --catalogue cat --histories data/histories.txt --no-pairing-check --out night.njb
nightjar run --bundle night.njb --users users.txt --beam 20 --top 10 --store store --workers 2
END
    in_root "$1" sh /tmp/night >night.out 2>night.log || fail "the night of the installed programs ends with exit $?"
    in_root "$1" nightjar store export --store /tmp/store --to jsonl >export.jsonl 2>export.log
    cmp export.jsonl expected.jsonl || fail "the installed programs publish other lists"
}

# Every file, folder and link of a root, with what dpkg keeps for each package; not what tests put in tmp, nor dpkg's own lists.
print_tree() { # NAME
    (cd "$1" && find . \( -path ./tmp -o -path ./proc -o -path ./dev \) -prune -o -path './var/lib/dpkg/info/*' -printf '%p\n' -o \
        -path './var/lib/dpkg/*' -o -type d -printf '%p %y %m\n' -o -printf '%p %y %m %s %l\n') | sort # a folder's size is its disk's affair
}
