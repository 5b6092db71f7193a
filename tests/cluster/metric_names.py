"""metric_names.py: what ops/prometheus and ops/grafana say agrees with schemas/metrics.def and the handbook.

Every metric that a rule, a test of a rule or a panel names exists. Every alert has a severity, a sentence, a case in which it fires, a case in
which it does not, and a heading in ops/handbook/monitoring.md. Prints a line for each fault.
"""
import json
import os
import re
import sys

import yaml

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def known_metrics():
    found = set()
    for kind, name in re.findall(r'^NJ_METRIC\((\w+), *\w+, *"(\w+)"', read("schemas/metrics.def"), re.M):
        found |= {name + suffix for suffix in ("_bucket", "_sum", "_count")} if kind == "HISTOGRAM" else {name}
    return found


def named_in(text):
    return set(re.findall(r"\bnightjar_\w+", text))


def expressions(dashboard):
    """Title, query and legend of each line of each panel."""
    return [(panel["title"], target["expr"], target["legendFormat"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]


def main():
    known = known_metrics()
    faults = []
    rules = [rule for group in yaml.safe_load(read("ops/prometheus/alerts.yml"))["groups"] for rule in group["rules"]]
    cases = yaml.safe_load(read("tests/cluster/alerts.yml"))["tests"]
    page = read("ops/handbook/monitoring.md")
    dashboard = json.loads(read("ops/grafana/nightjar.json"))

    places = [(rule["alert"], rule["expr"]) for rule in rules]
    places += [(title, expr) for title, expr, _ in expressions(dashboard)]
    places += [(case["name"], series["series"]) for case in cases for series in case["input_series"]]
    for place, text in places:
        faults += [f"{place}: there is no metric {name}" for name in sorted(named_in(text) - known)]
        if not named_in(text):
            faults.append(f"{place}: names no metric")

    fires = {test["alertname"] for case in cases for test in case["alert_rule_test"] if test.get("exp_alerts")}
    rests = {test["alertname"] for case in cases for test in case["alert_rule_test"] if not test.get("exp_alerts")}
    alerts = [rule["alert"] for rule in rules]
    for rule in rules:
        alert = rule["alert"]
        if rule["labels"].get("severity") not in ("critical", "warning") or not rule["annotations"].get("summary"):
            faults.append(f"{alert}: has no severity or no sentence")
        faults += [f"{alert}: no test in which it {how}" for how, names in (("fires", fires), ("rests", rests)) if alert not in names]
        if not re.search(rf"^#+ {alert}$", page, re.M):
            faults.append(f"{alert}: ops/handbook/monitoring.md has no heading for it")
    faults += [f"monitoring.md: there is no alert {name}" for name in re.findall(r"^#+ (Nightjar\w+)$", page, re.M) if name not in alerts]
    faults += [f"{name}: two alerts" for name in set(alerts) if alerts.count(name) > 1]
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
