"""The reconciler: reads every service's database on its own and says whether the books agree.

It shares no code with the services or the chassis, so that a fault of theirs cannot hide itself here: its own SQL, the
read-only role of each database, nothing else.
"""
