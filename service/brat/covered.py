"""What a ``T`` line says that it covers, against what the text has there."""

from __future__ import annotations

import re

from service.brat.entries import Span, StandoffError

_LINE_END = re.compile(r"[\r\n]")
_SPACES = re.compile(r"\s+")


def flat(text: str) -> str:
    """Return a text as a line of stand-off holds it: each line end character is a space."""
    return _LINE_END.sub(" ", text)


def fits(column: str, covered: str) -> bool:
    """Tell if a third column is the covered text, but for white space and further columns."""
    return _words(column) == _words(covered) or column.startswith(f"{flat(covered)}\t")


def check_span(entry: Span, text: str, path: str) -> dict[str, str]:
    """Check a span against the text.

    Returns:
        The third column as `text` if it is not simply the covered text with its line ends as spaces, else nothing.

    Raises:
        StandoffError: The span is not inside the text, or the third column is not what it covers.
    """
    end = max(end for _, end in entry.fragments)
    if end > len(text):
        raise StandoffError(
            path, entry.line, found=f"a span up to {end}", expected=f"offsets up to {len(text)}, the text's code points"
        )
    covered = _slices(entry, text)
    if entry.text == flat(covered):
        return {}
    if not fits(entry.text, covered):
        expected = f"{flat(covered)!r}, which the text has there{_other_reading(entry, text)}"
        raise StandoffError(path, entry.line, found=repr(entry.text), expected=expected)
    return {"text": entry.text}


def _words(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _slices(entry: Span, text: str) -> str:
    return " ".join(text[start:end] for start, end in entry.fragments)


def _other_reading(entry: Span, text: str) -> str:
    """Tell which other way of counting would fit; nothing is converted unasked."""
    utf16 = text.encode("utf-16-le")
    pieces = [utf16[2 * start : 2 * end].decode("utf-16-le", "replace") for start, end in entry.fragments]
    if fits(entry.text, " ".join(pieces)):
        return " (the offsets count UTF-16 units, expected code points)"
    utf8 = text.encode()
    pieces = [utf8[start:end].decode(errors="replace") for start, end in entry.fragments]
    if fits(entry.text, " ".join(pieces)):
        return " (the offsets count UTF-8 bytes, expected code points)"
    if fits(entry.text, _slices(entry, text.replace("\r\n", "\n"))):
        return " (the offsets count CR LF as one character, expected two)"
    return ""
