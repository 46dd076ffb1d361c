"""python -m procurement [run | migrate | republish --since INSTANT]"""

from chassis.service import main
from procurement.service import SERVICE

main(SERVICE)
