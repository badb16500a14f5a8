"""Validates objects against the schemas of a version of Kubernetes and of the Prometheus operator, strictly.

validate.py OBJECTS VERSION SCHEMAS: OBJECTS is a JSON array of {"of": where it comes from, "object": the object}, VERSION
such as 1.28 or `newest`. Says on standard error what is wrong, then on standard output how many different
objects it has looked at.
"""

import json
import pathlib
import sys

import jsonschema
import kubernetes_validate

# Kinds for which there is no schema to be had.
WITHOUT_SCHEMA = {"SecurityContextConstraints"}


def complaints(thing: dict, version: str, operator: dict) -> list[str]:
    """What is wrong with an object."""
    kind = thing["kind"]
    if kind in WITHOUT_SCHEMA:
        return []
    if kind in operator:
        found = operator[kind].iter_errors(thing)
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return ["no such kind"]
    return []


def main() -> int:
    objects, version, schemas = sys.argv[1:]
    if version == "newest":
        version = kubernetes_validate.latest_version()
    operator = {
        path.stem: jsonschema.Draft202012Validator(json.loads(path.read_text()))
        for path in pathlib.Path(schemas).glob("*.json")
    }
    seen: set[str] = set()
    wrong = 0
    for entry in json.loads(pathlib.Path(objects).read_text()):
        thing = entry["object"]
        text = json.dumps(thing, sort_keys=True)
        if text in seen:
            continue
        seen.add(text)
        for complaint in complaints(thing, version, operator):
            wrong += 1
            print(f"{entry['of']}: {thing['kind']} {thing['metadata']['name']}: {complaint}", file=sys.stderr)
    print(f"{len(seen)} objects against {version}")
    return 1 if wrong else 0


sys.exit(main())
