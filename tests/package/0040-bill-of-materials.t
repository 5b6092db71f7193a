# The bill of materials of a package is SPDX 2.3, the same twice, and has what the programs name: libraries by package, version, licence.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
python=/usr/bin/python3
$python -c 'import jsonschema' 2>/dev/null || {
    echo "SKIPPED: package/${0##*/}: Python has no jsonschema (python3-jsonschema)"
    exit 77
}

export SOURCE_DATE_EPOCH=1700000000
for name in nightjar nightjar-worker libnightjar-reader0; do
    "$source_dir/ops/package/sbom" --build "$build" "$(deb "$name")" >"$name.spdx.json"
    dpkg-deb -x "$(deb "$name")" "root-$name"
    $python "$source_dir/tests/package/check_sbom.py" "$source_dir/tests/package/spdx.schema.json" "$name.spdx.json" "root-$name" ||
        fail "the bill of $name does not hold"
done
"$source_dir/ops/package/sbom" --build "$build" "$(deb nightjar-worker)" >twice.spdx.json
cmp nightjar-worker.spdx.json twice.spdx.json || fail "two bills of one package differ"
! grep -q '"liblmdb0"' nightjar-worker.spdx.json || fail "the worker's bill has a store"
grep -q '"libjsmn-dev"' nightjar.spdx.json || fail "what is compiled in is not in the bill"
