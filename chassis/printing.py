"""HTML on standard input, PDF on standard output, for `paper.py`; it imports nothing of ours, to begin at once."""

import sys

import weasyprint


def nothing(url: str) -> dict[str, object]:
    """The page holds everything that it shows: nothing is fetched."""
    raise ValueError(f"not fetched: {url[:80]}")


if __name__ == "__main__":
    page = weasyprint.HTML(string=sys.stdin.buffer.read().decode(), url_fetcher=nothing)
    sys.stdout.buffer.write(page.write_pdf())
