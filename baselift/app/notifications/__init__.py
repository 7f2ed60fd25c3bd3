"""Telling people's own systems what happened: who is to be told, what waits to be sent, sending it."""
