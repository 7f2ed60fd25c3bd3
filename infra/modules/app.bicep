param token string
param location string
param tags object
param identityId string
param identityClientId string
param storageName string
param packageContainer string
param vaultUri string

@secure()
param insightsConnectionString string
param workspaceId string

@description('Subnet of the app; empty outside a private network.')
param subnetId string
param pythonVersion string
param maximumInstances int

@description('Settings of Baselift that depend on the registry and on who may call.')
param settings object

var vaulted = {
  BASELIFT_SECRET_KEY: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/secret-key)'
  BASELIFT_WEBHOOK_SECRET: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/webhook-secret)'
}
var fixed = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  BASELIFT_BLOB_PROXY: empty(subnetId) ? 'false' : 'true'
  BASELIFT_ENGINE: 'acr'
  BASELIFT_RECONCILE: '0 * * * * *'
  BASELIFT_STATE: '/tmp/baselift'
  BASELIFT_TIMERS: '*/30 * * * * *'
  BASELIFT_TRUST_PROXY: 'true'
  OTEL_METRIC_EXPORT_INTERVAL: '120000'
}

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

module plan 'br/public:avm/res/web/serverfarm:0.7.0' = {
  name: 'plan'
  params: {
    name: 'plan-baselift-${token}'
    location: location
    tags: tags
    skuName: 'FC1'
    kind: 'functionapp'
    reserved: true
  }
}

module app 'br/public:avm/res/web/site:0.24.0' = {
  name: 'function-app'
  params: {
    name: 'func-baselift-${token}'
    location: location
    tags: union(tags, { 'azd-service-name': 'api' })
    kind: 'functionapp,linux'
    serverFarmResourceId: plan.outputs.resourceId
    httpsOnly: true
    keyVaultAccessIdentityResourceId: identityId
    managedIdentities: { userAssignedResourceIds: [identityId] }
    virtualNetworkSubnetResourceId: empty(subnetId) ? null : subnetId
    siteConfig: {
      alwaysOn: false
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
      }
    }
    configs: [
      {
        name: 'appsettings'
        properties: union(fixed, vaulted, settings)
      }
    ]
    diagnosticSettings: [{ workspaceResourceId: workspaceId }]
  }
}

output name string = app.outputs.name
output url string = 'https://${app.outputs.defaultHostname}'
