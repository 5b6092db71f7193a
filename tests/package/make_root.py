"""make_root - a root folder from the packages of this machine that a package files depend on, as far down as Depends go.

    make_root.py ROOT [--with PACKAGE] FILE.deb...

Files are copied, dpkg's records with them, so that dpkg --root judges the dependencies as it would on a real machine, and a program that
loads a library which no Depends brings does not start. Documentation and translations are left out. With the shell and base files that
every Debian has, because scripts of packages may rely on these.
"""
import os
import re
import subprocess
import sys

ALWAYS = ("base-files", "base-passwd", "coreutils", "dash", "init-system-helpers", "libpam-modules-bin")
LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/lintian/", "/usr/share/bug/")
INFO = "/var/lib/dpkg/info"


def read_status():
    packages, providers = {}, {}
    with open("/var/lib/dpkg/status", encoding="utf-8") as file:
        for stanza in file.read().split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.M))
            if fields.get("Status", "").endswith(" installed"):
                packages.setdefault(fields["Package"], (stanza, fields))
                for name in split_names(fields.get("Provides", "")):
                    providers.setdefault(name[0], []).append(fields["Package"])
    return packages, providers


def split_names(depends):
    """[[alternative, ...], ...] without versions and architectures."""
    clauses = [clause for clause in depends.split(",") if clause.strip()]
    return [[re.sub(r"[:(].*", "", name).strip() for name in clause.split("|")] for clause in clauses]


def choose(alternatives, packages, providers):
    for name in alternatives:
        if name in packages:
            return name
        if name in providers:
            return providers[name][0]
    sys.exit(f"make_root: none of {', '.join(alternatives)} is installed here")


def read_field(deb, field):
    return subprocess.run(["dpkg-deb", "-f", deb, field], check=True, capture_output=True, text=True).stdout.strip()


def close_over(clauses, packages, providers):
    wanted = [choose(names, packages, providers) for names in clauses] + list(ALWAYS)
    closed = set()
    while wanted:
        name = wanted.pop()
        if name not in closed:
            closed.add(name)
            fields = packages[name][1]
            for names in split_names(fields.get("Depends", "")) + split_names(fields.get("Pre-Depends", "")):
                wanted.append(choose(names, packages, providers))
    return sorted(closed)


def list_info(name, fields):
    for prefix in (name, f"{name}:{fields['Architecture']}"):
        if os.path.exists(f"{INFO}/{prefix}.list"):
            return f"{INFO}/{prefix}."
    sys.exit(f"make_root: dpkg has no list of the files of {name}")


def find_alternatives(files):
    """Links through /etc/alternatives that lead to one of the files: generic name -> file."""
    links = {}
    folder = "/var/lib/dpkg/alternatives"
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            lines = file.read().split("\n")
        choices = [line for line in lines if line in files]
        if choices:
            links[lines[1]] = choices[0]
    return links


def main():
    root, debs = sys.argv[1], sys.argv[2:]
    extra = []
    if debs[0] == "--with":
        extra, debs = [[debs[1]]], debs[2:]
    packages, providers = read_status()
    ours = {read_field(deb, "Package") for deb in debs}
    wanted = [names for deb in debs for names in split_names(read_field(deb, "Depends")) if not ours & set(names)]
    closed = close_over(wanted + extra, packages, providers)

    files, copied = set(), []
    for name in closed:
        prefix = list_info(name, packages[name][1])
        with open(prefix + "list", encoding="utf-8") as file:
            files.update(line for line in file.read().splitlines() if line not in ("", "/."))
        copied += [prefix + "list"] + [prefix + end for end in ("md5sums", "shlibs", "symbols") if os.path.exists(prefix + end)]
    wanted = [path for path in sorted(files) if not path.startswith(LEFT_OUT) and os.path.lexists(path)]

    for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{name}", f"{root}/{name}")
    inside = [path for path in wanted if path not in ("/bin", "/sbin", "/lib", "/lib64")]
    packed = subprocess.Popen(["tar", "-C", "/", "--no-recursion", "--ignore-failed-read", "-cf", "-", "--null", "-T", "-"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    unpacked = subprocess.Popen(["tar", "-C", root, "--keep-directory-symlink", "-xf", "-"], stdin=packed.stdout)
    packed.stdin.write(b"".join(path[1:].encode() + b"\0" for path in inside + copied))
    packed.stdin.close()
    if packed.wait() not in (0, 1) or unpacked.wait() != 0:
        sys.exit(f"make_root: {root} cannot be filled")

    for generic, file in find_alternatives(files).items():
        os.makedirs(os.path.dirname(root + generic), exist_ok=True)
        if not os.path.lexists(root + generic):
            os.symlink(file, root + generic)
    with open(f"{root}/var/lib/dpkg/status", "w", encoding="utf-8") as file:
        file.write("".join(packages[name][0].strip("\n") + "\n\n" for name in closed))
    open(f"{root}/var/lib/dpkg/available", "w", encoding="utf-8").close()
    with open(f"{root}/var/lib/dpkg/info/format", "w", encoding="utf-8") as file:
        file.write("1\n")
    for name in ("passwd", "group"):
        with open(f"{root}/etc/{name}", "w", encoding="utf-8") as file:
            file.write("root:x:0:0:root:/root:/bin/sh\n" if name == "passwd" else "root:x:0:\n")


if __name__ == "__main__":
    main()
