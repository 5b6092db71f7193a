# libnightjar-reader, installed: a program compiled against it with pkg-config, and a Python program that has nothing of ours, print the
# rows of `store get`; CMake finds it; it shows nightjar_* alone; its manual has every function.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for component in reader devel; do
    expect_exit 0 '' -- cmake --install "$programs/.." --component $component --prefix "$work/prefix"
done
library=$(echo prefix/lib*/libnightjar-reader.so.0 prefix/lib/*/libnightjar-reader.so.0 | tr ' ' '\n' | grep -v '\*' | head -n 1)
libdir=$work/$(dirname "$library")
export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir

# What others see of it.
readelf -d "$library" >dynamic
check "its name is that of the interface" grep -q 'SONAME.*\[libnightjar-reader\.so\.0\]' dynamic
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >symbols
grep -oE '\bnightjar_[a-z_]+\(' prefix/include/nightjar-reader.h | tr -d '(' | sort -u >functions
check "it shows the functions of its header and nothing else" cmp symbols functions
check "its header is C99 and includes nothing of ours" \
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c prefix/include/nightjar-reader.h

# What the manual says.
zcat prefix/share/man/man3/nightjar-reader.3.gz >page
while read -r function; do
    check "the manual has $function" grep -q "$function(" page
    check "... and leads to it" grep -qx '.so man3/nightjar-reader.3' <(zcat "prefix/share/man/man3/$function.3.gz")
done <functions

# Programs.
read -ra flags <<<"$(pkg-config --cflags --libs nightjar-reader)"
check "the example compiles" \
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror "$source_dir/ops/reader/get.c" "${flags[@]}" -o get
mkdir found
cat >found/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(found LANGUAGES NONE)
find_package(nightjar-reader 0.1 REQUIRED)
get_target_property(includes nightjar::nightjar-reader INTERFACE_INCLUDE_DIRECTORIES)
message(STATUS "headers in ${includes}")
END
check "CMake finds it" cmake -S found -B found/build -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_SYSTEM_NAME=Linux \
    -DCMAKE_LIBRARY_ARCHITECTURE="$(basename "$libdir")"

make_store
mapfile -t users < <(nightjar store export --store store | python3 -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["user"])')
nightjar store export --store store >rows
expect_exit 0 'of gen-' -- ./get store "${users[@]}"
check "the C program prints the rows of the store" cmp out rows
expect_exit 5 'has no user "nobody"' -- ./get store nobody
expect_exit 5 'nowhere' -- ./get nowhere "${users[0]}"

if python3 -c 'import lmdb, msgpack' 2>err; then
    expect_exit 0 '' -- python3 "$source_dir/ops/reader/get.py" store "${users[@]}"
    check "the Python program prints the rows of the store" cmp out rows
    expect_exit 5 'has no user' -- python3 "$source_dir/ops/reader/get.py" store nobody
    mkdir -p store/CHANNELS
    cp store/CURRENT store/CHANNELS/canary
    expect_exit 0 '' -- python3 "$source_dir/ops/reader/get.py" store --split spring current=5162,canary=4838 "${users[@]}"
    check "... also where channels share the users" cmp out rows
    nightjar run --bundle b.njb --users users.txt --store full --workers 1 --why --reserve 3 >out 2>err
    nightjar store export --store full >rows
    check "rows have a reserve and a why" grep -q '"why": .*"reserve": \["' rows
    expect_exit 0 '' -- python3 "$source_dir/ops/reader/get.py" full "${users[@]}"
    check "... and the Python program prints both" cmp out rows
    expect_exit 0 '' -- python3 -c 'import sys; sys.path[:0] = sys.argv[1:2]; import get; assert get.part("spring", "u000145") == 7646
assert get.channel_of("42", "spring", [("a", 5162), ("b", 4838)]) == "b"' "$source_dir/ops/reader"
else
    skip "python3 with the modules lmdb and msgpack is not here"
fi
done_testing
