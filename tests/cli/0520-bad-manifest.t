# A generation whose manifest is missing, damaged or another's is refused by every command, and list says so.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
cp -r "store/$generation" good
manifest=store/$generation/MANIFEST.json

refuse() { # CODE TEXT
    local command words
    for command in 'get alma' export stat verify "publish $generation"; do
        read -ra words <<<"$command"
        expect_exit "$1" "$2" -- nightjar store "${words[@]}" --store store
    done
}
unreadable() {
    expect_exit 0 '' -- nightjar store list --store store
    stdout_has 'unreadable: '
    expect_exit 0 '' -- nightjar store list --store store --json
    stdout_is_json
}
edit() { # CODE TEXT SED
    cp good/MANIFEST.json "$manifest"
    sed -i "$3" "$manifest"
    refuse "$1" "$2"
}
edit 4 '"row_count" is -1, must be 0 to' 's/"row_count": 20/"row_count": -1/'
unreadable
edit 4 'data.mdb: has ' 's/"data_bytes": [0-9]*/"data_bytes": 9999999999/'
stderr_has 'the manifest says 9999999999'
edit 4 'the manifest says 0' 's/"data_bytes": [0-9]*/"data_bytes": 0/'
edit 78 'MANIFEST.json: schema version 3, this program reads 1 to 2' 's/"schema_version": 2/"schema_version": 3/'
edit 78 '(major 1), this is LMDB' 's/"lmdb_major": 0/"lmdb_major": 1/'
edit 4 'MANIFEST.json: speaks of generation "gen-02' 's/gen-01/gen-02/'
edit 4 '"head_digest" is not 64 hexadecimal digits' 's/"head_digest": "./"head_digest": "z/'
edit 4 'data.mdb: its first ' '/"head_digest"/s/: "\(.\)/: "0\1/; /"head_digest"/s/.",$/",/'
edit 4 '"head_digest" is missing' '/head_digest/d'
edit 4 '"settings" has 5000 bytes, the limit is' "s/\"settings\": \".*\"/\"settings\": \"$(repeat 5000 x)\"/"
edit 4 'MANIFEST.json: line ' '2s/.*/{/'
: >"$manifest"
refuse 4 'MANIFEST.json: line 1, column 0'
unreadable
rm "$manifest"
refuse 4 'MANIFEST.json: cannot open: No such file'
unreadable
mkdir "$manifest"
refuse 4 'MANIFEST.json: not a regular file'
rmdir "$manifest"
printf '%s' '{"a": ' >"$manifest"
refuse 4 'MANIFEST.json: line 1'
python3 -c 'print("[" * 60000)' >"$manifest"
refuse 4 'MANIFEST.json: line 1, column 2049: maximum parsing depth reached'

# What only a full reading finds.
cp good/MANIFEST.json "$manifest"
sed -i 's/"row_count": 20/"row_count": 21/' "$manifest"
expect_exit 4 'manifest and __meta__ differ in "row_count"' -- nightjar store verify --store store
cp good/MANIFEST.json "$manifest"
expect_exit 0 '' -- nightjar store verify --store store
done_testing
