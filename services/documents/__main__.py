"""`python -m documents [migrate|run|republish --since T]`"""

from chassis.service import main
from documents.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)
