"""The documentation's page with whole reports is what the checker says now."""

import pytest
from checked_papers import PAGE, SEEDS, page


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the papers (../shared/seeds) are not there")
def test_the_page_of_checked_papers_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/checked_papers.py"
