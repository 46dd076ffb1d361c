"""The door: proto -> REST, login, sessions, live events. Everything it offers is read from the contract."""
