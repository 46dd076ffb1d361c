"""How a peer's program is asked: a line of JSON in, a line of JSON out, until the asker hangs up."""

import json
import sys


def answer(play):
    """Answer each question with what `play(**question)` returns."""
    for line in sys.stdin:
        print(json.dumps(play(**json.loads(line))), flush=True)
