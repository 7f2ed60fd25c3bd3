targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the azd environment. Names of resources are derived from it.')
param environmentName string

@minLength(1)
@description('Region of everything that is created. Flex Consumption must be offered there.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Object id of whoever deploys: may write the secrets of the vault. Empty in a pipeline whose identity has that role already.')
param principalId string

@description('Resource id of the registry to serve, in this subscription. Empty: a registry is created.')
param registryResourceId string

@description('Application id URI of the Entra application that callers get tokens for. Empty: only the clients of BASELIFT_CLIENTS may call, and there are none at first.')
param audience string

@description('Let people sign in to the dashboard by that application, which trusts the app\'s identity (docs/azure.md).')
param signIn bool

@description('Reach storage and vault over a private network only.')
param privateNetwork bool

@description('Where alerts go. Empty: alerts are raised, and nobody is told.')
param alertEmail string

@allowed(['3.11', '3.12', '3.13'])
@description('Python of the function app.')
param pythonVersion string

@minValue(1)
@maxValue(1000)
@description('Most instances of the function app.')
param maximumInstances int

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var given = !empty(registryResourceId)
var parts = split(registryResourceId, '/')
var registryName = given ? last(parts) : 'baselift${token}'
var registryGroup = given ? parts[4] : 'rg-${environmentName}'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-baselift-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    metricsPublisherId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    ownerId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    endpointsSubnetId: privateNetwork ? network!.outputs.endpointsSubnetId : ''
    zoneIds: privateNetwork ? network!.outputs.zoneIds : {}
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    readerId: identity.outputs.principalId
    officerId: principalId
    workspaceId: monitoring.outputs.workspaceId
    endpointsSubnetId: privateNetwork ? network!.outputs.endpointsSubnetId : ''
    zoneIds: privateNetwork ? network!.outputs.zoneIds : {}
  }
}

module newRegistry 'modules/registry.bicep' = if (!given) {
  name: 'registry'
  scope: group
  params: {
    name: registryName
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module registryAccess 'modules/registry-access.bicep' = {
  name: 'registry-access'
  scope: resourceGroup(registryGroup)
  params: {
    registryName: registryName
    builderId: identity.outputs.principalId
  }
  dependsOn: [newRegistry]
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    identityId: identity.outputs.resourceId
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    packageContainer: storage.outputs.packageContainer
    vaultUri: vault.outputs.uri
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    workspaceId: monitoring.outputs.workspaceId
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    pythonVersion: pythonVersion
    maximumInstances: maximumInstances
    settings: union(signIn && !empty(audience) ? { BASELIFT_SIGN_IN_IDENTITY: identity.outputs.clientId } : {}, {
      BASELIFT_SUBSCRIPTION: subscription().subscriptionId
      BASELIFT_RESOURCE_GROUP: registryGroup
      BASELIFT_REGISTRY_NAME: registryName
      BASELIFT_LOCATION: location
      BASELIFT_LOGIN_SERVER: registryAccess.outputs.loginServer
      BASELIFT_ACCESS: empty(audience) ? 'clients' : 'entra'
      BASELIFT_TENANT: tenant().tenantId
      BASELIFT_AUDIENCE: empty(audience) ? 'api://baselift' : audience
    })
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    storageId: storage.outputs.resourceId
    email: alertEmail
  }
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output AZURE_FUNCTION_APP string = app.outputs.name
output AZURE_VAULT_NAME string = vault.outputs.name
output AZURE_STORAGE_ID string = storage.outputs.resourceId
output AZURE_REGISTRY_ID string = registryAccess.outputs.resourceId
output BASELIFT_URL string = app.outputs.url
