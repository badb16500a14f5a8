"""Writes the JSON schemas of the Prometheus operator's objects, which refuse unknown keys, into a directory."""

import json
import pathlib
import sys

from cloudcoil.models.prometheus_operator import v1


def close(schema: object) -> None:
    """Refuses keys that a schema does not name, as the API server does with strict validation."""
    if isinstance(schema, list):
        for part in schema:
            close(part)
    elif isinstance(schema, dict):
        if "properties" in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            close(part)


directory = pathlib.Path(sys.argv[1])
directory.mkdir(parents=True, exist_ok=True)
for model in (v1.ServiceMonitor, v1.PrometheusRule):
    schema = model.model_json_schema(by_alias=True)
    close(schema)
    (directory / f"{model.__name__}.json").write_text(json.dumps(schema))
