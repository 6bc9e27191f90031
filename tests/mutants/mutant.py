"""What a seeded bug is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class RottenMutantError(Exception):
    """The code has changed: what a mutant replaces is not there exactly once any more."""


@dataclass(frozen=True)
class Mutant:
    """A bug to be seeded.

    Attributes:
        name: Says which rule is broken, and where if there are several places.
        path: Of the file, below the root of the tree.
        old: Text that is there exactly once.
        new: What takes its place.
        tests: What must fail: files, or tests of files that take long, as pytest takes them.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, root: Path = ROOT) -> str:
        """Return the file's text with the bug in it.

        Raises:
            RottenMutantError: The old text is not there exactly once.
        """
        text = (root / self.path).read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1:
            raise RottenMutantError(
                f"The mutant {self.name!r} expects its old text once in {self.path}, found it {found} times. "
                "Write it anew for the code as it is now."
            )
        return text.replace(self.old, self.new)
