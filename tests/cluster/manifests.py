"""manifests.py FOLDER SECRETS BIN: what the schemas of Kubernetes cannot know about ops/kubernetes.

FOLDER has the manifests, SECRETS is the output of make-secrets, BIN has the programs. Prints a line for each fault and ends with 1; with
--self-test it breaks a copy in memory, one manifest at a time, and ends with 1 where that is not found.

Every exit code of schemas/status.def stands in exactly one rule; names, ports, labels and volumes meet; the command lines are made of
options that the programs have; pods ask for no right that they do not need; they are given the time that ending takes.
"""
import copy
import glob
import os
import re
import subprocess
import sys

import yaml

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
KILLED = 137  # by SIGKILL, for instance for memory; no status of ours, but a code that schedulers see
PERSON = {2, 65, 78}  # trying again gives the same answer
AGAIN = {74, 75, KILLED, 130, 143}
BY_HAND = "inputs.yaml"
GOODBYE_S = 10  # beside --drain-ms: the process ends, its container after it
STORE_S = 30  # a transaction of the store at hand


def exit_codes():
    text = open(os.path.join(SOURCE, "schemas/status.def"), encoding="utf-8").read()
    return {int(code) for code in re.findall(r"^NJ_STATUS\(\w+, *\d+, *(\d+),", text, re.M)} - {0}


def load(folder, secrets):
    """By kind and name; and the names of the files."""
    found = {}
    paths = sorted(glob.glob(os.path.join(folder, "*.yaml"))) + [secrets]
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for document in yaml.safe_load_all(file):
                name = document.get("metadata", {}).get("name", "")
                found[document["kind"], name] = document
    return found, {os.path.basename(path) for path in paths[:-1]}


def options_of(program):
    """Name to (takes a value, is required), as --help has it."""
    text = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
    rows = re.findall(r"^  --([a-z0-9-]+)( \S+)?(?: {2,}|(?=\n))(.*(?:\n {10,}.*)*)$", text, re.M)  # what it does may go on below
    return {name: (bool(value), help.endswith("(required)")) for name, value, help in rows}


class Checks:
    def __init__(self, manifests, files, options):
        self.all = manifests
        self.files = files
        self.options = options  # by program
        self.faults = []

    def expect(self, is_so, text):
        if not is_so:
            self.faults.append(text)

    def job(self, name):
        return self.all["CronJob", name]["spec"]["jobTemplate"]["spec"]

    def pod(self, name):
        return self.job(name)["template"]["spec"]

    def arguments(self, name):
        """The container's options, those of its environment among them."""
        container = self.pod(name)["containers"][0]
        found = dict(argument.removeprefix("--").partition("=")[::2] for argument in container["args"])
        for entry in container.get("env", []):
            found[entry["name"]] = entry.get("value", "")
        for source in container.get("envFrom", []):
            found.update(self.all["ConfigMap", source["configMapRef"]["name"]]["data"])
        return {key.removeprefix("NIGHTJAR_").lower().replace("_", "-"): value for key, value in found.items()}

    def exit_codes(self, name):
        rules = self.job(name)["podFailurePolicy"]["rules"]
        action_of = {}
        for rule in rules:
            if "onExitCodes" not in rule:
                continue
            codes = rule["onExitCodes"]
            self.expect(codes["operator"] == "In", f"{name}: a rule that is not \"In\" hides codes")
            self.expect(codes["containerName"] == self.pod(name)["containers"][0]["name"], f"{name}: a rule of another container")
            for code in codes["values"]:
                self.expect(code not in action_of, f"{name}: exit code {code} is in two rules")
                action_of[code] = rule["action"]
        wanted = exit_codes() | {KILLED}
        for code in sorted(wanted - set(action_of)):
            self.expect(False, f"{name}: exit code {code} is in no rule")
        for code in sorted(set(action_of) - wanted):
            self.expect(False, f"{name}: exit code {code} is none of schemas/status.def")
        for code in sorted(PERSON):
            self.expect(action_of.get(code) in ("FailJob", "FailIndex"), f"{name}: {code} is tried again")
        for code in sorted(AGAIN):
            self.expect(action_of.get(code) == "Count", f"{name}: {code} is not tried again")
        order = [rule["action"] for rule in rules]
        conditions = [rule.get("onPodConditions", []) for rule in rules]
        disrupted = [i for i, found in enumerate(conditions) if found == [{"type": "DisruptionTarget", "status": "True"}]]
        self.expect(len(disrupted) == 1 and order[disrupted[0]] == "Ignore", f"{name}: a disruption is not ignored")
        self.expect(order[-1] == "Count" and order.count("Count") == 1, f"{name}: Count is not the last rule, so it hides others")
        self.expect(self.pod(name)["restartPolicy"] == "Never", f"{name}: restartPolicy is not Never")

    def command(self, name):
        container = self.pod(name)["containers"][0]
        known = self.options[container["command"][0]]
        given = self.arguments(name)
        for argument in container["args"]:
            option, equals, _ = argument.removeprefix("--").partition("=")
            self.expect(argument.startswith("--") and option in known, f"{name}: {argument} is no option")
            self.expect(option not in known or known[option][0] == bool(equals), f"{name}: {argument}: a value, or none")
        for option in given:
            self.expect(option in known, f"{name}: --{option} is no option")
        for option, (_, is_required) in known.items():
            self.expect(not is_required or option in given, f"{name}: --{option} is required")
        self.expect(self.pod(name)["enableServiceLinks"] is False, f"{name}: Services may set its options")

    def mounts(self, name):
        pod = self.pod(name)
        container = pod["containers"][0]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        self.expect(set(mounts.values()) == set(volumes), f"{name}: volumes {sorted(volumes)}, mounted {sorted(mounts.values())}")
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            self.expect(claim is None or ("PersistentVolumeClaim", claim) in self.all, f"{name}: there is no claim {claim}")
        for option, path in self.arguments(name).items():
            if not path.startswith("/"):
                continue
            folder = max((mount for mount in mounts if path == mount or path.startswith(mount + "/")), key=len, default=None)
            self.expect(folder is not None, f"{name}: --{option}={path} is on no volume")
            secret = volumes.get(mounts.get(folder), {}).get("secret")
            if secret is not None:
                has = self.all.get(("Secret", secret["secretName"]), {}).get("data", {})
                self.expect(os.path.basename(path) in has, f"{name}: {path} is not in the secret {secret['secretName']}")
                self.expect(secret["defaultMode"] == 0o440, f"{name}: {secret['secretName']} has mode {secret['defaultMode']:o}")

    def rights(self, name, pod):
        of_pod = pod["securityContext"]
        self.expect(pod["automountServiceAccountToken"] is False, f"{name}: has a service account's token")
        self.expect(of_pod["runAsNonRoot"] is True and of_pod["runAsUser"] > 0, f"{name}: may be root")
        self.expect(of_pod["fsGroup"] == of_pod["runAsGroup"], f"{name}: cannot read its keys")
        self.expect(of_pod["seccompProfile"] == {"type": "RuntimeDefault"}, f"{name}: has no seccomp profile")
        for container in pod["containers"]:
            own = container["securityContext"]
            self.expect(own["allowPrivilegeEscalation"] is False, f"{name}: may gain rights")
            self.expect(own["readOnlyRootFilesystem"] is True, f"{name}: may write its root")
            self.expect(own["capabilities"] == {"drop": ["ALL"]}, f"{name}: keeps capabilities")
            self.expect("memory" in container["resources"]["limits"], f"{name}: has no memory limit")
            self.expect("privileged" not in own, f"{name}: is privileged")
        for right in ("hostNetwork", "hostPID", "hostIPC"):
            self.expect(not pod.get(right), f"{name}: {right}")

    def ports(self):
        container = self.pod("nightjar-coordinator")["containers"][0]
        named = {port["name"]: port["containerPort"] for port in container["ports"]}
        given = self.arguments("nightjar-coordinator")
        service = self.all["Service", "nightjar-coordinator"]["spec"]["ports"][0]
        host, _, port = self.arguments("nightjar-worker")["connect"].removeprefix("tcp://").partition(":")
        self.expect(("Service", host) in self.all, f"workers connect to {host}, which is no Service")
        self.expect(int(port) == service["port"], f"workers connect to port {port}, the Service has {service['port']}")
        self.expect(service["targetPort"] in named, f"the Service leads to {service['targetPort']}, which is no port")
        self.expect(given.get("bind", "").endswith(f":{named.get(service['targetPort'])}"), f"--bind={given.get('bind')} is not where the Service leads")
        self.expect(given.get("metrics-bind", "").endswith(f":{named['metrics']}"), f"--metrics-bind={given.get('metrics-bind')} is not port metrics")
        probe = container["readinessProbe"]["tcpSocket"]["port"]
        self.expect(probe in named, f"the probe asks port {probe}")
        incoming = self.all["NetworkPolicy", "nightjar-coordinator"]["spec"]["ingress"]
        self.expect([rule["ports"][0]["port"] for rule in incoming] == ["workers", "metrics"], "the policy opens other ports than the coordinator's")
        outgoing = self.all["NetworkPolicy", "nightjar-worker"]["spec"]["egress"][0]["ports"][0]["port"]
        self.expect(outgoing == named["workers"], f"workers may reach port {outgoing}, the coordinator listens on {named['workers']}")

    def labels(self):
        pods = [self.job(name)["template"]["metadata"]["labels"] for name in ("nightjar-coordinator", "nightjar-worker")]
        selectors = []
        for (kind, name), manifest in self.all.items():
            spec = manifest.get("spec", {})
            if kind == "Service":
                selectors.append((kind, name, spec["selector"]))
            elif kind == "PodDisruptionBudget":
                selectors.append((kind, name, spec["selector"]["matchLabels"]))
            elif kind == "NetworkPolicy":
                selectors.append((kind, name, spec["podSelector"]["matchLabels"]))
                peers = [peer for rule in spec.get("ingress", []) for peer in rule["from"]]
                peers += [peer for rule in spec.get("egress", []) for peer in rule["to"]]
                selectors += [(kind, name, peer["podSelector"]["matchLabels"]) for peer in peers if "namespaceSelector" not in peer]
        for spread in self.pod("nightjar-worker")["topologySpreadConstraints"]:
            selectors.append(("topologySpreadConstraints", "nightjar-worker", spread["labelSelector"]["matchLabels"]))
        for kind, name, wanted in selectors:
            is_met = any(wanted.items() <= labels.items() for labels in pods)
            self.expect(is_met, f"{kind} {name}: no pod has the labels {wanted}")
        everything = self.all["NetworkPolicy", "nightjar-nothing-else"]["spec"]
        is_all = all(everything["podSelector"]["matchLabels"].items() <= labels.items() for labels in pods)
        self.expect(is_all and sorted(everything["policyTypes"]) == ["Egress", "Ingress"] and not {"ingress", "egress"} & set(everything),
                    "a pod may do what no policy allows")

    def times_and_sizes(self):
        drain_s = int(self.arguments("nightjar-worker")["drain-ms"]) / 1000
        grace_s = self.pod("nightjar-worker")["terminationGracePeriodSeconds"]
        self.expect(grace_s >= drain_s + GOODBYE_S, f"workers drain for {drain_s:.0f} s and are killed after {grace_s} s")
        grace_s = self.pod("nightjar-coordinator")["terminationGracePeriodSeconds"]
        self.expect(grace_s >= STORE_S, f"the coordinator is killed after {grace_s} s, a transaction may take {STORE_S} s")
        self.expect("resume" in self.arguments("nightjar-coordinator"), "a second pod would not go on: --resume is not given")
        workers = self.job("nightjar-worker")
        resources = self.pod("nightjar-worker")["containers"][0]["resources"]
        self.expect(resources["requests"] == resources["limits"], "workers' requests are not their limits")
        self.expect(str(resources["limits"]["cpu"]).isdigit(), "workers' cpu is no whole number, and --procs is")
        self.expect(workers["parallelism"] == workers["completions"], "some workers begin when others have ended")
        self.expect(workers["maxFailedIndexes"] < workers["completions"], "maxFailedIndexes counts more workers than there are")
        self.expect(workers["successPolicy"] == {"rules": [{"succeededCount": 1}]}, "a worker that comes too late waits for nobody")
        self.expect("FailIndex" not in str(workers["podFailurePolicy"]) or "backoffLimitPerIndex" in workers, "FailIndex needs backoffLimitPerIndex")
        for name, pods in (("nightjar-coordinator", 1), ("nightjar-worker", workers["completions"] - 1)):
            least = self.all["PodDisruptionBudget", name]["spec"]["minAvailable"]
            self.expect(least == pods, f"PodDisruptionBudget {name}: minAvailable is {least}, should be {pods}")

    def kustomization(self):
        found = self.all["Kustomization", ""]
        listed = set(found["resources"])
        self.expect(listed | {"kustomization.yaml", BY_HAND} == self.files, f"kustomization.yaml has {sorted(listed)}, the folder {sorted(self.files)}")
        self.expect(("Namespace", found["namespace"]) in self.all, "the namespace is not made")
        images = {image["name"] for image in found["images"]}
        for name in ("nightjar-coordinator", "nightjar-worker"):
            image = self.pod(name)["containers"][0]["image"]
            self.expect(image in images, f"{name}: image {image} is not in kustomization.yaml")

    def run(self):
        for name in ("nightjar-coordinator", "nightjar-worker"):
            for check in (self.exit_codes, self.command, self.mounts):
                check(name)
            self.rights(name, self.pod(name))
        self.rights("nightjar-inputs", self.all["Pod", "nightjar-inputs"]["spec"])
        for check in (self.ports, self.labels, self.times_and_sizes, self.kustomization):
            check()
        return self.faults


# What is broken: kind, name, the way to it, the new value (None: gone), what must be said.
JOB = ("spec", "jobTemplate", "spec")
POD = JOB + ("template", "spec")
CONTAINER = POD + ("containers", 0)
RULES = JOB + ("podFailurePolicy", "rules")
COORDINATOR = ("CronJob", "nightjar-coordinator")
WORKER = ("CronJob", "nightjar-worker")
BREAKS = [
    (COORDINATOR, RULES + (0, "onExitCodes", "values"), [2, 3, 4, 5, 65], "exit code 78 is in no rule"),
    (COORDINATOR, RULES + (2, "onExitCodes", "values"), [1, 74, 75, 78, 130, 137, 143], "exit code 78 is in two rules"),
    (WORKER, RULES + (3, "onExitCodes", "values"), [1, 74, 75, 99, 130, 137, 143], "99 is none of"),
    (WORKER, RULES + (0, "onExitCodes", "containerName"), "other", "a rule of another container"),
    (COORDINATOR, RULES + (1, "action"), "Count", "a disruption is not ignored"),
    (COORDINATOR, CONTAINER + ("args", 0), "--bound=tcp://0.0.0.0:7000", "--bound=tcp://0.0.0.0:7000 is no option"),
    (COORDINATOR, CONTAINER + ("args", 6), "--trace", "--resume is not given"),
    (("ConfigMap", "nightjar-night"), ("data", "NIGHTJAR_BEAMS"), "3", "--beams is no option"),
    (WORKER, CONTAINER + ("args", 0), "--connect=tcp://nightjar-coordinator:7001", "workers connect to port 7001"),
    (WORKER, CONTAINER + ("args", 0), "--connect=tcp://nightjar:7000", "which is no Service"),
    (WORKER, CONTAINER + ("args", 1), "--key=/keys/other.key", "/keys/other.key is not in the secret"),
    (WORKER, CONTAINER + ("args", 3), "--cache=/var/cache", "--cache=/var/cache is on no volume"),
    (WORKER, POD + ("terminationGracePeriodSeconds",), 60, "workers drain for 60 s"),
    (WORKER, POD + ("enableServiceLinks",), True, "Services may set its options"),
    (WORKER, CONTAINER + ("securityContext", "readOnlyRootFilesystem"), False, "may write its root"),
    (WORKER, JOB + ("completions",), 5, "some workers begin"),
    (("Service", "nightjar-coordinator"), ("spec", "selector"), {"app": "x"}, "Service nightjar-coordinator: no pod has the labels"),
    (("NetworkPolicy", "nightjar-worker"), ("spec", "egress", 0, "ports", 0, "port"), 1, "workers may reach port 1"),
    (("PersistentVolumeClaim", "nightjar-night"), None, None, "there is no claim nightjar-night"),
    (("Pod", "nightjar-inputs"), ("spec", "securityContext", "runAsUser"), 0, "nightjar-inputs: may be root"),
    (WORKER, JOB + ("successPolicy",), {"rules": [{"succeededCount": 4}]}, "a worker that comes too late"),
    (("Kustomization", ""), ("resources", 0), "other.yaml", "kustomization.yaml has"),
]


def break_one(manifests, key, way, value):
    broken = copy.deepcopy(manifests)
    if way is None:
        del broken[key]
        return broken
    at = broken[key]
    for step in way[:-1]:
        at = at[step]
    at[way[-1]] = value
    return broken


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--self-test"]
    folder, secrets, programs = arguments
    manifests, files = load(folder, secrets)
    options = {name: options_of(os.path.join(programs, name)) for name in ("nightjar-coordinator", "nightjar-worker")}
    faults = Checks(manifests, files, options).run()
    if "--self-test" in sys.argv:
        for key, way, value, text in BREAKS:
            found = Checks(break_one(manifests, key, way, value), files, options).run()
            if not any(text in fault for fault in found):
                faults.append(f"self-test: \"{text}\" is not found, but {found}")
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
