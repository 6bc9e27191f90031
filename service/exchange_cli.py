"""`annolog import` and `annolog export`: the formats that they know."""

from __future__ import annotations

import click

from service.brat.cli import export_brat, import_brat
from service.legacy.cli import import_legacy


@click.group("import")
def import_group() -> None:
    """Create documents and annotations from files."""


@click.group("export")
def export_group() -> None:
    """Write documents and annotations to files."""


import_group.add_command(import_brat)
import_group.add_command(import_legacy)
export_group.add_command(export_brat)
