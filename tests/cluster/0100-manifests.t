# ops/kubernetes: valid for Kubernetes' own schemas, and in itself: exit codes, names, ports, options, volumes, rights.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_module yaml python3-yaml
manifests=$source_dir/ops/kubernetes

"$manifests/make-secrets" >secrets.yaml
python3 "$here/manifests.py" --self-test "$manifests" secrets.yaml "$bin" >faults || fail "$(cat faults)"

# The keys that it draws are two pairs that fit: the coordinator's secret has the workers' public key, the workers' the coordinator's.
python3 - <<'EOF'
import base64, yaml
for secret in yaml.safe_load_all(open("secrets.yaml")):
    for name, text in secret["data"].items():
        open(secret["metadata"]["name"] + "." + name, "wb").write(base64.b64decode(text))
EOF
chmod 600 -- *.key
make_night 8
start coordinator nightjar-coordinator --bind "tcp://127.0.0.1:*" --key nightjar-coordinator.server.key --workers nightjar-coordinator.workers \
    "${night[@]}" --store store
start worker nightjar-worker --connect "$(endpoint coordinator)" --key nightjar-worker.worker.key \
    --server-key nightjar-worker.server.key.pub
expect_end coordinator 0
expect_end worker 0
expect_rows store

# Each time others, none left on the disk, and none shown to a terminal.
"$manifests/make-secrets" >more.yaml
! cmp -s secrets.yaml more.yaml || fail "the same keys twice"
[[ -z $(find "$TMPDIR" -type f) ]] || fail "left behind: $(find "$TMPDIR" -type f)"
expect_exit 2 "$manifests/make-secrets" --force
expect_exit 2 script -qec "$(printf %q "$manifests/make-secrets")" /dev/null
grep -q 'is a terminal' last.out || fail "keys for a terminal: $(cat last.out)"

validate=${KUBERNETES_VALIDATE:-kubernetes-validate}
if command -v "$validate" >/dev/null; then
    for version in 1.31 1.37; do # the oldest that has every field, and the newest that the package knows
        "$validate" --strict -k $version "$manifests"/[!k]*.yaml secrets.yaml >validated 2>&1 || fail "$(cat validated)"
        [[ $(grep -c 'passed for resource' validated) -ge 12 ]] || fail "not every manifest was looked at: $(cat validated)"
    done
else
    lacks "the schemas of Kubernetes" "kubernetes-validate is missing (pip install kubernetes-validate; KUBERNETES_VALIDATE names it)"
fi
