"""The REST API's resources: parse, validate, merge, mask, print."""
