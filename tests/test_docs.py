"""The pages are whole: what is public stands in the reference, what can be raised in the table of errors."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

import viber_async
from viber_async import errors, sandbox, testing

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = "\n".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.md")))
ENTRIES = re.findall(r"^::: (\S+)$", REFERENCE, re.MULTILINE)
DESCRIBED = set(ENTRIES)
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, BaseException)}
ALIASES = {"Lane", "Middleware", "CallNext", "DEFAULT", "Delivery", "__version__"}
"""Not classes or functions of their own: they are described where they are used."""


@pytest.mark.parametrize("module", [viber_async, sandbox, testing], ids=lambda module: module.__name__)
def test_every_public_name_stands_in_the_reference(module: object) -> None:
    """Errors by their module."""
    names = set(module.__all__) - ERRORS - ALIASES

    assert {f"{module.__name__}.{name}" for name in names} - DESCRIBED == set()
    assert "viber_async.errors" in DESCRIBED


def test_nothing_stands_in_the_reference_twice() -> None:
    """One place for each name."""
    assert sorted(ENTRIES) == sorted(DESCRIBED)


def test_every_error_says_what_to_do() -> None:
    """In the page's table, but for the five that only gather others, which its text names."""
    page = (DOCS / "errors.md").read_text()
    rows = dict(re.findall(r"^\| \**`(\w+)`[^|]*\|[^|]+\|([^|]*)\|$", page, re.MULTILINE))
    gather = {"ViberError", "UsageError", "ApiError", "TransportError", "SyncError"}

    assert set(rows) == ERRORS - gather
    assert [name for name, do in rows.items() if not do.strip()] == []
    assert [name for name in gather if f"`{name}`" not in page] == []


def test_every_page_is_in_the_plan_of_the_site() -> None:
    """And every entry of the plan is a page."""
    plan = set(re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))

    assert plan == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}


def test_what_machines_read_leads_to_every_page(tmp_path: Path) -> None:
    """Of the site too, which has the text of each page beside it."""
    links = re.findall(r"\]\(([^)]+)\)", (DOCS / "llms.txt").read_text())
    hook = runpy.run_path(str(ROOT / "mkdocs_texts.py"))["on_post_build"]
    hook(config=SimpleNamespace(docs_dir=str(DOCS), site_dir=str(tmp_path)))

    assert sorted(links) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
    assert [link for link in links if (tmp_path / link).read_text() != (DOCS / link).read_text()] == []
    assert "mkdocs_texts.py" in (ROOT / "mkdocs.yml").read_text()


def test_every_long_proof_is_on_the_list_of_a_release() -> None:
    """Those of nox that plain `nox` leaves out."""
    sessions = re.findall(r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    page = (DOCS / "release.md").read_text()
    usual = re.search(r"^nox\.options\.sessions = \[([^\]]*)\]", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    assert usual is not None
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`nox([^`]*)`", page))))

    assert set(sessions) - set(re.findall(r"\w+", usual[1])) <= named


def test_every_drawing_is_shown_and_told() -> None:
    """A page shows it, with words for whoever cannot see it."""
    shown = re.findall(
        r"!\[([^\]]{20,})\]\(img/([\w-]+\.\w+)\)", "\n".join(page.read_text() for page in DOCS.glob("*.md"))
    )

    assert {name for _, name in shown} == {path.name for path in (DOCS / "img").iterdir()}
