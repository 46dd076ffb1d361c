"""How alembic runs here: on the connection that it is given, against the metadata that it is given."""

from typing import Any, Literal

from alembic import context

from chassis.crypto import Encrypted
from chassis.migrate import numbered


def render(kind: str, found: Any, _context: Any) -> str | Literal[False]:
    """A script names what stands in the database, not the Python type that fills it."""
    return "sa.LargeBinary()" if kind == "type" and isinstance(found, Encrypted) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    compare_type=True,
    render_item=render,
    include_object=numbered,
)
with context.begin_transaction():
    context.run_migrations()
