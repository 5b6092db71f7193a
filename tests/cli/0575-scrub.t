# store scrub: users and items are in no generation, list, report, log or byte of the store; what is refused, and what the receipt says.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
first=$generation
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1 --top 4
second=$(<store/CURRENT)
user=$(cut -d ' ' -f 1 users.txt | sed -n 3p)
item=$(nightjar store get --store store "$(cut -d ' ' -f 1 users.txt | sed -n 5p)" 2>err | python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][1])')
echo "$user" >who
echo "$item" >what
printf '{"message":"user %s is slow","user":"%s"}\nplain %s\n' "longuser-7" "$user" "longuser-7" >night.log
echo longuser-7 >>who
expect_exit 0 '' -- nightjar store export --store store --to delta --feed feed --gen "$second"

# What is wrong changes nothing.
before=$(digest_of store)
expect_exit 2 'give --users, --items or both' -- nightjar store scrub --store store
expect_exit 5 'none' -- nightjar store scrub --store store --users none
printf 'a\n\nb\n' >bad
expect_exit 65 'bad: line 2: ' -- nightjar store scrub --store store --users bad
: >empty
expect_exit 65 'the lists name nobody and nothing' -- nightjar store scrub --store store --users empty
expect_exit 5 'missing: no such folder' -- nightjar store scrub --store missing --users who
expect_exit 5 'no-feed' -- nightjar store scrub --store store --users who --feed no-feed
expect_exit 5 'no-log: no such file' -- nightjar store scrub --store store --users who --logs no-log
expect_exit 2 '--wait' -- nightjar store scrub --store store --users who --wait soon
expect_exit 5 '1 of 3 ids are in no generation, the first is user "longuser-7"' -- nightjar store scrub --store store --users who --items what --strict
expect_exit 0 '2 generations would be written anew' -- nightjar store scrub --store store --users who --items what --dry-run --json
stdout_is_valid store-scrub
expect_untouched store "$before"

printf short >key
expect_exit 65 'key: has 5 bytes' -- nightjar store scrub --store store --users who --digest-key key
expect_untouched store "$before"
cp -r store saved
head -c 32 /dev/urandom >key
expect_exit 0 '2 generations written anew' -- nightjar store scrub --store store --users who --items what --feed feed --logs night.log --digest-key key --receipt receipt.json --json
stderr_has 'user "longuser-7" is in no generation'
stdout_is_valid store-scrub
valid store-scrub receipt.json
check "the receipt counts" python3 -c '
import json
r = json.load(open("receipt.json"))
assert [g["rows_removed"] for g in r["generations"]] == [1, 1] and all(g["lists_changed"] for g in r["generations"]), r
assert r["search"]["found"] == 0 and r["unknown"] == 1 and r["logs"] == [{"file": "night.log", "replaced": 3}], r
assert r["feeds"] == {"segments_written": 2, "segments_removed": 1} and len(r["users"]["digest"]) == 64, r'
check "the log" test "$(<night.log)" = '{"message":"user [erased] is slow","user":"[erased]"}
plain [erased]'
check "CURRENT names another" test "$(<store/CURRENT)" != "$second"
expect_absent "store/$first" "store/$second" store/scrub
check "SCRUBBED names both" test "$(sort store/SCRUBBED)" = "$(printf '%s\n' "$first" "$second" | sort)"
expect_exit 5 '' -- nightjar store get --store store "$user"
expect_exit 0 '' -- nightjar store export --store store --to jsonl
check "nobody has the item" bash -c "! grep -qF '\"$item\"' out"
check "a list is shorter" grep -q '"short"' out
expect_exit 0 '' -- nightjar store verify --store store
expect_exit 0 '' -- nightjar store diff --store store
expect_exit 0 'CURRENT names' -- nightjar store rollback --store store
expect_exit 0 '' -- nightjar report --store store --out page.html
expect_exit 5 '' -- nightjar store publish --store store "$first"
expect_exit 0 'CURRENT names' -- nightjar store apply --store consumer feed
expect_exit 5 '' -- nightjar store get --store consumer "$user"

# Again: nothing to do. And a file that names one is found.
expect_exit 0 '0 generations written anew, 2 hold none of them' -- nightjar store scrub --store store --users who --items what
echo 'longuser-7' >store/note
expect_exit 4 'store/note: byte 0: user "longuser-7" still stands there' -- nightjar store scrub --store store --users who --json
stdout_is_valid store-scrub
rm store/note

# Names that stand beside each other, as a consumer of an earlier scrub has them.
expect_exit 0 '' -- nightjar store export --store saved --to delta --feed saved-feed
expect_exit 0 "CURRENT names" -- nightjar store apply --store kept saved-feed
expect_exit 0 '' -- nightjar store scrub --store saved --users who --feed saved-feed
expect_exit 0 'CURRENT names' -- nightjar store apply --store kept saved-feed
expect_exit 0 '2 generations written anew' -- nightjar store scrub --store kept --items what
expect_exit 0 '' -- nightjar store verify --store kept

# A run that is not told of is told of by the next, also a strict one.
expect_exit 74 'none/r.json' -- nightjar store scrub --store saved --items what --strict --receipt none/r.json
expect_exit 0 '2 generations written anew' -- nightjar store scrub --store saved --items what --strict --receipt r.json
check "the receipt has it" python3 -c '
import json
r = json.load(open("r.json"))
assert [g["earlier"] and g["lists_changed"] > 0 for g in r["generations"]] == [True, True] and r["unknown"] == 0, r'
expect_absent saved/SCRUB-UNTOLD.json
cp r.json kept.json
expect_exit 0 'r.json: stays as it is' -- nightjar store scrub --store saved --items what --receipt r.json
check "the same again leaves the receipt" cmp r.json kept.json

# A night that was left: first it is finished or given up.
mkdir -p store/staging
expect_exit 75 'a night is staged here' -- nightjar store scrub --store store --users who
rmdir store/staging
done_testing
