"""A Functions host in one process: runs any Python v2 function app on the storage account that its settings name.

The entry points are `python -m baselift.host` and, for a test or a program, `baselift.host.server.running`.
"""
