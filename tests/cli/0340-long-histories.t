# A history of 10,000 items is cut for the encoder, says so, and still gives a full list; the limit is a million items.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

python3 - <<'P'
ids = open("cat/items.txt").read().split()
some, every = ids[:400], ids
write = lambda name, pool, count: open(name, "w").write("big %s\nother verger-03\n" % " ".join(pool[i % len(pool)] for i in range(count)))
write("some.txt", some, 10000)
write("every.txt", every, 10000)
write("million.txt", some, 1000000)
write("million1.txt", some, 1000001)
open("some.csv", "w").write("user,item\n" + "".join("big,%s\n" % some[i % 400] for i in range(10000)) + "other,verger-03\n")
P
list_of_big() { # ITEMS FLAGS
    python3 - "$@" <<'P'
import json
import sys
row = json.loads(open("out").readline())
history = set(open(sys.argv[3]).readline().split()[1:]) if len(sys.argv) > 3 else set()
assert row["user"] == "big" and len(row["items"]) == len(set(row["items"])) == int(sys.argv[1]), row
assert row.get("flags", []) == sys.argv[2].split(), row
assert not history & set(row["items"]), "an item of the history is recommended"
P
}
expect_exit 0 '10001 known items' -- decode some.txt
check "the list is full, flagged, and without the history's items" list_of_big 20 truncated some.txt
tail -n 1 out >other
expect_exit 0 '' -- decode some.csv
check "... also from events" list_of_big 20 truncated some.txt
expect_exit 0 '' -- decode some.txt --history 5
check "... also of the last 5 items" list_of_big 20 truncated some.txt
expect_exit 0 '' -- decode some.txt --keep-history
check "... also with --keep-history" list_of_big 20 truncated
expect_exit 0 '' -- decode some.txt --top 200
check "where 152 items remain, the list has them all and is flagged short" list_of_big 152 "truncated short" some.txt
expect_exit 0 '' -- decode every.txt
check "where none remains, it is empty" list_of_big 0 "widened truncated short"
expect_exit 0 '--history 100000 is above the bundle' -- decode some.txt --history 100000
expect_exit 0 '' -- decode million.txt --top 5
check "a million items are read" list_of_big 5 truncated some.txt
expect_exit 65 'million1.txt: line 1: has more than 1000000 items' -- decode million1.txt

expect_exit 0 '' -- nightjar run --bundle b.njb --users some.txt --store store --workers 1
expect_exit 0 '' -- nightjar store get --store store big
check "the published list is the same" list_of_big 20 truncated some.txt
expect_exit 0 '' -- nightjar store get --store store other
check "... and the other user's is as without a long neighbour" cmp -s out other
done_testing
