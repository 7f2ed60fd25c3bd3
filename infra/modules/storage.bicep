param token string
param location string
param tags object

@description('Principal of the app.')
param ownerId string
param workspaceId string

@description('Subnet for private endpoints; empty for a public account.')
param endpointsSubnetId string
param zoneIds object

var isolated = !empty(endpointsSubnetId)
var packageContainer = 'app-package'
var roles = ['Storage Blob Data Owner', 'Storage Queue Data Contributor', 'Storage Table Data Contributor']
var services = isolated ? ['blob', 'queue', 'table'] : []

module account 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'storage-account'
  params: {
    name: 'stbaselift${take(token, 13)}'
    location: location
    tags: tags
    skuName: 'Standard_ZRS'
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
    }
    blobServices: {
      containers: [
        { name: packageContainer }
        { name: 'deadletters' }
      ]
      deleteRetentionPolicyEnabled: true
      deleteRetentionPolicyDays: 7
    }
    privateEndpoints: [
      for service in services: {
        service: service
        subnetResourceId: endpointsSubnetId
        privateDnsZoneGroup: {
          privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zoneIds[service] }]
        }
      }
    ]
    roleAssignments: [
      for role in roles: {
        principalId: ownerId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: role
      }
    ]
    diagnosticSettings: [{ workspaceResourceId: workspaceId }]
  }
}

output name string = account.outputs.name
output resourceId string = account.outputs.resourceId
output packageContainer string = packageContainer
