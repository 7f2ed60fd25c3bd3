// Deployed after the app, by hooks/subscribe.sh: an event subscription needs its function to exist.

@description('Name of the function app.')
param functionAppName string

@description('Resource id of the registry, in this subscription.')
param registryId string

@description('Resource id of the storage account for events that could not be delivered.')
param storageId string

@description('Name of the registry\'s system topic; empty creates one. A registry has one at most.')
param existingTopicName string = ''

@description('Resource group of that topic.')
param existingTopicGroup string = resourceGroup().name

param location string = resourceGroup().location

var name = 'evgt-baselift-${uniqueString(registryId)}'

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

module topic 'br/public:avm/res/event-grid/system-topic:0.7.0' = if (empty(existingTopicName)) {
  name: 'system-topic'
  params: {
    name: name
    location: location
    source: registryId
    topicType: 'Microsoft.ContainerRegistry.Registries'
  }
}

module subscription 'modules/event-subscription.bicep' = {
  name: 'event-subscription'
  scope: resourceGroup(existingTopicGroup)
  params: {
    topicName: empty(existingTopicName) ? name : existingTopicName
    functionId: '${app.id}/functions/image_pushed'
    storageId: storageId
  }
  dependsOn: [topic]
}
