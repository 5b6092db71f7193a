"""check_container - reads ops/container/Containerfile as a builder would, and holds it to what the handbook promises of the images.

    check_container.py CONTAINERFILE SOURCES       prints nothing; the first thing that is wrong ends it

Prints the shell of every RUN with --shell, one script a NUL, for `sh -n`.
"""
import json
import os
import re
import sys

KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "STOPSIGNAL", "ENTRYPOINT", "VOLUME", "ARG", "ENV", "EXPOSE", "LABEL", "CMD"}


def fail(message):
    sys.exit(f"check_container: {message}")


def read_instructions(path):
    """(line number, word, rest) with continued lines joined and comments left out."""
    found, pending, start = [], "", 0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.lstrip().startswith("#") or (not line.strip() and not pending):
                continue
            start = start if pending else number
            pending += line
            if pending.endswith("\\"):
                pending = pending[:-1]
                continue
            word, _, rest = pending.strip().partition(" ")
            if word not in KNOWN:
                fail(f"line {start}: {word} is not one of {', '.join(sorted(KNOWN))}")
            found.append((start, word, rest.strip()))
            pending = ""
    if pending:
        fail(f"line {start}: the last instruction goes on")
    return found


def split_stages(instructions):
    """Name -> (base, instructions)."""
    stages, name = {}, None
    for line, word, rest in instructions:
        if word == "FROM":
            match = re.fullmatch(r"(\S+) AS ([a-z]+)", rest)
            if not match:
                fail(f"line {line}: FROM {rest}: a stage needs a name")
            base, name = match.groups()
            if base not in stages and base != "scratch" and not re.search(r":[^/:]+$", base):
                fail(f"line {line}: {base} has no tag")
            stages[name] = (base, [])
        elif name is None:
            fail(f"line {line}: {word} before the first FROM")
        else:
            stages[name][1].append((line, word, rest))
    return stages


def split_flags(rest):
    flags, words = [], rest.split()
    while words and words[0].startswith("--"):
        flags.append(words.pop(0))
    return flags, words


def check_sources(stages, sources):
    for _, instructions in stages.values():
        for line, word, rest in instructions:
            flags, words = split_flags(rest)
            froms = [flag[len("--from="):] for flag in flags if flag.startswith("--from=")]
            froms += re.findall(r"from=([a-z]+)", " ".join(flags)) if word == "RUN" else []
            for name in froms:
                if name not in stages:
                    fail(f"line {line}: there is no stage {name}")
            if word == "COPY" and not froms:
                for path in words[:-1]:
                    if not os.path.exists(os.path.join(sources, path)):
                        fail(f"line {line}: {path} is not in the repository")


def check_runs(stages):
    for name, (_, instructions) in stages.items():
        for line, word, rest in instructions:
            if word == "RUN" and "apt-get install" in rest:
                if "--no-install-recommends" not in rest or "/var/lib/apt/lists" not in rest or "apt-get update" not in rest:
                    fail(f"line {line}: {name}: apt-get install wants update before, no recommended packages, and its lists gone after")


def check_image(name, instructions, program):
    last = {word: (line, rest) for line, word, rest in instructions}
    for word in ("USER", "STOPSIGNAL", "ENTRYPOINT", "WORKDIR"):
        if word not in last:
            fail(f"{name}: has no {word}")
    line, user = last["USER"]
    if not re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", user):
        fail(f"line {line}: {name}: USER {user}: Kubernetes' runAsNonRoot wants numbers that are not 0")
    if last["STOPSIGNAL"][1] != "SIGTERM":
        fail(f"{name}: STOPSIGNAL {last['STOPSIGNAL'][1]}: a worker drains on SIGTERM")
    line, entry = last["ENTRYPOINT"]
    try:
        words = json.loads(entry)
    except ValueError:
        fail(f"line {line}: {name}: a shell would be process 1 and keep SIGTERM to itself: ENTRYPOINT wants the form [\"program\"]")
    if words != [program]:
        fail(f"line {line}: {name}: starts {words}, not {program}")


def print_scripts(stages):
    for _, instructions in stages.values():
        for _, word, rest in instructions:
            if word == "RUN":
                sys.stdout.write(" ".join(split_flags(rest)[1]) + "\0")


def main():
    path, sources = sys.argv[1:3]
    stages = split_stages(read_instructions(path))
    if sys.argv[3:] == ["--shell"]:
        print_scripts(stages)
        return
    check_sources(stages, sources)
    check_runs(stages)
    for name in ("worker", "coordinator"):
        if name not in stages:
            fail(f"there is no stage {name}")
        check_image(name, stages[name][1], f"nightjar-{name}")


if __name__ == "__main__":
    main()
