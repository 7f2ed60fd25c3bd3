"""The real parts on one machine: storage, registry, git server and the function app, each started and supervised."""
