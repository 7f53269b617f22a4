"""What a package index shows of the distribution."""

import importlib.metadata
import re


def test_the_page_leads_nowhere_that_is_not_there():
    metadata = importlib.metadata.metadata("csep-conv")
    page = metadata["Description"] or metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert page.startswith("# csep\n")
    assert "pip install csep-conv" in page
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert all(link.startswith(("http://", "https://")) for link in links), links


def test_who_made_it():
    metadata = importlib.metadata.metadata("csep-conv")
    assert metadata["Author"] == "The csep developers"
    assert metadata["License-Expression"] == "BSD-3-Clause"
