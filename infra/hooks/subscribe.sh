#!/bin/sh
# Subscribes the app to the registry's pushes. A registry that has a system topic keeps it.
set -eu

# The topic as "name group", when the registry has one.
topic=$(az eventgrid system-topic list --query "[?source=='$AZURE_REGISTRY_ID'] | [0].[name, resourceGroup]" \
    --output tsv | tr '\n' ' ')
# shellcheck disable=SC2086 # two words
set -- $topic

az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name baselift-events \
    --template-file "$(dirname "$0")/../events.bicep" --output none --parameters \
    functionAppName="$AZURE_FUNCTION_APP" registryId="$AZURE_REGISTRY_ID" storageId="$AZURE_STORAGE_ID" \
    existingTopicName="${1-}" existingTopicGroup="${2-$AZURE_RESOURCE_GROUP}"
echo "subscribed: pushes to ${AZURE_REGISTRY_ID##*/} reach $AZURE_FUNCTION_APP"
