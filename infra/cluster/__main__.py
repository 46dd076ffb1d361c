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
import tempfile
import time
from pathlib import Path

from chassis.health import newest_script
from infra import images
from infra.cluster import checks
from infra.cluster.checks import MIGRATED
from infra.cluster.hands import Checks, Cluster, FailedError
from infra.local import machine
from infra.local.report import CannotContinueError

# what the next version has more than this one: a column that the code before it does not know
MIGRATION = """\"\"\"a column of a later version\"\"\"

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("purchase_requisition", sa.Column("of_a_later_version", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("purchase_requisition", "of_a_later_version")
"""


def built() -> str:
    """Build every image and hand it over."""
    began = time.monotonic()
    lines = list(images.images([]))
    return f"{len(lines)} images in {time.monotonic() - began:.0f} s"


def built_next(prefix: str, tag: str, following: str, load: str) -> str:
    """The same images once more as the next version, one service of which brings a migration."""
    program, before = images.builder(), newest_script(MIGRATED)
    number = f"{int(before) + 1:04d}"
    with tempfile.TemporaryDirectory(prefix="heyi-next-") as folder:
        script = Path(folder) / f"{number}_later.py"
        script.write_text(MIGRATION.format(number=number, before=before))
        script.chmod(0o644)
        for name in images.NAMES:
            lines = [f"FROM {prefix}/{name}:{tag}", f"LABEL org.opencontainers.image.version={following}"]
            if name in (MIGRATED, "all"):
                lines.append(f"COPY {script.name} /heyi/services/{MIGRATED}/migrations/versions/")
            (Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n")
            image = f"{prefix}/{name}:{following}"
            machine.run([program, "build", "-t", image, folder], saying=f"The image {image} could not be built")
            images.load(program, image, load)
    return f"{MIGRATED} with migration {number}"


def main() -> int:
    """Everything, in order."""
    seen = Checks()
    try:
        cluster = Cluster(os.environ.get("NAMESPACE") or "heyi-test")
        prefix = os.environ.get("IMAGES") or "localhost/heyi"
        tag, load = os.environ.get("TAG") or images.commit(), os.environ.get("LOAD")
        os.environ["TAG"] = tag
        run = checks.Run(cluster, seen, prefix=prefix, tag=tag)
        if load:
            ready = seen.run("images built and loaded", built)
            ready = ready and seen.run(
                "images of the next version built and loaded", lambda: built_next(prefix, tag, run.next, load)
            )
        else:
            seen.leave("images built and loaded", f"LOAD is not set: {prefix}/…:{tag} and {run.next} must be there")
            ready = True
        if ready:
            run.all()
    except (CannotContinueError, FailedError, subprocess.TimeoutExpired) as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        seen.failed += 1
    return seen.end()


if __name__ == "__main__":
    sys.exit(main())
