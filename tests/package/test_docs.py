"""The Python of the pages in docs/, run from top to bottom as a reader would."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_snippets_run(page):
    text = (DOCS / page).read_text()
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippets
    names = {}
    for snippet in snippets:
        if "import torch" in snippet and importlib.util.find_spec("torch") is None:
            continue  # those run where PyTorch is
        exec(compile(snippet, page, "exec"), names)


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page):
    text = (DOCS / page).read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert links
    for link in links:
        assert (DOCS / link).exists(), link
