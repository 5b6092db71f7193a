"""Validates what commands printed against schemas/json.

    schema.py SCHEMAS NAME FILE [NAME FILE]...

FILE is one JSON document, or JSON lines where its name ends in .jsonl. The schemas allow keys that they do not know, because readers must;
here a key that none of them describes is an error, so that no command grows one in silence. Exit 77: no jsonschema.
"""
import json
import os
import sys
import warnings

try:
    warnings.simplefilter("ignore")  # newer releases recommend another resolver, which Debian 12's does not have
    import jsonschema
except ImportError:
    sys.exit(77)


def close(schema):
    """The same schema, without room for keys that it does not name."""
    if isinstance(schema, list):
        return [close(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: close(part) for key, part in schema.items()}
    if "properties" in closed and isinstance(closed["properties"], dict) and "type" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def main(folder, pairs):
    schemas = {}
    for file in os.listdir(folder):
        with open(os.path.join(folder, file), encoding="utf-8") as text:
            schema = json.load(text)
        jsonschema.Draft202012Validator.check_schema(schema)
        schemas[file] = close(schema)
    failed = 0
    for name, path in zip(pairs[::2], pairs[1::2]):
        with open(path, encoding="utf-8") as text:
            documents = [json.loads(line) for line in text] if path.endswith(".jsonl") else [json.load(text)]
        schema = schemas[name + ".json"]
        resolver = jsonschema.RefResolver("", schema, store=schemas)
        validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
        if not documents:
            print(f"{path}: nothing to validate")
            failed += 1
        for document in documents:
            for error in list(validator.iter_errors(document))[:3]:
                where = "/".join(str(part) for part in error.absolute_path)
                print(f"{path} as {name}: {where}: {error.message[:300]}")
                failed += 1
    return 1 if failed else 0


sys.exit(main(sys.argv[1], sys.argv[2:]))
