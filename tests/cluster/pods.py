"""pods.py: a cluster of one machine, enough of one to run the manifests of ops/kubernetes as they stand.

    pods.py MANIFESTS SECRETS BIN FOLDER SCENARIO

A pod is a process in namespaces of its own (processes, mounts, network, host name) on a root that it cannot write, under the user of its
securityContext without capabilities or new rights; its command line, environment, volumes and mounts are those of the manifest, and it is
process 1. Pods are joined by a bridge; the NetworkPolicies become nftables rules, the Service a line of /etc/hosts. A Job starts pods and
judges their exit codes by its podFailurePolicy and successPolicy. Not imitated: seccomp, cgroups, DNS, scheduling.

Needs root. FOLDER has volumes/CLAIM/ for each PersistentVolumeClaim. What a pod prints goes to FOLDER/NAME.log.
"""
import base64
import glob
import ipaddress
import os
import shutil
import signal
import subprocess
import sys
import time

import manifests as kubernetes

SUBNET = ipaddress.ip_network("10.78.0.0/24")
TICK_S = 0.03
PAUSE_S = 0.2  # doubled with each failure of a place; Kubernetes begins with 10
WAIT_S = 60
TOO_SHORT = 3  # the night was over before its middle
PROMETHEUS = "prometheus"  # a pod of namespace monitoring

# Runs as process 1 of the pod, in its mount namespace; $1 is the new root. A read-only bind needs two steps.
ENTER = r"""
set -eu
root=$1 user=$2 group=$3 name=$4; shift 4
hostname "$name"
mount -t tmpfs -o mode=755 pod "$root"
cd "$root"
mkdir usr etc proc dev opt sys
for folder in bin lib lib64 sbin; do ln -s usr/$folder $folder; done
mount --rbind -o ro /usr usr
mount --bind "$NIGHTJAR_BIN" opt; mount -o remount,ro,bind opt
touch dev/null dev/urandom; mount --bind /dev/null dev/null; mount --bind /dev/urandom dev/urandom
for file in ld.so.cache nsswitch.conf; do [ ! -e /etc/$file ] || cp /etc/$file etc/; done
printf '%s\n' "$HOSTS" >etc/hosts
mount -t proc proc proc
while [ "$1" != -- ]; do
    mkdir -p ".$2"; mount --bind "$1" ".$2"
    [ "$3" = rw ] || mount -o remount,ro,bind ".$2"
    shift 3
done
shift
mount -o remount,ro "$root"
cd /
exec chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$group" --groups "$group" --bounding-set=-all --inh-caps=-all \
    --no-new-privs /usr/bin/env -i PATH=/opt:/usr/bin "$@"
"""


def call(*command):
    subprocess.run(command, check=True, capture_output=True)


def wait_until(what, is_so):
    end = time.monotonic() + WAIT_S
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"waited {WAIT_S} s for: {what}")
        time.sleep(TICK_S)


class Cluster:
    def __init__(self, manifests, programs, folder):
        self.all = manifests
        self.programs = os.path.abspath(programs)
        self.folder = os.path.abspath(folder)
        self.prefix = f"nj{os.getpid()}-"
        self.addresses = {}  # of places: an index of a Job keeps its address
        self.started = []
        self.service = self.all["Service", "nightjar-coordinator"]
        call("ip", "netns", "add", self.prefix + "node")
        call("ip", "-n", self.prefix + "node", "link", "add", "bridge", "type", "bridge")
        call("ip", "-n", self.prefix + "node", "link", "set", "bridge", "up")

    def place(self, name, labels, namespace="nightjar"):
        """A network of its own, with an address, for the pods that come to this place."""
        number = len(self.addresses) + 2
        address = str(SUBNET[number])
        network = self.prefix + name
        self.addresses[name] = (address, labels, namespace)
        call("ip", "netns", "add", network)
        call("ip", "link", "add", f"v{number}", "netns", self.prefix + "node", "type", "veth", "peer", "name", "eth0", "netns", network)
        call("ip", "-n", self.prefix + "node", "link", "set", f"v{number}", "master", "bridge", "up")
        call("ip", "-n", network, "addr", "add", f"{address}/{SUBNET.prefixlen}", "dev", "eth0")
        call("ip", "-n", network, "link", "set", "eth0", "up")
        call("ip", "-n", network, "link", "set", "lo", "up")

    def end(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        for name in list(self.addresses) + ["node"]:
            subprocess.run(["ip", "netns", "del", self.prefix + name], capture_output=True)

    # ---- network policies ----

    def peers(self, rule):
        wanted = rule.get("podSelector", {}).get("matchLabels", {})
        of = rule.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", "nightjar")
        return [address for address, labels, namespace in self.addresses.values() if namespace == of and wanted.items() <= labels.items()]

    def rules(self, policy, direction, side, named):
        lines = []
        for rule in policy.get(direction, []):
            addresses = [address for peer in rule["from" if direction == "ingress" else "to"] for address in self.peers(peer)]
            for port in rule["ports"] if addresses else []:
                number = named.get(port["port"], port["port"])
                lines.append(f"ip {side} {{ {', '.join(addresses)} }} {port['protocol'].lower()} dport {number} accept")
        return lines

    def enforce(self):
        """What no policy of a pod allows is dropped, once a policy selects the pod for that direction."""
        ports = self.all["CronJob", "nightjar-coordinator"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["ports"]
        named = {port["name"]: port["containerPort"] for port in ports}
        policies = [found["spec"] for (kind, _), found in self.all.items() if kind == "NetworkPolicy"]
        for name, (_, labels, namespace) in self.addresses.items():
            mine = [p for p in policies if namespace == "nightjar" and p["podSelector"]["matchLabels"].items() <= labels.items()]
            for direction, side, hook in (("ingress", "saddr", "input"), ("egress", "daddr", "output")):
                if any(direction.capitalize() in p["policyTypes"] for p in mine):
                    allowed = [line for p in mine for line in self.rules(p, direction, side, named)]
                    rules = "\n".join([f"{hook[0]}if lo accept", "ct state established,related accept"] + allowed)
                    table = f"table inet pod_{hook} {{ chain rules {{ type filter hook {hook} priority 0; policy drop;\n{rules}\n}}\n}}\n"
                    subprocess.run(["ip", "netns", "exec", self.prefix + name, "nft", "-f", "-"], input=table, check=True, text=True)

    def reaches(self, name, address, port):
        """Whether a connection from a place succeeds; what a policy drops is waited for in vain."""
        code = f"import socket; socket.create_connection(('{address}', {port}), 0.4)"
        command = ["ip", "netns", "exec", self.prefix + name, sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True).returncode == 0

    # ---- pods ----

    def environment(self, container):
        found = {}
        for source in container.get("envFrom", []):
            found.update(self.all["ConfigMap", source["configMapRef"]["name"]]["data"])
        for entry in container.get("env", []):
            reference = entry.get("valueFrom", {}).get("resourceFieldRef")
            of, _, resource = reference["resource"].partition(".") if reference else ("", "", "")
            found[entry["name"]] = str(container["resources"][of][resource]) if reference else entry["value"]
        return [f"{name}={value}" for name, value in found.items()]

    def volume(self, pod, name, place):
        """The folder that is mounted; a secret's files are links into a folder that is replaced as a whole."""
        of_pod = pod["securityContext"]
        volume = next(volume for volume in pod["volumes"] if volume["name"] == name)
        if "persistentVolumeClaim" in volume:
            path = os.path.join(self.folder, "volumes", volume["persistentVolumeClaim"]["claimName"])
        else:
            path = os.path.join(self.folder, place, name)
            shutil.rmtree(path, ignore_errors=True)
            os.makedirs(path)
            os.chmod(path, 0o777)  # as the kubelet makes an emptyDir
        if "secret" in volume:
            self.write_secret(path, volume["secret"], of_pod["fsGroup"])
            return path
        for folder, _, files in os.walk(path):
            for entry in [folder] + [os.path.join(folder, file) for file in files]:
                os.chown(entry, -1, of_pod["fsGroup"])
                os.chmod(entry, os.stat(entry).st_mode | 0o060 | (0o2010 if os.path.isdir(entry) else 0))
        return path

    def write_secret(self, path, secret, group):
        data = os.path.join(path, f"..{time.monotonic_ns()}")
        os.mkdir(data)
        os.chmod(data, 0o755)
        for name, text in self.all["Secret", secret["secretName"]]["data"].items():
            file = os.path.join(data, name)
            with open(file, "wb") as out:
                out.write(base64.b64decode(text))
            os.chown(file, 0, group)
            os.chmod(file, secret["defaultMode"])
            if not os.path.lexists(os.path.join(path, name)):
                os.symlink(os.path.join("..data", name), os.path.join(path, name))
        os.symlink(os.path.basename(data), os.path.join(path, "..data.new"))
        os.rename(os.path.join(path, "..data.new"), os.path.join(path, "..data"))

    def start(self, pod, place, log):
        container = pod["containers"][0]
        root = os.path.join(self.folder, place, "root")
        os.makedirs(root, exist_ok=True)
        mounts = []
        for mount in container["volumeMounts"]:
            mode = "ro" if mount.get("readOnly") else "rw"
            mounts += [self.volume(pod, mount["name"], place), mount["mountPath"], mode]
        of_pod = pod["securityContext"]
        host = self.service["metadata"]["name"]
        hosts = f"127.0.0.1 localhost\n{self.addresses['coordinator-0'][0]} {host}"
        command = ["ip", "netns", "exec", self.prefix + place, "unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child",
                   "bash", "-c", ENTER, "pod", root, str(of_pod["runAsUser"]), str(of_pod["runAsGroup"]), place]
        command += mounts + ["--"] + self.environment(container) + container["command"] + container["args"]
        with open(os.path.join(self.folder, log + ".log"), "ab") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       env={"PATH": os.environ["PATH"], "NIGHTJAR_BIN": self.programs, "HOSTS": hosts})
        self.started.append(process)
        return process


def signal_pod(process, number):
    """To process 1 of the pod, as a container's runtime does; `ip` has become `unshare`, whose child it is. False: it has ended."""
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), number)
        return True
    except (OSError, IndexError):
        return False


class Job:
    """The pods of a Job; index i is place NAME-i."""

    def __init__(self, cluster, manifest, name):
        self.cluster = cluster
        self.name = name
        self.spec = manifest["spec"]["jobTemplate"]["spec"]
        self.count = self.spec["completions"]
        self.pods = {}
        self.failures = [0] * self.count
        self.disruptions = set()
        self.killed = set()
        self.done = {}  # index to how it ended
        self.waiting = {}  # index to when it begins again
        self.history = []  # index, exit code, action

    def labels(self):
        return self.spec["template"]["metadata"]["labels"]

    def start(self, index):
        self.pods[index] = self.cluster.start(self.spec["template"]["spec"], f"{self.name}-{index}", f"{self.name}-{index}")

    def start_all(self):
        for index in range(self.count):
            self.start(index)

    def kill(self, index, number, is_disruption=False):
        if not signal_pod(self.pods[index], number):
            return
        if is_disruption:
            self.disruptions.add(index)
        if number == signal.SIGKILL:
            self.killed.add(index)

    def judge(self, index, code):
        for rule in self.spec["podFailurePolicy"]["rules"]:
            if code in rule.get("onExitCodes", {}).get("values", []):
                return rule["action"]
            if "onPodConditions" in rule and index in self.disruptions:
                return rule["action"]
        return "Count"

    def look(self):
        """Takes what has ended. A pod that failed is replaced, or the place (or the whole Job) is given up."""
        limit = self.spec.get("backoffLimitPerIndex", self.spec.get("backoffLimit"))
        for index, process in list(self.pods.items()):
            code = process.poll()
            if code is None:
                continue
            del self.pods[index]
            if index in self.killed:  # unshare of util-linux 2.38 does not tell of a signal
                code = 128 + signal.SIGKILL
                self.killed.discard(index)
            action = self.judge(index, code) if code != 0 else "Complete"
            self.disruptions.discard(index)
            self.history.append((index, code, action))
            self.failures[index] += action == "Count"
            if action in ("Complete", "FailIndex", "FailJob") or self.failures[index] > limit:
                self.done[index] = "Complete" if action == "Complete" else "Failed"
            else:
                self.waiting[index] = time.monotonic() + PAUSE_S * 2 ** min(self.failures[index], 3)
        for index in [index for index, due in self.waiting.items() if due <= time.monotonic()]:
            del self.waiting[index]
            self.start(index)

    def has_succeeded(self):
        policy = self.spec.get("successPolicy", {"rules": [{"succeededCount": self.count}]})
        return list(self.done.values()).count("Complete") >= policy["rules"][0]["succeededCount"]

    def is_over(self):
        """Whether it has succeeded or failed; the pods that are left are asked to end, and waited for."""
        self.look()
        if not self.has_succeeded() and not any(action == "FailJob" for _, _, action in self.history):
            return len(self.done) == self.count
        for index in self.pods:
            if index not in self.disruptions:
                self.kill(index, signal.SIGTERM, is_disruption=True)
        self.waiting.clear()
        return not self.pods


def has_said(cluster, log, text, count=1):
    try:
        with open(os.path.join(cluster.folder, log + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read().count(text) >= count
    except FileNotFoundError:
        return False


def expect(is_so, what):
    if not is_so:
        raise SystemExit(f"FAILED: {what}")


def scrape(cluster):
    """The coordinator's page, asked for where Prometheus is. Empty where there is none."""
    address = cluster.addresses["coordinator-0"][0]
    code = f"import urllib.request as u; print(u.urlopen('http://{address}:9464/metrics', timeout=1).read().decode())"
    command = ["ip", "netns", "exec", cluster.prefix + PROMETHEUS, sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True).stdout


def has_rows(cluster):
    store = os.path.join(cluster.folder, "volumes/nightjar-night/store")
    found = subprocess.run([os.path.join(cluster.programs, "count_shards"), store], capture_output=True, text=True)
    return found.returncode == 0 and int(found.stdout) > 0


def look_at_reach(cluster):
    address = cluster.addresses["coordinator-0"][0]
    expect(cluster.reaches("worker-0", address, 7000), "a worker cannot reach the coordinator")
    expect(not cluster.reaches("worker-0", address, 9464), "a worker reaches the metrics page")
    expect(not cluster.reaches("worker-0", cluster.addresses["worker-1"][0], 7000), "a worker reaches another")
    expect(cluster.reaches(PROMETHEUS, address, 9464), "Prometheus cannot reach the metrics page")
    expect(not cluster.reaches(PROMETHEUS, address, 7000), "Prometheus reaches the workers' port")


def change_secret(cluster, coordinator):
    """A second key that may connect, as the kubelet brings it: the coordinator reads its list again."""
    secret = next(volume["secret"] for volume in coordinator.spec["template"]["spec"]["volumes"] if "secret" in volume)
    data = cluster.all["Secret", secret["secretName"]]["data"]
    another = cluster.all["Secret", "nightjar-worker"]["data"]["server.key.pub"]
    data["workers"] = base64.b64encode(base64.b64decode(data["workers"]) + base64.b64decode(another)).decode()
    group = coordinator.spec["template"]["spec"]["securityContext"]["fsGroup"]
    cluster.write_secret(os.path.join(cluster.folder, "coordinator-0", "keys"), secret, group)
    wait_until("the list to be read again", lambda: has_said(cluster, "coordinator-0", "was read again: 2 workers may connect"))


def night(cluster, coordinator, workers):
    """In the middle one worker is killed, one asked to end, and the coordinator evicted: the night is published all the same."""
    coordinator.start_all()
    wait_until("the coordinator", lambda: has_said(cluster, "coordinator-0", "listening on tcp"))
    look_at_reach(cluster)
    change_secret(cluster, coordinator)
    workers.start_all()
    wait_until("the first rows", lambda: has_rows(cluster))
    workers.kill(0, signal.SIGKILL)
    workers.kill(1, signal.SIGTERM)
    coordinator.kill(0, signal.SIGTERM, is_disruption=True)
    is_last = lambda: has_said(cluster, "coordinator-0", "its last numbers wait for a scrape")
    wait_until("the night's end", lambda: workers.look() or coordinator.look() or is_last())
    if not coordinator.history or "Complete" in coordinator.done.values():
        sys.exit(TOO_SHORT)
    page = scrape(cluster)
    wait_until("the coordinator's end", coordinator.is_over)
    wait_until("the workers' end", workers.is_over)
    print("coordinator", coordinator.history)
    print("workers", workers.history)
    expect(coordinator.history == [(0, 143, "Ignore"), (0, 0, "Complete")], "the coordinator's pods ended otherwise")
    first = {index: (code, action) for index, code, action in reversed(workers.history)}
    expect(first[0] == (137, "Count"), "the killed worker's pod ended otherwise")
    expect(first[1] in ((143, "Count"), (75, "Count")), "the drained worker's pod ended otherwise")  # 75: the coordinator was sooner
    expect("Failed" not in workers.done.values() and workers.has_succeeded(), "the workers' Job has not succeeded")
    expect("nightjar_run_exit_code 0" in page and "nightjar_run_running 0" in page, "Prometheus did not see the end")


def other_night(cluster, coordinator, workers):
    """Inputs that changed while a night was interrupted: the Job fails at once, and nothing is tried again."""
    coordinator.start_all()
    wait_until("the coordinator", lambda: has_said(cluster, "coordinator-0", "its last numbers wait for a scrape"))
    page = scrape(cluster)
    wait_until("the coordinator's end", coordinator.is_over)
    print("coordinator", coordinator.history)
    expect("nightjar_run_exit_code 78" in page, "Prometheus did not see the end")
    expect(coordinator.history == [(0, 78, "FailJob")], "exit 78 was not given to a person")


def main():
    folder_of_manifests, secrets, programs, folder, scenario = sys.argv[1:]
    found, _ = kubernetes.load(folder_of_manifests, secrets)
    for log in glob.glob(os.path.join(folder, "*.log")):
        os.unlink(log)
    cluster = Cluster(found, programs, folder)
    try:
        coordinator = Job(cluster, found["CronJob", "nightjar-coordinator"], "coordinator")
        workers = Job(cluster, found["CronJob", "nightjar-worker"], "worker")
        for job in (coordinator, workers):
            for index in range(job.count):
                cluster.place(f"{job.name}-{index}", job.labels())
        cluster.place(PROMETHEUS, {}, "monitoring")
        cluster.enforce()
        {"night": night, "other-night": other_night}[scenario](cluster, coordinator, workers)
    finally:
        cluster.end()


if __name__ == "__main__":
    main()
