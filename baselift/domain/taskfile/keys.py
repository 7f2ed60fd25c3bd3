"""The names that a task file may use, by where they stand (semantics 1.2, 1.3, 1.5 and 1.6)."""

from collections.abc import Mapping

KEYS: Mapping[str, frozenset[str]] = {
    "task": frozenset({
        "alias", "env", "networks", "secrets", "stepTimeout", "steps", "version", "volumes", "workingDirectory",
    }),
    "step": frozenset({
        "build", "cache", "cmd", "cmdDownloadRetries", "cmdDownloadRetryDelay", "cpus", "detach",
        "disableWorkingDirectoryOverride", "entryPoint", "env", "exitedWith", "exitedWithout", "expose", "id",
        "ignoreErrors", "isolation", "keep", "network", "ports", "privileged", "pull", "push", "repeat", "retries",
        "retryDelay", "retryOnErrors", "startDelay", "timeout", "user", "volumeMounts", "when", "workingDirectory",
    }),
    "network": frozenset({"driver", "ipv6", "isDefault", "name", "skipCreation"}),
    "volume": frozenset({"name", "secret"}),
    "mount": frozenset({"mountPath", "name"}),
    "secret": frozenset({"clientID", "id", "keyvault"}),
    "aliases": frozenset({"directive", "src", "values"}),
}  # fmt: skip
