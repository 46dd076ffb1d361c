"""Steps of the tables that every service has alike; a service's own scripts name them, each under its number.

A step that was released does not change: the next change of a shared table is a step of its own.
"""
