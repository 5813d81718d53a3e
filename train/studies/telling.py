"""What a study says when it is done."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from manifests.options import EXIT_SOME_FAILED

if TYPE_CHECKING:
    from train.studies.results import Results


def tell(results: Results[Any], as_json: bool) -> None:
    """Print a study's table, or with `as_json` its rows, one object a line; exit code 3 where a row has an error or a picture failed."""
    if as_json:
        for row in results.rows:
            click.echo(json.dumps(dataclasses.asdict(row), default=str))
    else:
        click.echo(f"{results.markdown}\n{results.folder}: table.parquet, table.md, figure.png")
    for line in results.failed:
        click.echo(f"failed: {line}", err=True)
    if results.failed or any(getattr(row, "error", None) for row in results.rows):
        click.get_current_context().exit(EXIT_SOME_FAILED)
