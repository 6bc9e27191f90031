"""Who is in a crew, and what each of them is in its projects."""

from __future__ import annotations

OWNER, EDITOR = "owner", "editor"
REVIEWERS = ("reviewer-1", "reviewer-2")
ANNOTATORS = ("annotator-1", "annotator-2", "annotator-3", "annotator-4", "annotator-5")
GUESTS = ("guest-1", "guest-2")
"""They come and go, and only look on: what they asked for can be asked for again whether they are there or not."""
ROLES = {
    OWNER: "owner",
    EDITOR: "editor",
    **dict.fromkeys(REVIEWERS, "reviewer"),
    **dict.fromkeys(ANNOTATORS, "annotator"),
}
"""Of those who stay."""
PEOPLE = (*ROLES, *GUESTS)
ANNOTATORS_PER_DOCUMENT = 2
