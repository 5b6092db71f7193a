# ops/prometheus: each alert fires when it should and rests when it should, and names only metrics that there are.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_module yaml python3-yaml
need promtool prometheus
python3 "$here/metric_names.py" >faults || fail "$(cat faults)"

cp -r "$source_dir/ops/prometheus" .
mkdir ops
mv prometheus ops
cp "$here/alerts.yml" . # it names the rules by their path from here
promtool check rules --lint=all --lint-fatal ops/prometheus/alerts.yml >checked 2>&1 || fail "$(cat checked)"
promtool test rules alerts.yml >tested 2>&1 || fail "$(cat tested)"
promtool check config ops/prometheus/scrape.yml >checked 2>&1 || fail "$(cat checked)"

# Debian's promtool does not know Kubernetes; the rest of that file it does.
if ! promtool check config ops/prometheus/scrape-kubernetes.yml >checked 2>&1; then
    grep -q 'field kubernetes_sd_configs not found' checked || fail "$(cat checked)"
    lacks "kubernetes_sd_configs of scrape-kubernetes.yml" "this promtool is built without it"
    python3 - <<'EOF'
import yaml
config = yaml.safe_load(open("ops/prometheus/scrape-kubernetes.yml"))
for job in config["scrape_configs"]:
    del job["kubernetes_sd_configs"]
yaml.safe_dump(config, open("ops/prometheus/rest.yml", "w"))
EOF
    promtool check config ops/prometheus/rest.yml >checked 2>&1 || fail "$(cat checked)"
fi
