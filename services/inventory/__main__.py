"""`python -m inventory [migrate|run|republish --since T]`"""

from chassis.service import main
from inventory.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)
