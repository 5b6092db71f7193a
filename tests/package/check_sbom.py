"""check_sbom - holds a bill of materials against SPDX's schema, against itself and against the programs.

    check_sbom.py SCHEMA BILL ROOT       ROOT: the package, unpacked
"""
import hashlib
import json
import re
import subprocess
import sys

import jsonschema


def fail(message):
    sys.exit(f"check_sbom: {message}")


def read_needed(path):
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout))


def find_package(library):
    """The package of a library that the loader would take."""
    listed = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    path = re.search(rf"^\s*{re.escape(library)} \(.*\) => (\S+)$", listed, re.M).group(1)
    real = subprocess.run(["realpath", path], check=True, capture_output=True, text=True).stdout.strip()
    for name in (path, real, real.removeprefix("/usr")):
        found = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True).stdout
        if found:
            return found.split(":")[0]
    fail(f"{library} belongs to no package")


def main():
    schema_path, bill_path, root = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    with open(bill_path, encoding="utf-8") as file:
        bill = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(bill, schema, cls=jsonschema.Draft7Validator)

    ids = [part["SPDXID"] for part in bill["packages"] + bill["files"]]
    if len(set(ids)) != len(ids):
        fail("an id stands twice")
    for relation in bill["relationships"]:
        for end in (relation["spdxElementId"], relation["relatedSpdxElement"]):
            if end not in ids and end != "SPDXRef-DOCUMENT":
                fail(f"a relationship names {end}, which is not there")

    needed = set()
    for part in bill["files"]:
        path = f"{root}/{part['fileName']}"
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        if {"algorithm": "SHA256", "checksumValue": digest} not in part["checksums"]:
            fail(f"{part['fileName']}: the digest is another")
        needed |= read_needed(path)
    names = {part["SPDXID"]: part["name"] for part in bill["packages"]}
    linked = {names[relation["relatedSpdxElement"]] for relation in bill["relationships"] if relation["relationshipType"] == "DYNAMIC_LINK"}
    loaded = {find_package(library) for library in needed}
    if linked != loaded:
        fail(f"the bill links {sorted(linked)}, the programs name libraries of {sorted(loaded)}")
    installed = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n"], check=True, capture_output=True, text=True).stdout
    for part in bill["packages"][1:]:
        if f"{part['name']} {part['versionInfo']}" not in installed.split("\n"):
            fail(f"{part['name']} {part['versionInfo']} is not installed here")


if __name__ == "__main__":
    main()
