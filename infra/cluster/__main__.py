"""`make cluster-test`: the chart on the cluster that KUBECONFIG names. Ends with `cluster: N checks, 0 failed`.

KUBECONFIG=file make cluster-test LOAD="ctr -n k8s.io images import -"

LOAD=command    hands each image to the cluster's nodes: an archive on its standard input (as for `make images`)
IMAGES=prefix   with a registry: the images are pushed by whoever sets LOAD, and pulled under this name
NAMESPACE=name  where it is installed, heyi-test if not said; it must not exist, and is deleted at the end
KEEP=1          leaves it there
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from infra import images
from infra.cluster import checks
from infra.cluster.hands import Checks, Cluster, FailedError
from infra.local.report import CannotContinueError


def built(tag: str) -> str:
    """Build every image under a tag and hand it over."""
    began, os.environ["TAG"] = time.monotonic(), tag
    lines = list(images.images([]))
    return f"{len(lines)} images {tag} in {time.monotonic() - began:.0f} s"


def main() -> int:
    """Everything, in order."""
    seen = Checks()
    try:
        cluster = Cluster(os.environ.get("NAMESPACE") or "heyi-test")
        prefix = os.environ.get("IMAGES") or "localhost/heyi"
        run = checks.Run(cluster, seen, prefix=prefix, tag=os.environ.get("TAG") or images.commit())
        if os.environ.get("LOAD"):
            ready = seen.run("images built and loaded", lambda: built(run.tag))
            ready = ready and seen.run("images of the next version", lambda: built(run.next))
        else:
            seen.leave("images built and loaded", f"LOAD is not set: {prefix}/…:{run.tag} and {run.next} must be there")
            ready = True
        if ready:
            run.all()
    except (CannotContinueError, FailedError, subprocess.TimeoutExpired) as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        seen.failed += 1
    return seen.end()


if __name__ == "__main__":
    sys.exit(main())
