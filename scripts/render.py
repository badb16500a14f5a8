"""Writes each entry of the JSON object on standard input to a file below a directory: render.py DIRECTORY

jsonnet's own writing of YAML takes minutes, and its JSON is too wide for a ConfigMap that is applied by the client.
"""

import json
import pathlib
import sys

import yaml

HEADER = "# Rendered from mixin/ by make mixin.\n"

# In rules these come first.
FIRST = ["alert", "record", "name", "apiVersion", "kind", "metadata", "expr", "for", "keep_firing_for", "labels"]


class Dumper(yaml.SafeDumper):
    """Expressions of several lines are written so; sequences are indented."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


def text(dumper, value):
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, text)


def ordered(value):
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (FIRST.index(key) if key in FIRST else len(FIRST), key))
        return {key: ordered(value[key]) for key in keys}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    return value


def written(name, content):
    if name.endswith(".yaml"):
        return HEADER + yaml.dump(ordered(content), Dumper=Dumper, sort_keys=False, width=110)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def main():
    directory = pathlib.Path(sys.argv[1])
    for name, content in json.load(sys.stdin).items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(written(name, content), encoding="utf-8")


main()
