"""HTML on standard input, PDF on standard output.

A process of its own for each print: the layout engine is large and busy, and a service that answers calls should be
neither.
"""

import sys

import weasyprint


def nothing(url: str) -> dict[str, object]:
    """The page holds everything that it shows: nothing is fetched."""
    raise ValueError(f"not fetched: {url[:80]}")


page = weasyprint.HTML(string=sys.stdin.buffer.read().decode(), url_fetcher=nothing)
sys.stdout.buffer.write(page.write_pdf())
