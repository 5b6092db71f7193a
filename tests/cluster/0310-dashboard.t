# A real Prometheus scrapes a real night with the rules loaded: every panel of the dashboard has numbers afterwards, every rule can be
# evaluated, and how the night ended is seen, though the page is gone with it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_module yaml python3-yaml
need prometheus prometheus

make_night 200
page=$(free_port) web=$(free_port)
cat >prometheus.yml <<EOF
global: {scrape_interval: 500ms, evaluation_interval: 2s}
rule_files: [$source_dir/ops/prometheus/alerts.yml]
scrape_configs:
  - job_name: nightjar
    static_configs: [{targets: ["127.0.0.1:$page"], labels: {night: shop}}]
EOF
start prometheus prometheus --config.file prometheus.yml --storage.tsdb.path tsdb --web.listen-address "127.0.0.1:$web" --log.level warn
make_keys server worker
cp worker.key.pub allowed
start_coordinator night "tcp://127.0.0.1:*" store --metrics-bind "127.0.0.1:$page" --metrics-wait-ms 60000
python3 "$here/queries.py" "http://127.0.0.1:$web" await 'count_over_time(nightjar_users{night="shop"}[1m]) >= 2' # a rate needs two
start worker nightjar-worker --connect "$(endpoint night)" --server-key server.key.pub --key worker.key
expect_end worker 0
expect_end night 0
expect_not_said night 'nobody has read'
python3 "$here/queries.py" "http://127.0.0.1:$web" await 'last_over_time(nightjar_run_running[1m]) == 0'
python3 "$here/queries.py" "http://127.0.0.1:$web" "$source_dir/ops/grafana/nightjar.json" >faults 2>&1 || fail "$(cat faults)"
kill "${pid[prometheus]}"
expect_end prometheus 0
