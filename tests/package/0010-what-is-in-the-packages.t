# Each package has its programs, stripped, hardened and with the build id under which its debug symbols are found; depends on what they
# load and on nothing else; says one version; and does not show where it was built.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect_has() { # FILE PATTERN WHAT
    grep -Eq -- "$2" "$1" || fail "$3: no \"$2\""
}

expect_lacks() { # FILE PATTERN WHAT
    ! grep -Eq -- "$2" "$1" || fail "$3: $(grep -E -m1 -- "$2" "$1")"
}

# One version, from one place.
version=$(sed -n 's/^project(nightjar VERSION \([0-9.]*\) .*/\1/p' "$source_dir/CMakeLists.txt")
[[ $(dpkg-parsechangelog -l "$source_dir/ops/package/changelog" -S Version) == "$version" ]] || fail "the changelog is not at $version"
for program in nightjar nightjar-coordinator nightjar-worker; do
    [[ $("$program" --version) == "$program $version" ]] || fail "$program --version is not $version"
done

expect_program() { # NAME PACKAGE
    local path=root-$2/usr/bin/$1 id
    readelf -W -h -l -d -S -n -s "$path" >"$1.elf" 2>&1
    expect_has "$1.elf" 'Type: +DYN' "$1 has no position of its own at every start"
    expect_has "$1.elf" 'GNU_RELRO' "$1"
    expect_has "$1.elf" '(FLAGS).*BIND_NOW' "$1"
    expect_has "$1.elf" 'GNU_STACK .* RW ' "$1 has an executable stack"
    expect_has "$1.elf" '__stack_chk_fail' "$1"
    expect_has "$1.elf" '__[a-z]*printf_chk' "$1 is not fortified"
    expect_lacks "$1.elf" '\.(symtab|debug_info)' "$1 is not stripped"
    expect_lacks "$1.elf" 'RPATH|RUNPATH' "$1"

    # The build id is that of the program as built, and leads to its symbols.
    id=$(sed -n 's/.*Build ID: //p' "$1.elf")
    readelf -n "$bin/$1" >built.elf
    expect_has built.elf "Build ID: $id" "$1 as built"
    [[ -s root-$2-dbgsym/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug ]] || fail "$2-dbgsym has nothing for $1, build id $id"
    readelf -W -S "root-$2-dbgsym/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug" >symbols.elf
    expect_has symbols.elf '\.debug_info' "the symbols of $1"
}

for name in nightjar nightjar-worker; do
    file=$(deb "$name")
    dpkg-deb -x "$file" "root-$name"
    dpkg-deb -x "$(deb "$name-dbgsym")" "root-$name-dbgsym"
    dpkg-deb -I "$file" >"$name.info"
    expect_has "$name.info" "^ Architecture: $(dpkg --print-architecture)\$" "$name"
    expect_has "$name.info" '^ Depends: .*libopenblas0-serial \| libopenblas0(,|$)' "$name"
    [[ $(field "$file" Version) == "$version" || $(field "$file" Version) == "$version~failpoints" ]] ||
        fail "$file says version $(field "$file" Version)"
    dpkg-deb -c "$file" >"$name.list"
    expect_lacks "$name.list" '^.{10} [^r]|^.{10} root/[^r]|^-......[^r]|^d......[^r]|^.....w|^........w' "$name: owner or mode"
    for doc in copyright changelog.gz; do
        expect_has "$name.list" " \./usr/share/doc/$name/$doc\$" "$name"
    done
    ! grep -rFl -- "$source_dir" "root-$name" "root-$name-dbgsym" || fail "$name shows the folder in which it was built"
done
expect_program nightjar nightjar
expect_program nightjar-coordinator nightjar
expect_program nightjar-worker nightjar-worker

# A node that only computes needs no store and no page of metrics; a coordinator needs no BLAS.
expect_lacks nightjar-worker.info 'liblmdb|libmicrohttpd|libhiredis' nightjar-worker
expect_lacks nightjar-worker.elf 'NEEDED.*(lmdb|microhttpd|hiredis)' nightjar-worker
expect_lacks nightjar-coordinator.elf 'NEEDED.*(openblas|blas)' nightjar-coordinator

# The pages and the formats are there, with the links between them as in the repository.
docs=root-nightjar/usr/share/doc/nightjar
for page in "$source_dir"/ops/handbook/*.md "$source_dir"/schemas/*.md; do
    cmp "$page" "$docs/${page#"$source_dir"/}" || fail "${page#"$source_dir"/} is not in the package"
done
