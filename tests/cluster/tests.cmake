# What others run nightjar with: manifests, pods on network namespaces, alert rules, the dashboard, the DAG.
nj_scripts(cluster LABEL integration TIMEOUT 300 WAITS)
