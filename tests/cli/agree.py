"""What help, manual, completions, environment and YAML of one program say of its options, and where they differ.

    agree.py PROGRAM

Reads, from the working folder: pages/ (man --out), PROGRAM.bash and, where they were made, PROGRAM.zsh-words and PROGRAM.fish-words:
lines of "command TAB option". Prints a line for each difference.
"""
import json
import os
import re
import subprocess
import sys

PROGRAM = sys.argv[1]
GENERAL = {"config", "show-config", "help"}
DAEMON = {"completion", "man"}


def output(words, **environment):
    base = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTJAR_")}
    done = subprocess.run([PROGRAM] + words, env={**base, **environment}, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{PROGRAM} {words}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def complain(what):
    print(f"{PROGRAM}: {what}")


def same(command, where, expected, found):
    for name in sorted(set(expected) | set(found)):
        if expected.get(name) != found.get(name):
            complain(f"{command}: --{name}: the table says {expected.get(name)}, {where} {found.get(name)}")


def commands():
    if PROGRAM != "nightjar":
        return [""]
    rows = re.findall(r"^  (\S+(?: \S+)?)  ", output(["--help"]), re.M)
    return rows


def of_help(words):
    """name -> what stands behind it, up to the end of the line."""
    text = re.sub(r"\n {31}(?=\S)", " ", output(words + ["--help"]))  # long lines go on below
    return {m[0]: (m[1], m[2]) for m in re.findall(r"^  --([a-z0-9-]+)(?: (\S+))? +(\S.*)$", text, re.M)}


def help_line(row):
    tail = " (required)" if row["required"] else f" [{row['default']}]" if row["default"] and row["takes"] else ""
    return (row["takes"] or "", row["help"] + tail)


def roff(text):
    for written, meant in (("\\-", "-"), ("\\(aq", "'"), ("\\&", ""), ("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\e", "\\")):
        text = text.replace(written, meant)
    return text


def of_manual(page):
    """name -> (value, help, variable)."""
    text = open(f"pages/{page}.1", encoding="utf-8").read()
    options = text.split(".SH OPTIONS\n")[1].split(".SH ")[0]
    found = {}
    for entry in options.split(".TP\n")[1:]:
        lines = entry.splitlines()
        name, _, value = roff(lines[0]).partition(" ")
        variable = roff(lines[3]) if len(lines) > 3 and lines[2] == ".br" else None
        found[name[2:]] = (value, roff(lines[1]), variable)
    return found


def shell_options(shell):
    path = f"{PROGRAM}.{shell}-words"
    if not os.path.exists(path):
        return None
    found = {}
    for line in open(path, encoding="utf-8"):
        command, _, option = line.rstrip("\n").partition("\t")
        found.setdefault(command, set()).add(option.lstrip("-"))
    return found


def main():
    shells = {shell: shell_options(shell) for shell in ("bash", "zsh", "fish")}
    general = GENERAL if PROGRAM == "nightjar" else GENERAL | DAEMON
    rows = {}
    for command in commands():
        words = ["config", "show"] + command.split() if command else ["--show-config"]
        if command == "config show":  # shows others; its own row is in the manual and the shells
            continue
        rows[command] = {row["name"]: row for row in json.loads(output(words + ["--json"]))["options"]}
    keys = {name: row for table in rows.values() for name, row in table.items()}
    values = {name: "1" if row["takes"] else "true" for name, row in keys.items()}
    with open("all.yaml", "w", encoding="utf-8") as out:
        out.writelines(f"{name}: {value}\n" for name, value in values.items())
    variables = {row["variable"]: values[name] for name, row in keys.items()}
    count = 0
    for command, table in rows.items():
        words = ["config", "show"] + command.split() if command else ["--show-config"]
        help_lines = of_help(command.split())
        same(command, "help", {n: help_line(r) for n, r in table.items()}, {n: l for n, l in help_lines.items() if n not in general})
        if general - set(help_lines):
            complain(f"{command}: help lacks {general - set(help_lines)}")
        page = "-".join([PROGRAM] + command.split())
        manual = {n: e for n, e in of_manual(page).items() if n not in general}
        same(command, "the manual", {n: help_line(r) + (r["variable"],) for n, r in table.items()}, manual)
        for shell, found in shells.items():
            if found is not None and found.get(command, set()) != set(table) | general:
                complain(f"{command}: {shell} and the table differ by {found.get(command, set()) ^ (set(table) | general)}")
        by_file = json.loads(output(words + ["--json", "--config", "all.yaml"]))["options"]
        by_environment = json.loads(output(words + ["--json"], **variables))["options"]
        for origin, shown in (("file", by_file), ("environment", by_environment)):
            for row in shown:
                if (row["origin"], row["value"]) != (origin, values[row["name"]]):
                    complain(f"{command}: --{row['name']} is not taken from the {origin}: {row['origin']} {row['value']}")
        count += len(table)
    open("count", "w", encoding="utf-8").write(f"{len(rows)} {count}\n")


main()
