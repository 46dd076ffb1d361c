"""`python -m identity [run | migrate | republish --since INSTANT]`."""

from chassis.service import main
from identity.service import SERVICE

main(SERVICE)
