#!/bin/sh
# Makes the two secrets of the app in its vault, unless they are there. Their values pass through pipes only.
set -eu

make() { # name, command that prints a value
    if az keyvault secret show --vault-name "$AZURE_VAULT_NAME" --name "$1" --query id --output none 2>/dev/null; then
        echo "secret $1 is there"
        return
    fi
    umask 077
    file=$(mktemp)
    trap 'rm -f "$file"' EXIT
    $2 | tr -d '\n' >"$file"
    az keyvault secret set --vault-name "$AZURE_VAULT_NAME" --name "$1" --file "$file" --output none
    rm -f "$file"
    echo "secret $1 is made"
}

# Another of these keys would make everything unreadable that was encrypted with this one: they are made once.
make secret-key 'openssl rand -base64 32'
make webhook-secret 'openssl rand -hex 32'
