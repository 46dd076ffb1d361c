"""HTML on standard input, PDF on standard output, for `paper.py`; it imports nothing of ours, to begin at once."""

import sys

import weasyprint
from weasyprint.urls import URLFetcher

if __name__ == "__main__":
    # the page holds everything that it shows, its pictures too: nothing is fetched
    held = URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    page = weasyprint.HTML(string=sys.stdin.buffer.read().decode(), url_fetcher=held)
    sys.stdout.buffer.write(page.write_pdf())
