"""The chart proven on a real cluster: `make cluster-test`."""
