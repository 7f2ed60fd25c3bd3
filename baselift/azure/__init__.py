"""Adapters on the Azure SDKs: tables, queues, blobs."""
