"""`baselift`: the verbs of `az acr` on the official SDK."""
