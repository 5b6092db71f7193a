# A staging area: who may begin beside it, who may resume it, and what becomes of a damaged one.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

# A coordinator without workers, killed: the staging area of a night that has begun.
nightjar-coordinator --insecure --bind 'tcp://127.0.0.1:*' --bundle b.njb --users users.txt --store store >out 2>err &
coordinator=$!
disown $coordinator # its end is no news
for ((i = 0; i < 500; i++)); do
    if grep -q 'listening on' err; then
        break
    fi
    sleep 0.02
done
kill -KILL $coordinator
while kill -0 $coordinator 2>gone; do
    sleep 0.02
done
check "the night has begun" test -f store/staging/data.mdb
cp -r store begun

night() { # CODE TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- timeout 60 nightjar run --store store --workers 1 --bundle b.njb --users users.txt "$@"
}
fresh() {
    rm -rf store
    cp -r begun store
}
before=$(digest_of store)
night 75 'holds a night that runs or was interrupted: go on with --resume'
night 78 'the settings changed' --resume --beam 5
head -n 19 users.txt >fewer.txt
night 78 'the users or --shard-users changed' --resume --users fewer.txt
night 78 'the users or --shard-users changed' --resume --shard-users 7
nightjar bundle pack --model "$data/model" --catalogue cat --out c.njb >out 2>err
night 78 'the bundle changed' --resume --bundle c.njb
fresh
night 0 '' --resume
expect_absent store/staging
rm -rf store
night 0 '' --resume # without a staging area, a night begins

either() { # COMMAND...: 78 is as good as 4
    local code=0
    "$@" || code=$?
    return $((code == 78 ? 4 : code))
}
damaged() { # CODE TEXT
    local command=(timeout 60 nightjar run --store store --workers 1 --bundle b.njb --users users.txt --resume)
    if [[ $1 == '4 or 78' ]]; then
        expect_exit 4 "$2" -- either "${command[@]}"
    else
        expect_exit "$1" "$2" -- "${command[@]}"
    fi
}
fresh && : >store/staging/data.mdb
damaged 78 'store/staging: not a staging area'
fresh && rm store/staging/data.mdb
damaged 78 'store/staging/data.mdb: no such file; not a staging area'
fresh && rm store/staging/data.mdb && mkdir store/staging/data.mdb
damaged 78 'store/staging/data.mdb: no such file; not a staging area'
fresh && echo junk >store/staging/data.mdb
damaged 78 'MDB_INVALID: File is not an LMDB file'
# Which of the two it is depends on the page that LMDB wrote last.
fresh && truncate -s 9000 store/staging/data.mdb
damaged '4 or 78' 'store/staging: '
fresh && head -c 16384 /dev/zero | dd of=store/staging/data.mdb bs=4096 seek=2 conv=notrunc 2>dd.err
damaged '4 or 78' 'store/staging: '
fresh && rm store/staging/lock.mdb && mkdir store/staging/lock.mdb
damaged 74 'Is a directory'
fresh && rm -r store/staging && mkdir store/staging
damaged 78 'store/staging/data.mdb: no such file; not a staging area'
fresh && rm store/lock && mkdir store/lock
damaged 74 'store/lock: cannot open: Is a directory'
fresh && : >store/staging/lock.mdb
damaged 0 ''
done_testing
