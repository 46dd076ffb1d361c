"""`python -m approval [migrate|run|republish --since T]`"""

from approval.service import SERVICE
from chassis.service import main

if __name__ == "__main__":
    main(SERVICE)
