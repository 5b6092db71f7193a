"""queries.py PROMETHEUS await EXPR: waits until it has a result.
queries.py PROMETHEUS DASHBOARD: asks a Prometheus that has seen a night of 200 users what every panel asks. Prints a line for each fault."""
import json
import math
import sys
import time
import urllib.parse
import urllib.request

import metric_names

WAIT_S = 30
# Of a night that ended well, by panel and legend.
EXPECTED = {
    ("Users done", ""): 1,
    ("Ended with", ""): 0,
    ("Quarantined users", "quarantined"): 0,
    ("Coordinators", "epoch"): 1,
    ("Users", "of the night"): 200,
    ("Users", "committed"): 200,
}


def ask(url, **parameters):
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    try:
        with urllib.request.urlopen(url + query, timeout=10) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        return {"error": error.read().decode(), "result": []}
    except OSError as error:  # it starts
        return {"error": str(error), "result": []}


def last_moment(url):
    """When the end was scraped, which is the past by now: the series are stale after it."""
    found = ask(url + "/api/v1/query", query="max_over_time(timestamp(nightjar_run_running == 0)[5m:250ms])")["result"]
    return float(found[0]["value"][1])


def value_of(url, expr, moment):
    text = expr.replace("$__rate_interval", "5m").replace("$night", ".*")
    return ask(url + "/api/v1/query", query=text, time=moment)


def await_result(url, expr):
    end = time.monotonic() + WAIT_S
    while not ask(url + "/api/v1/query", query=expr).get("result"):
        if time.monotonic() > end:
            sys.exit(f"waited {WAIT_S} s for: {expr}")
        time.sleep(0.1)


def main():
    url = sys.argv[1]
    if sys.argv[2] == "await":
        await_result(url, sys.argv[3])
        return
    with open(sys.argv[2], encoding="utf-8") as file:
        dashboard = json.load(file)
    faults = []
    missing = set(EXPECTED)
    moment = last_moment(url)
    for title, expr, legend in metric_names.expressions(dashboard):
        found = value_of(url, expr, moment)
        values = [float(series["value"][1]) for series in found["result"]]
        if not values:
            faults.append(f"{title}: {expr} has no value {found.get('error', '')}")
        if any(value != value for value in values):
            faults.append(f"{title}: {expr} is no number")
        if EXPECTED.get((title, legend), math.inf) not in values + [math.inf]:
            faults.append(f"{title}: {expr} is {values}, should be {EXPECTED[title, legend]}")
        missing.discard((title, legend))
    faults += [f"there is no panel {title} with {legend}" for title, legend in missing]
    while any(rule["health"] == "unknown" for group in ask(url + "/api/v1/rules")["groups"] for rule in group["rules"]):
        time.sleep(0.1)  # ctest's limit ends it
    for group in ask(url + "/api/v1/rules")["groups"]:
        faults += [f"{rule['name']}: {rule['health']}: {rule.get('lastError')}" for rule in group["rules"] if rule["health"] != "ok"]
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
