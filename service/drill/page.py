"""The report as one page."""

from service.drill.tally import DrillReport


def page(report: DrillReport) -> str:
    """Return it."""
    return str(report.seed)
