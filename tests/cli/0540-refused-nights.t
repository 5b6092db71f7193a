# A night that is refused or fails leaves the store that was there as it was, and nothing in the way of the next one.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
before=$(digest_of store)
printf 'u a\nv b\nu c\n' >twice.txt
python3 - <<'P'
from forge import *
b = Bundle("b.njb")
w = b.sections["weights"]
begin = 8 + struct.unpack("<Q", w[:8])[0]
b.write("nan.njb", weights=replace(w, begin, floats([NAN])))
b.write("large.njb", weights=w[:begin] + floats([((i * 7919) % 13 - 6) * 1e10 for i in range((len(w) - begin) // 4)]))
P

night() { # CODE TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- nightjar run --store store --workers 1 --bundle b.njb --users users.txt "$@"
    [[ $code -eq 0 ]] || expect_untouched store "$before"
}
night 65 'twice.txt: line 3: user "u" stands on line 1 too' --users twice.txt
night 5 'missing.txt: cannot open' --users missing.txt
night 5 'missing.njb: cannot open' --bundle missing.njb
night 65 'element 0 of 4096 is not finite' --bundle nan.njb

# Nobody can be decoded: nothing is kept. One cold user, who needs no decoding, is kept for --resume.
awk 'NF > 4' users.txt | head -n 3 >three.txt
night 1 'no user could be decoded, 3 were tried' --bundle large.njb --users three.txt
stderr_has 'the model gives NaN or infinity'
stderr_has 'nothing is published and nothing kept'
expect_exit 1 'user "alma": the model gives NaN or infinity' -- \
    nightjar run --store store --workers 1 --bundle large.njb --users users.txt
stderr_has 'whom no worker could decode: 19, --quarantine-max is 0'
rm -r store/staging

night 2 'bogus" is not known; known are exact, int8, bf16-amx' --numeric-class bogus
night 65 'users.txt: is not a folder' --cache users.txt
night 74 '/proc/cache: cannot make folder' --cache /proc/cache
rm -r "$HOME/.cache"
expect_exit 0 '' -- nightjar store verify --store store

# A section cache that was damaged is fetched anew.
night 0 '' --cache cache
check "sections were kept" test "$(find cache -type f | wc -l)" -ge 5
find cache -type f -exec sh -c 'printf x | dd of="$1" bs=1 seek=10 conv=notrunc 2>/dev/null' damage {} \;
decode users.txt >decoded 2>err
for how in flipped cut empty; do
    if [[ $how == cut ]]; then
        find cache -type f -exec truncate -s 5 {} \;
    elif [[ $how == empty ]]; then
        find cache -type f -exec truncate -s 0 {} \;
    fi
    night 0 '' --cache cache
    nightjar store export --store store >exported 2>err
    check "with $how sections in the cache the rows are those of decode" cmp -s <(sort exported) <(sort decoded)
done
done_testing
